"""The README and the pages of docs/, as readers find them, and their code as they would copy it."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
DOCS = ROOT / "docs"
_BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)


def page(name: str) -> str:
    """Return the text of a page of docs/."""
    return (DOCS / f"{name}.md").read_text("utf-8")


def section(name: str, heading: str) -> str:
    """Return what a page has under a heading, up to the next one."""
    parts = re.split(r"^#+ (.+)$", page(name), flags=re.MULTILINE)
    return parts[parts.index(heading) + 1]


def blocks(text: str, *languages: str) -> list[str]:
    """Return the blocks of code, of these languages or of all."""
    found = [(language, textwrap.dedent(code)) for _, language, code in _BLOCK.findall(text)]
    return [code for language, code in found if not languages or language in languages]


def snippet(name: str, heading: str, first_words: str) -> str:
    """Return the one block of a section that begins with these words."""
    (block,) = [block for block in blocks(section(name, heading)) if block.startswith(first_words)]
    return block
