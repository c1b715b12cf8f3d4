"""Escapes values for Markdown.

The templates of Markdown files pass every value through `escaped`. It leaves values of the type `Markdown` unchanged,
which the functions of this module return.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

from jinja2 import Undefined

from tap_dtm.metadata import is_email_address, is_web_address

_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_SPECIAL: Final = re.compile(r"([\\`*_\[\]#|~$])")
# Characters that begin a list, a rule or the line below a heading, if they are the first in a line.
_FIRST: Final = re.compile(r"^(?:([-+=])|(\d{1,9})([.)])(?=\s|$))")
_IN_URLS: Final = ":/?#@!&'()*+,;=%[]~$"


class Markdown(str):
    """Text that is already Markdown."""

    __slots__ = ()


def escaped(value: object) -> Markdown:
    """Return Markdown that shows a value unchanged, on one line."""
    if isinstance(value, Markdown):
        return value
    if isinstance(value, Undefined):
        return Markdown(str(value))
    text = _line(value).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = _SPECIAL.sub(r"\\\1", text)
    return Markdown(_FIRST.sub(lambda match: f"\\{match[1]}" if match[1] else f"{match[2]}\\{match[3]}", text))


def code(value: object) -> Markdown:
    """Return a value as code on one line, which may be in a cell of a table."""
    text = _line(value)
    fence = _fence(text, 1)
    room = " " if text.startswith("`") or text.endswith("`") else ""
    return Markdown(f"{fence}{room}{text}{room}{fence}".replace("|", "\\|"))


def fenced(text: str, language: str) -> Markdown:
    """Return text as a block of code."""
    fence = _fence(text, 3)
    return Markdown(f"{fence}{language}\n{text}\n{fence}")


def url(value: str) -> Markdown:
    """Return the address of a web page as a link, and anything else as text."""
    return Markdown(f"<{quote(value, safe=_IN_URLS)}>") if is_web_address(value) else escaped(value)


def email(value: str) -> Markdown:
    """Return an e-mail address as a link, and anything else as text."""
    return Markdown(f"<{value}>") if is_email_address(value) else escaped(value)


def link(path: str) -> Markdown:
    """Return the path of a file as the target of a link."""
    return Markdown(quote(path))


def _line(value: object) -> str:
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", " ".join(str(value).split()))


def _fence(text: str, least: int) -> str:
    longest = max(map(len, re.findall("`+", text)), default=0)
    return "`" * max(least, longest + 1)
