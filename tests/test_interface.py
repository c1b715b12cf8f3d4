"""The page of the public interface is what the code makes of it today."""

from __future__ import annotations

import pytest

from generate.interface import PAGE, text

pytestmark = pytest.mark.programs


def test_the_page_names_what_the_code_has() -> None:
    assert PAGE.read_text(encoding="utf-8") == text(), "run: python3 make.py generate"
