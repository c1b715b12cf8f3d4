"""The command ``source-dtm``, also as ``python -m tap_dtm.airbyte``."""

from __future__ import annotations

from tap_dtm import console


def main() -> None:
    """Run the source."""
    with console.loading():
        from tap_dtm.airbyte.command import main as command  # noqa: PLC0415  it imports libraries

    command()


if __name__ == "__main__":
    main()
