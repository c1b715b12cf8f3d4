"""The commands ``tap-dtm`` (also ``python -m tap_dtm``) and ``dtm-sandbox``. Both set UTF-8 before other imports."""

from __future__ import annotations

from tap_dtm import console


def main() -> None:
    """Run the tap."""
    with console.loading():
        from tap_dtm.singer.command import main as command  # noqa: PLC0415  it imports libraries

    command()


def sandbox() -> None:
    """Run the sandbox."""
    with console.loading():
        from tap_dtm.sandbox.__main__ import main as command  # noqa: PLC0415  it imports libraries

    command()


if __name__ == "__main__":
    main()
