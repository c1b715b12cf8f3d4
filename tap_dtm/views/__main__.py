"""The command ``tap-dtm-views``, also as ``python -m tap_dtm.views``."""

from __future__ import annotations

from tap_dtm import console


def main() -> None:
    """Run it."""
    console.start("tap_dtm.views.command")


if __name__ == "__main__":
    main()
