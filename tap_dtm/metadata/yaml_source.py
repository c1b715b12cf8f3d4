"""Reads YAML into types. A mistake is named by its file, its line and its place in the file."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

import msgspec
import yaml
from yaml.constructor import SafeConstructor

from tap_dtm.metadata.model import CHOICES, CatalogueError
from tap_dtm.utf8 import HOW_TO_SAVE

if TYPE_CHECKING:
    from importlib.abc import Traversable

T = TypeVar("T")
Place = tuple["str | int", ...]

_AT: Final = re.compile(r"(?P<what>.*?)(?: - at `(?:key` in `)?\$(?P<place>.*)`)?", re.DOTALL)
_STEP: Final = re.compile(r"\.(?P<name>\w+)|\[(?P<index>\d+|\.\.\.)\]")


def read_yaml(folder: Traversable, *names: str) -> Document:
    """Read one file whose top level is a mapping.

    Raises:
        CatalogueError: The file is absent, not UTF-8, not YAML, not a mapping, or has a key or an entry twice.
    """
    place = folder.joinpath(*names) if names else folder
    file = str(place)
    try:
        content = place.read_bytes()
    except OSError as error:
        raise CatalogueError(f"{file}, line 1: the file cannot be read; expected {place.name} here.") from error
    try:
        text = content.decode("utf-8")
        node = _compose(text)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise CatalogueError(f"{file}, line {line}: not encoded in UTF-8. {HOW_TO_SAVE}") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise CatalogueError(f"{file}, line {line}: not valid YAML, {error.problem}.") from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise CatalogueError(f"{file}, line {line}: not valid YAML, {error.reason}.") from error
    if not isinstance(node, yaml.MappingNode):
        what = "is empty" if node is None else "does not begin with a key"
        raise CatalogueError(f"{file}, line 1: the file {what}; expected a mapping.")
    return Document(file, node)


def _compose(text: str) -> yaml.Node | None:
    """Read YAML, in C where that is installed: every command does so when it starts, and it takes a tenth of the time.

    Mistakes are found by the reader in Python, so that they have the same names everywhere.
    """
    if yaml.__with_libyaml__:
        with suppress(yaml.YAMLError):
            return yaml.compose(text, Loader=yaml.CSafeLoader)
    return yaml.compose(text, Loader=yaml.SafeLoader)


class Document:
    """One YAML file: its values, and where they are."""

    def __init__(self, file: str, node: yaml.MappingNode) -> None:  # noqa: D107
        self._file = file
        self._node = node
        self.content: dict[str, Any] = self._value(node, ())

    def _value(self, node: yaml.Node, place: Place) -> Any:  # noqa: ANN401
        """Return what a node holds, texts without blanks around them."""
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, place)
        if isinstance(node, yaml.SequenceNode):
            items: list[Any] = []
            for number, each in enumerate(node.value):
                item = self._value(each, (*place, number))
                if item in items:
                    self._fail(each, place, f"lists {item!r} twice; expected once.")
                items.append(item)
            return items
        value = SafeConstructor().construct_object(node)
        return value.strip() if isinstance(value, str) else value

    def _mapping(self, node: yaml.MappingNode, place: Place) -> dict[str, Any]:
        values: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key, value in node.value:
            if key.tag != "tag:yaml.org,2002:str":
                self._fail(key, place, f"the key {key.value} is not text in YAML: put quotes around it.")
            if key.value in values:
                self._fail(key, place, f"{key.value!r} is declared twice, first on line {lines[key.value]}.")
            lines[key.value] = key.start_mark.line + 1
            values[key.value] = self._value(value, (*place, key.value))
        return values

    def expect(self, *names: str) -> None:
        """Check that the file has no keys but these.

        Raises:
            CatalogueError: It has another one.
        """
        for name in self.content:
            if name not in names:
                self.fail((name,), f"unknown; expected one of: {', '.join(names)}.")

    def section(self, name: str) -> dict[str, Any]:
        """Return the mapping under a key of the file; an empty one without the key.

        Raises:
            CatalogueError: It is not a mapping.
        """
        if not isinstance(value := self.content.get(name) or {}, dict):
            self.fail((name,), "expected a mapping.")
        return value

    def at(self, place: Place) -> Any:  # noqa: ANN401
        """Return what the file holds at a place."""
        value: Any = self.content
        for step in place:
            value = value[step]
        return value

    def within(self, name: str) -> Document:
        """Return the mapping under a key of the file as if it were a file; an empty one without the key.

        Raises:
            CatalogueError: It is not a mapping.
        """
        node = self._find((name,)) if name in self.content else yaml.MappingNode("tag:yaml.org,2002:map", [])
        if not isinstance(node, yaml.MappingNode):
            self.fail((name,), "expected a mapping.")
        node.start_mark = node.start_mark or self._node.start_mark
        return Document(self._file, node)

    def convert(self, place: Place, kind: type[T], **more: Any) -> T:  # noqa: ANN401
        """Return the value at a place as a type.

        Args:
            place: The keys that lead to it.
            kind: The type.
            more: Entries of a mapping that the file does not have.

        Raises:
            CatalogueError: It is not of that type.
        """
        value = self.at(place)
        try:
            return msgspec.convert({**more, **value} if isinstance(value, dict) else value, kind)
        except msgspec.ValidationError as error:
            below, problem = _explained(str(error))
        return self.fail((*place, *below), problem)

    def fail(self, place: Place, problem: str) -> NoReturn:
        """Complain about what is at a place.

        Raises:
            CatalogueError: Always.
        """
        self._fail(self._find(place), place, problem)

    def _find(self, place: Place) -> yaml.Node:
        """Return the node at a place, or the innermost one around it."""
        node: yaml.Node = self._node
        for step in place:
            if isinstance(node, yaml.MappingNode):
                below = next((value for key, value in node.value if key.value == step), None)
            else:
                below = node.value[step] if isinstance(step, int) and step < len(node.value) else None
            if below is None:
                break
            node = below
        return node

    def _fail(self, node: yaml.Node, place: Place, problem: str) -> NoReturn:
        where = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place).removeprefix(".")
        words = f"{where}: {problem}" if where else problem
        raise CatalogueError(f"{self._file}, line {node.start_mark.line + 1}: {words}")


def _explained(error: str) -> tuple[Place, str]:
    """Return the place that an error of msgspec names, and what is wrong there."""
    found = _AT.fullmatch(error)
    what, below = (found["what"], found["place"] or "") if found else (error, "")
    steps: list[str | int] = []
    for step in _STEP.finditer(below):
        if step["name"]:
            steps.append(step["name"])
        elif step["index"] != "...":  # some key of a mapping
            steps.append(int(step["index"]))
    if unknown := re.search(r"unknown field `(.+)`", what):
        steps.append(unknown[1])
    names = [step for step in steps if isinstance(step, str)]
    if "enum" in what and names and names[-1] in CHOICES:
        what += f"; expected one of: {', '.join(map(str, CHOICES[names[-1]]))}"
    return tuple(steps), f"{what[0].lower()}{what[1:]}."
