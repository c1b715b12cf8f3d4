"""The Singer target: takes messages in, keeps rows between runs, and writes the files of a package.

May import ``descriptor`` alone.
"""


def main() -> None:
    """Run ``target-datapackage``: where the command was before it had a room of its own."""
    from frictionless_dtm.command import main as command  # noqa: PLC0415  this room is below the command

    command()
