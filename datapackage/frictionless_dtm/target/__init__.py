"""The Singer target: takes messages in, keeps rows between runs, and writes the files of a package.

May import ``descriptor`` alone.
"""

from __future__ import annotations

from tap_dtm import console


def main() -> None:
    """Run the command ``target-datapackage``."""
    console.start("frictionless_dtm.command")
