"""Reads YAML into types. A mistake is named by its file, its line and its place in the file."""

from __future__ import annotations

import io
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

import msgspec
import yaml
from yaml.constructor import SafeConstructor

from tap_dtm.metadata.model import CHOICES, CatalogueError
from tap_dtm.utf8 import text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from importlib.abc import Traversable

T = TypeVar("T")
Place = tuple["str | int", ...]

_TEXT: Final = "tag:yaml.org,2002:str"
_MISTAKE: Final = re.compile(r"(.*?)(?: - at `(?:key` in `)?\$(.*)`)?", re.DOTALL)  # in the words of msgspec
_REPLACED: Final = {"levels": "from_level", "replication": "replication_key"}  # keys of the release 0.1.0
_STEP: Final = re.compile(r"\.(\w+)|\[(\d+)\]")
_ALTERNATIVES: Final = re.compile(r"\{([^{}|]*(?:\|[^{}|]*)+)\}")


def read_yaml(path: Traversable, **sections: Traversable) -> Document:
    """Read a file whose top level is a mapping. Other files may be its sections.

    Raises:
        DtmError: A file is absent, not UTF-8, not YAML, not a mapping, or has a key or an entry twice.
    """
    node = _composed(path)
    node.value[:0] = [(yaml.ScalarNode(_TEXT, name), _composed(file)) for name, file in sections.items()]
    return Document(node)


def _composed(path: Traversable) -> yaml.MappingNode:
    try:
        text = text_of(path.read_bytes(), str(path))
        node = _nodes(text, str(path))
    except OSError as error:
        raise CatalogueError(f"{path}, line 1: the file cannot be read; expected {path.name} here.") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise CatalogueError(f"{path}, line {line}: not valid YAML, {error.problem}.") from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise CatalogueError(f"{path}, line {line}: not valid YAML, {error.reason}.") from error
    if not isinstance(node, yaml.MappingNode):
        what = "is empty" if node is None else "does not begin with a key"
        raise CatalogueError(f"{path}, line 1: the file {what}; expected a mapping.")
    return node


def _nodes(text: str, name: str) -> yaml.Node | None:
    """Parse YAML, in C where that is installed: every command does so when it starts, and it takes a tenth of the time.

    Mistakes are found by the parser in Python, so that they have the same names everywhere.
    """
    stream = io.StringIO(text)  # its name is the file of each node
    stream.name = name
    if yaml.__with_libyaml__:
        with suppress(yaml.YAMLError):
            return yaml.compose(stream, Loader=yaml.CSafeLoader)
        stream.seek(0)
    return yaml.compose(stream, Loader=yaml.SafeLoader)


