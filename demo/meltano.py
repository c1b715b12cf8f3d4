"""`python -m demo.meltano` is Meltano, and works even in a folder with a % in its path.

Meltano passes the path of its own files to Alembic, whose settings need a doubled %.
"""

from __future__ import annotations

from alembic.config import Config
from meltano import cli

_set_main_option = Config.set_main_option


def _set_literally(self: Config, name: str, value: str) -> None:
    _set_main_option(self, name, value.replace("%", "%%"))


def main() -> None:
    """Run Meltano."""
    Config.set_main_option = _set_literally  # type: ignore[method-assign]
    cli.main()


if __name__ == "__main__":
    main()
