"""The commands ``tap-dtm`` (also ``python -m tap_dtm``) and ``dtm-sandbox``."""

from __future__ import annotations

from tap_dtm import console


def main() -> None:
    """Run the tap."""
    console.start("tap_dtm.singer.command")


def sandbox() -> None:
    """Run the sandbox."""
    console.start("tap_dtm.sandbox.__main__")


if __name__ == "__main__":
    main()
