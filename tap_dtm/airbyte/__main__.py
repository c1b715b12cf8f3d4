"""The command ``source-dtm``, also as ``python -m tap_dtm.airbyte``."""

from __future__ import annotations

from tap_dtm import console


def main() -> None:
    """Run the source."""
    console.start("tap_dtm.airbyte.command")


if __name__ == "__main__":
    main()
