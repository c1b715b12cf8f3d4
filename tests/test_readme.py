"""The README's tables are what the code makes of them today, and what it names exists."""

from __future__ import annotations

import re
from pathlib import Path

from generate.readme import README, text

ROOT = Path(__file__).parents[1]


def test_the_tables_are_up_to_date() -> None:
    assert README.read_text(encoding="utf-8") == text(), "run: python3 make.py generate"


def test_every_linked_file_exists() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", README.read_text(encoding="utf-8"))

    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
