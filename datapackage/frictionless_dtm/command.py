"""``target-datapackage``: a Singer target that writes a Frictionless Data Package."""

from __future__ import annotations

import gc
import os
import sqlite3
import sys
from contextlib import contextmanager
from functools import partial
from itertools import islice
from typing import IO, TYPE_CHECKING, Any, ClassVar, Final, NoReturn

from singer_sdk import Target
from singer_sdk.contrib.msgspec import MsgSpecReader
from singer_sdk.helpers.capabilities import PluginCapabilities
from typing_extensions import override

from frictionless_dtm.descriptor.settings import SETTINGS, Settings
from frictionless_dtm.extra import require
from frictionless_dtm.target.folder import Folder
from frictionless_dtm.target.intake import LONGEST_LINE, Intake
from frictionless_dtm.target.packager import Packager
from frictionless_dtm.target.store import NOTHING_KEPT, Store
from tap_dtm import console
from tap_dtm.errors import DtmError, DtmOutputError
from tap_dtm.settings import schema_of
from tap_dtm.singer.config_files import CheckedConfig
from tap_dtm.utf8 import BOM, is_utf_16

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path
    from types import FrameType

    import click

    from frictionless_dtm.descriptor.contents import Contents, Derived


# By SQLite's text, because error codes need Python 3.11.
_ADVICE: Final = {
    "database is locked": "another run is writing this data package; wait for it to end",
    "disk is full": "the disk is full; make room",
    "readonly database": "this user may not write it; change its permissions",
    "unable to open": "it cannot be opened; check the permissions of the file and its folder",
    "not a database": "it is damaged; restore it from a backup, or name another folder and start without state",
    "malformed": "it is damaged; restore it from a backup, or name another folder and start without state",
    "disk I/O error": "the disk cannot be read or written; check the disk, and the permissions of the folder",
}


class _Reader(MsgSpecReader):
    """Passes all lines to one function. The SDK's own handling of each record takes ten times as long."""

    def __init__(self, read: Callable[[Iterable[bytes]], Counter[str]]) -> None:
        super().__init__()
        self._read = read

    @override
    def process_lines(
        self,
        file_input: IO[str] | None,
        callbacks: dict[str, Callable[[dict[str, Any]], None]],
    ) -> Counter[str]:
        text = file_input or sys.stdin or ()
        lines: Iterable[bytes] = (line.encode() for line in text)
        if file := getattr(text, "buffer", None):
            lines = iter(partial(file.readline, LONGEST_LINE + 1), b"")  # longer lines are refused
        return self._read(_in_utf8(lines))


