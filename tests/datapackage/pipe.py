"""Runs target-datapackage inside the tests' process, and reads what it has written."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import warnings
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from frictionless import validate
from frictionless_dtm import command as target_module
from frictionless_dtm.command import TargetDataPackage
from typing_extensions import override

from tests.target import MemoryTarget

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.target import Message

PROFILES = Path(__file__).parents[3] / "shared" / "profiles"


class Killed(BaseException):
    """The process is killed here: nothing after this line is run."""


class PackageTarget(MemoryTarget):
    """A package on disk as the target of `run_tap`: collects the messages of a run, then writes them.

    `state` is what the target has confirmed; the next run of the tap goes on from it.
    """

    def __init__(self, folder: Path, **config: Any) -> None:
        super().__init__()
        self.folder = folder
        self.config = config
        self.messages: list[Message] = []

    @override
    def handle(self, message: Message) -> None:
        self.messages.append(message)

    def finish(self) -> None:
        """Let the target read what was collected, to the end."""
        messages, self.messages = self.messages, []
        state = run_target(messages, self.folder, **self.config)
        if state is not None:
            self.state = state

    @override
    def live(self, stream: str) -> list[dict[str, Any]]:
        return [{**row, "_sdc_deleted_at": None} for row in typed_rows(self.folder, stream)]


def run_target(messages: Iterable[Message], folder: Path, **config: Any) -> Any:
    """Run once, and return the state that was confirmed; None for none."""
    output = io.StringIO()
    with redirect_stdout(output):
        target = TargetDataPackage(config={"path": str(folder), **config})
        try:
            target.listen(io.StringIO("".join(json.dumps(message) + "\n" for message in messages)))
        finally:
            target.close()
    lines = output.getvalue().splitlines()
    return json.loads(lines[-1]) if lines else None


def run_lines(folder: Path, *lines: Message | str, **config: Any) -> str:
    """Let the target read lines as they are, and return what it wrote to standard output."""
    output = io.StringIO()
    with redirect_stdout(output):
        target = TargetDataPackage(config={"path": str(folder), **config})
        try:
            target.listen(
                io.StringIO("".join((each if isinstance(each, str) else json.dumps(each)) + "\n" for each in lines))
            )
        finally:
            target.close()
    return output.getvalue()


def descriptor(folder: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((folder / "datapackage.json").read_text(encoding="utf-8"))
    return loaded


def resource(folder: Path, name: str) -> dict[str, Any]:
    return next(each for each in descriptor(folder)["resources"] if each["name"] == name)


def read_csv(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / resource(folder, name)["path"]).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def typed_rows(folder: Path, name: str) -> list[dict[str, Any]]:
    """Return a resource's rows, read by its schema: integers as such, nothing as None."""
    if not folder.exists() or all(each["name"] != name for each in descriptor(folder)["resources"]):
        return []
    types = {field["name"]: field["type"] for field in resource(folder, name)["schema"]["fields"]}
    return [
        {field: None if text == "" else int(text) if types[field] == "integer" else text for field, text in row.items()}
        for row in read_csv(folder, name)
    ]


def problems(folder: Path) -> list[Any]:
    """Return what frictionless and the standard's own JSON Schema find wrong in a package."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of libraries that frictionless uses
        report = validate(str(folder / "datapackage.json"))
    found: list[Any] = [] if report.valid else report.flatten(["name", "type", "message"]) or [report.errors]
    if PROFILES.is_dir():
        profile = json.loads((PROFILES / "datapackage.json").read_text(encoding="utf-8"))
        found += [error.message for error in jsonschema.Draft7Validator(profile).iter_errors(descriptor(folder))]
    return found


def content(folder: Path) -> dict[str, bytes]:
    """Return every file of a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


@contextlib.contextmanager
def without_pages() -> Iterator[None]:
    """Let packages consist of data and descriptor only, which takes less time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(target_module, "_render", lambda _: {})
        yield