class Document:
    """What YAML files hold, and where. Texts have no blanks around them."""

    def __init__(self, node: yaml.MappingNode) -> None:  # noqa: D107
        self._node = node
        self.content: dict[str, Any] = self._value(node, ())

    def _value(self, node: yaml.Node, place: Place) -> Any:  # noqa: ANN401
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, place)
        if isinstance(node, yaml.SequenceNode):
            items: list[Any] = []
            for number, each in enumerate(_entries(node)):
                item = self._value(each, (*place, number))
                if item in items:
                    _fail(each, place, f"lists {item!r} twice; expected once.")
                items.append(item)
            return items
        value = SafeConstructor().construct_object(node)
        return value.strip() if isinstance(value, str) else value

    def _mapping(self, node: yaml.MappingNode, place: Place) -> dict[str, Any]:
        values: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key, value in _pairs(node):
            if key.tag != _TEXT:
                _fail(key, place, f"the key {key.value} is not text in YAML: put quotes around it.")
            if key.value in values:
                _fail(key, place, f"{key.value!r} is declared twice, first on line {lines[key.value]}.")
            lines[key.value] = key.start_mark.line + 1 if key.start_mark else 1
            values[key.value] = self._value(value, (*place, key.value))
        return values

    def convert(self, place: Place, kind: type[T], **more: Any) -> T:  # noqa: ANN401
        """Return the value at a place as a type, if it is a mapping with more entries.

        Raises:
            CatalogueError: It is not of that type.
        """
        value: Any = self.content
        for step in place:
            value = value[step]
        try:
            return msgspec.convert({**more, **value} if isinstance(value, dict) else value, kind)
        except msgspec.ValidationError as error:
            below, problem = _explained(str(error))
        return self.fail((*place, *below), problem)

    def check_one_of(self, place: Place, value: str, names: Iterable[str], where: str = "") -> None:
        """Check that the text at a place is one of some names.

        Raises:
            CatalogueError: It is another text.
        """
        if value not in names:
            self.fail(place, f"unknown {value!r}; expected{where} one of: {', '.join(names)}.")

    def fail(self, place: Place, problem: str) -> NoReturn:
        """Report a mistake at a place, or the innermost place around it.

        Raises:
            CatalogueError: Always.
        """
        node: yaml.Node = self._node
        for step in place:
            pairs = _pairs(node) if isinstance(node, yaml.MappingNode) else enumerate(_entries(node))
            below = next((value for key, value in pairs if getattr(key, "value", key) == step), None)
            if below is None:
                break
            node = below
        _fail(node, place, problem)


def _entries(node: yaml.Node) -> Iterator[yaml.Node]:
    """Yield the entries of a list, and those of the lists in it, which are anchors of other lists."""
    for each in node.value:
        if isinstance(each, yaml.SequenceNode):
            yield from _entries(each)
        else:
            yield each


def _pairs(node: yaml.MappingNode) -> Iterator[tuple[yaml.Node, yaml.Node]]:
    """Yield keys and values: a key such as ``admin{0|1}_rows`` once for each alternative."""
    for key, value in node.value:
        found = _ALTERNATIVES.search(str(key.value))
        if found is None:
            yield key, value
        for number in range(found[1].count("|") + 1 if found else 0):
            yield _chosen(key, number), _chosen(value, number)


def _chosen(node: yaml.Node, number: int) -> yaml.Node:
    """Return a node with one of the alternatives in all of its texts."""
    if isinstance(node, yaml.ScalarNode):
        if any(found.count("|") < number for found in _ALTERNATIVES.findall(node.value)):
            _fail(node, (), f"{node.value!r} has fewer alternatives than the name that it is of.")
        chosen: Any = _ALTERNATIVES.sub(lambda found: found[1].split("|")[number], node.value)
    elif isinstance(node, yaml.MappingNode):
        chosen = [(key, _chosen(value, number)) for key, value in node.value]
    else:
        chosen = [entry for each in node.value if (entry := _chosen(each, number)).value]
    return type(node)(node.tag, chosen, node.start_mark, node.end_mark)


def _fail(node: yaml.Node, place: Place, problem: str) -> NoReturn:
    where = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place).removeprefix(".")
    words = f"{where}: {problem}" if where else problem
    raise CatalogueError(f"{node.start_mark.name}, line {node.start_mark.line + 1}: {words}")


def _explained(error: str) -> tuple[Place, str]:
    """Return the place that an error of msgspec names, and what is wrong there."""
    what, below = _MISTAKE.fullmatch(error).groups("")  # type: ignore[union-attr]
    steps = [name or int(index) for name, index in _STEP.findall(below)]
    if unknown := re.search(r"unknown field `(.+)`", what):
        steps.append(unknown[1])
        if unknown[1] in _REPLACED:
            what += f"; write {_REPLACED[unknown[1]]} instead"
    name = next((step for step in reversed(steps) if isinstance(step, str)), "")
    if "enum" in what and name in CHOICES:
        what += f"; expected one of: {', '.join(map(str, CHOICES[name]))}"
    return tuple(steps), f"{what[0].lower()}{what[1:]}."
