"""YAML that remembers its lines, so that every complaint says where to look."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NoReturn

import yaml
from yaml.constructor import SafeConstructor

from tap_dtm.metadata.addresses import is_email_address, is_web_address
from tap_dtm.metadata.model import CatalogueError
from tap_dtm.utf8 import HOW_TO_SAVE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from importlib.abc import Traversable

_TAG: Final = "tag:yaml.org,2002:"
_KINDS: Final = {
    "str": "text",
    "int": "a whole number",
    "float": "a decimal number",
    "bool": "true or false",
    "null": "nothing",
    "timestamp": "a date (put quotes around it)",
    "seq": "a list",
    "map": "a mapping",
}


def read_yaml(folder: Traversable, name: str) -> Section:
    """Read one file whose top level is a mapping.

    Raises:
        CatalogueError: The file is absent, not UTF-8, not YAML, or not a mapping.
    """
    file = str(folder.joinpath(name))
    try:
        content = folder.joinpath(name).read_bytes()
    except OSError as error:
        raise CatalogueError(f"{file}, line 1: the file cannot be read; expected {name} here.") from error
    try:
        text = content.decode("utf-8")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise CatalogueError(f"{file}, line {line}: not encoded in UTF-8. {HOW_TO_SAVE}") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise CatalogueError(f"{file}, line {line}: not valid YAML, {error.problem}.") from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise CatalogueError(f"{file}, line {line}: not valid YAML, {error.reason}.") from error
    if node is None:
        raise CatalogueError(f"{file}, line 1: the file is empty; expected a mapping.")
    return Section(file, "the file", node)


class Section:
    """One mapping of a YAML file; its values are asked for by key and type."""

    def __init__(self, file: str, name: str, node: yaml.Node) -> None:
        """Take a mapping node; `name` is what complaints call it.

        Raises:
            CatalogueError: The node is no mapping, or has a key twice, or a key that is not text.
        """
        self._file = file
        self._node = node
        self.name = name
        self._entries: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        if not isinstance(node, yaml.MappingNode):
            self._fail(node, f"{name} is {_kind(node)}; expected a mapping.")
        for key, value in node.value:
            if key.tag != f"{_TAG}str":
                self._fail(key, f"a key of {name} is {_kind(key)}; expected text.")
            if key.value in self._entries:
                first = self._entries[key.value][0].start_mark.line + 1
                self._fail(
                    key,
                    f"{key.value!r} is declared twice in {name}, first on line {first}; expected once.",
                )
            self._entries[key.value] = (key, value)

    def expect(self, required: Collection[str], optional: Collection[str] = ()) -> None:
        """Check that all required keys are here and none that is unknown.

        Raises:
            CatalogueError: A key is missing or unknown.
        """
        known = [*required, *optional]
        expected = f"one of: {', '.join(known)}" if known else "no keys at all"
        for key, (key_node, _) in self._entries.items():
            if key not in known:
                self._fail(key_node, f"{self.name} has the unknown key {key!r}; expected {expected}.")
        for key in required:
            if key not in self._entries:
                self._fail(self._node, f"{self.name} lacks the key {key!r}; expected it here.")

    def fail(self, key: str, problem: str, *, item: str | None = None) -> NoReturn:
        """Complain about the value of a key that is here, or about one text in its list.

        Raises:
            CatalogueError: Always.
        """
        node = self._entries[key][1]
        nodes = [entry for entry in self._items(key) if entry.value == item] if item is not None else []
        self._fail(nodes[0] if nodes else node, problem)

    def text(self, key: str) -> str:
        """Return the text of a required key."""
        return self._text(key, self._entries[key][1])

    def optional_text(self, key: str) -> str | None:
        """Return the text of a key, or None without it."""
        return self.text(key) if key in self._entries else None

    def web_address(self, key: str) -> str:
        """Return the address of a web page under a required key."""
        text = self.text(key)
        if not is_web_address(text):
            self.fail(key, f"{key!r} of {self.name} is {text!r}; expected an address with http:// or https://.")
        return text

    def email_address(self, key: str) -> str:
        """Return the e-mail address under a required key."""
        text = self.text(key)
        if not is_email_address(text):
            self.fail(key, f"{key!r} of {self.name} is {text!r}; expected an e-mail address.")
        return text

    def choice(self, key: str, choices: Collection[str]) -> str:
        """Return the text of a required key, which is one of the choices."""
        return self._choice(key, self._entries[key][1], choices)

    def texts(self, key: str, choices: Collection[str] | None = None) -> tuple[str, ...]:
        """Return a list of different texts, each one of the choices if given; empty without the key."""
        values: list[str] = []
        for node in self._items(key):
            value = self._text(key, node) if choices is None else self._choice(key, node, choices)
            if value in values:
                self._fail(node, f"{key!r} of {self.name} lists {value!r} twice; expected once.")
            values.append(value)
        return tuple(values)

    def integer(self, key: str) -> int:
        """Return the whole number of a required key."""
        return self._integer(key, self._entries[key][1])

    def integers(self, key: str) -> tuple[int, ...]:
        """Return a list of whole numbers; empty without the key."""
        return tuple(self._integer(key, node) for node in self._items(key))

    def flag(self, key: str) -> bool:
        """Return the truth value of a required key."""
        return bool(SafeConstructor().construct_yaml_bool(self._scalar(key, self._entries[key][1], "bool")))

    def section(self, key: str) -> Section:
        """Return the mapping below a required key."""
        return Section(self._file, f"{key!r} of {self.name}", self._entries[key][1])

    def sections(self, noun: str) -> Iterator[tuple[str, Section]]:
        """Yield each key with the mapping below it; complaints call it by the noun and its key."""
        for key, (_, value) in self._entries.items():
            yield key, Section(self._file, f"the {noun} {key!r}", value)

    def listed_sections(self, key: str) -> Iterator[Section]:
        """Yield the mappings of a list; none without the key."""
        for node in self._items(key):
            yield Section(self._file, f"an entry of {key!r} of {self.name}", node)

    def __contains__(self, key: object) -> bool:
        """Say whether the mapping has this key."""
        return key in self._entries

    def __iter__(self) -> Iterator[str]:
        """Yield the keys in the order of the file."""
        return iter(self._entries)

    def _items(self, key: str) -> list[yaml.Node]:
        if key not in self._entries:
            return []
        node = self._entries[key][1]
        if not isinstance(node, yaml.SequenceNode):
            self._fail_kind(key, node, "seq")
        if not node.value:
            self._fail(node, f"{key!r} of {self.name} is an empty list; expected an entry, or no such key.")
        return list(node.value)

    def _text(self, key: str, node: yaml.Node) -> str:
        text = str(self._scalar(key, node, "str").value).strip()
        if not text:
            self._fail(node, f"{key!r} of {self.name} is empty; expected text.")
        return text

    def _integer(self, key: str, node: yaml.Node) -> int:
        return int(SafeConstructor().construct_yaml_int(self._scalar(key, node, "int")))

    def _choice(self, key: str, node: yaml.Node, choices: Collection[str]) -> str:
        value = self._text(key, node)
        if value not in choices:
            expected = ", ".join(choices)
            self._fail(node, f"{key!r} of {self.name} is {value!r}; expected one of: {expected}.")
        return value

    def _scalar(self, key: str, node: yaml.Node, kind: str) -> yaml.ScalarNode:
        if not isinstance(node, yaml.ScalarNode) or node.tag != f"{_TAG}{kind}":
            self._fail_kind(key, node, kind)
        return node

    def _fail_kind(self, key: str, node: yaml.Node, kind: str) -> NoReturn:
        self._fail(node, f"{key!r} of {self.name} is {_kind(node)}; expected {_KINDS[kind]}.")

    def _fail(self, node: yaml.Node, problem: str) -> NoReturn:
        raise CatalogueError(f"{self._file}, line {node.start_mark.line + 1}: {problem}")


def _kind(node: yaml.Node) -> str:
    return _KINDS.get(node.tag.removeprefix(_TAG), "something else")
