"""The Singer target: takes messages in, keeps rows between runs, and writes the files of a package.

May import ``descriptor`` alone.
"""

from __future__ import annotations

from tap_dtm import console


def main() -> None:
    """Run the command ``target-datapackage``."""
    with console.loading():
        from frictionless_dtm.command import main as command  # noqa: PLC0415  it imports libraries

    command()
