"""The command ``tap-dtm-views``, also as ``python -m tap_dtm.views``."""

from __future__ import annotations

from tap_dtm import console


def main() -> None:
    """Run it."""
    with console.loading():
        from tap_dtm.views.command import main as command  # noqa: PLC0415  it imports libraries

    command()


if __name__ == "__main__":
    main()
