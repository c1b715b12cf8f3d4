"""Which addresses of pages and of people the metadata may name."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

_EMAIL: Final = re.compile(r"[\w.+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*", re.ASCII)


def is_web_address(text: str) -> bool:
    """Whether a text is the address of a web page: http or https, a host, and neither blanks nor control characters.

    Pages turn addresses into links, and a link of another scheme, such as ``javascript:``, may run a program.
    """
    if not text.isprintable() or any(letter.isspace() for letter in text) or "\\" in text:
        return False
    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        return False


def is_email_address(text: str) -> bool:
    """Whether a text is an e-mail address and nothing else."""
    return _EMAIL.fullmatch(text) is not None