def _in_utf8(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines without the byte order mark that PowerShell writes before the first one.

    Raises:
        DtmError: The first line is UTF-16.
    """
    lines = iter(lines)
    for first in islice(lines, 1):
        if is_utf_16(first):
            raise DtmError(
                "The input is encoded in UTF-16, not in UTF-8. Use a pipe of PowerShell 7.4 or newer, or cmd."
            )
        yield first.removeprefix(BOM)
    yield from lines


class TargetDataPackage(CheckedConfig, Target):
    """Singer target that writes a Frictionless Data Package v2."""

    name = "target-datapackage"
    package_name = "tap-dtm"
    config_jsonschema: ClassVar[dict[str, Any]] = schema_of(SETTINGS, required=["path"])
    capabilities: ClassVar[list[Any]] = [PluginCapabilities.ABOUT]
    _is_open = _is_delivering = False

    def __init__(self, **options: Any) -> None:  # noqa: ANN401
        """Open the store next to the folder.

        Raises:
            DtmError: A setting is wrong, or the folder cannot be used.
        """
        super().__init__(**options, setup_mapper=False, message_reader=_Reader(self._read))
        settings = Settings.from_config(self.config)
        needed = {"pyarrow": "parquet" in settings.formats, "xlsxwriter": settings.has_workbook}
        require("duckdb", "jinja2", *(name for name, is_needed in needed.items() if is_needed))
        self._folder = folder = Folder(settings.path)
        self._explained = partial(_explained, folder.store, self._outcome)
        with self._explained():
            self._store = Store(folder.store)
            try:
                self._packager = Packager(self._store, settings, folder, _render, _derive)
            except BaseException:
                self._store.close()
                raise
        self._intake = Intake(self._store)
        self._is_open = True

    def _read(self, lines: Iterable[bytes]) -> Counter[str]:
        with self._explained():
            return self._intake.read(lines)

    @override
    def process_endofpipe(self) -> None:
        """Write the package, and confirm the state only after that."""
        with self._explained():
            discarded = self._intake.finish()
            is_written = self._packager.write(self._intake.state)
            is_empty = not self._store.streams
        if discarded:
            self.logger.warning(
                "The input ended early. %d records after the last state were discarded; the next run delivers them.",
                discarded,
            )
        if is_empty:
            self.logger.warning("The input announced no stream, so there is no data package %s yet", self._folder.path)
        elif is_written:
            self.logger.info("Wrote the data package %s", self._folder.path)
        else:
            self.logger.info("Nothing has changed: the data package %s is up to date", self._folder.path)
        self.close()
        if self._intake.has_state:
            self._is_delivering = True
            _deliver(self._intake.state_as_sent, self._packager.next_run)

    def close(self) -> None:
        """Close the store. Uncommitted rows are discarded."""
        self._store.close()

    @classmethod
    @override
    def get_singer_command(cls) -> click.Command:
        """Return the command, with help that names the other commands of this program."""
        command = super().get_singer_command()
        command.help = "Write the messages of a Singer tap as a Frictionless Data Package."
        command.epilog = (
            "To publish a finished package as an archive or to CKAN: target-datapackage publish --help. "
            "To look at one in Datasette: target-datapackage datasette --help"
        )
        return command

    @classmethod
    @override
    def append_builtin_config(cls, config_jsonschema: dict[str, Any]) -> None:
        """Add none of the SDK's settings, because they have no meaning here."""

    @override
    def _handle_termination(self, signum: int, frame: FrameType | None) -> NoReturn:
        """End at once, and report the outcome of the run."""
        self.logger.warning("Stopped by signal %d. %s", signum, self._outcome())
        sys.exit(128 + signum)

    def _outcome(self) -> str:
        if self._is_delivering:
            return f"The data package is complete. If its state was not delivered: {self._packager.next_run}"
        return self._packager.outcome if self._is_open else NOTHING_KEPT


@contextmanager
def _explained(path: Path, outcome: Callable[[], str]) -> Iterator[None]:
    """Raise errors of the store and the input as one sentence, followed by the outcome for the data package."""
    try:
        yield
    except sqlite3.Error as error:
        advice = next((advice for words, advice in _ADVICE.items() if words in str(error)), "check the file")
        raise DtmError(f"The target's record {path} cannot be used ({error}): {advice}. {outcome()}") from error
    except OSError as error:
        name = f" ({os.fsdecode(error.filename)})" if error.filename else ""
        raise DtmError(
            f"Cannot write the data package: {error.strerror or type(error).__name__}{name}. {outcome()}"
        ) from error
    except RecursionError as error:
        raise DtmError(f"The input has JSON that is nested too deeply. {outcome()}") from error
    except UnicodeDecodeError as error:
        raise DtmError(f"The input is not UTF-8 ({error}). {outcome()}") from error


def _deliver(state: str, next_run: str) -> None:
    """Write the state, as JSON. The package already has the data that the state describes.

    Raises:
        DtmOutputError: The state cannot be written. The message ends with the sentence about the next run.
    """
    try:
        sys.stdout.write(state + "\n")
        sys.stdout.flush()
    except (DtmOutputError, OSError, ValueError) as error:
        reason = getattr(error.__cause__ or error, "strerror", None) or "standard output is closed"
        raise DtmOutputError(
            f"The data package is complete, but its state could not be delivered ({reason}). {next_run}"
        ) from error


def _render(contents: Contents) -> Mapping[str, bytes]:
    from frictionless_dtm.pages import render  # noqa: PLC0415  loaded only when a package is written

    return render(contents)


def _derive(contents: Contents) -> Sequence[Derived]:
    from frictionless_dtm.quality.derived import derived_tables  # noqa: PLC0415  see above

    return list(derived_tables(contents))


def main() -> None:
    """Run the target, ``publish`` or ``datasette``."""
    console.run("target-datapackage", _command, secrets=["CKAN_API_TOKEN"])


def _command() -> None:
    if sys.argv[1:2] == ["datasette"]:
        from frictionless_dtm.datasette import datasette  # noqa: PLC0415  another command

        datasette(sys.argv[2:], prog_name="target-datapackage datasette")
    elif sys.argv[1:2] == ["publish"]:
        from frictionless_dtm.publish.command import publish  # noqa: PLC0415  another command

        publish(sys.argv[2:], prog_name="target-datapackage publish")
    else:
        # Rows have no reference cycles. The search for cycles in millions of rows takes a tenth of the time.
        gc.set_threshold(200_000)
        TargetDataPackage.cli()


if __name__ == "__main__":
    main()
