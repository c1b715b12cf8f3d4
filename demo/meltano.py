"""`python -m demo.meltano` is Meltano, also in a folder that has a % in its path.

Meltano hands the path of its own files to Alembic, in whose settings a % must be doubled.
"""

from __future__ import annotations

from alembic.config import Config
from meltano.cli import main

_set_main_option = Config.set_main_option


def _set_literally(self: Config, name: str, value: str) -> None:
    _set_main_option(self, name, value.replace("%", "%%"))


if __name__ == "__main__":
    Config.set_main_option = _set_literally  # type: ignore[method-assign]
    main()
