"""What a value says is what the Markdown files of a package show: it never becomes markup, a link or a release."""

from __future__ import annotations

import dataclasses
import json
import re
from html.parser import HTMLParser
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import frictionless_dtm.pages
import pytest
from frictionless_dtm.descriptor.contents import RoundChange
from frictionless_dtm.descriptor.markdown import code, email, escaped, fenced, url
from frictionless_dtm.pages import render
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from typing_extensions import override

from tests.datapackage.pages_world import contents_of, small_world, tables_of
from tests.datapackage.pipe import run_target
from tests.datapackage.singer import dtm
from tests.extent import EVERYTHING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from frictionless_dtm.descriptor.contents import Contents

TEMPLATES = Path(frictionless_dtm.pages.__file__).parent / "templates"
HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "a | b",
    "x\n\n## 99.0.0\n\nForged.",
    "x\r## 99.0.0",
    "# heading",
    "* item",
    "- item",
    "1. item",
    "+ item",
    "=====",
    "> quote",
    "[link](javascript:alert(1))",
    "![image](https://example.org/x.png)",
    "<https://example.org>",
    "`code` ``more``",
    "```",
    "~~~",
    "~~gone~~",
    "**bold** _soft_ __more__",
    "&lt;b&gt; &amp;",
    "\\`",
    "$x$",
    "trailing \\",
    "\x1b[31mred\x07",
    "\u202egnp.exe",
]

# Texts to try; a slow machine is no failure.
tried = settings(max_examples=100 if EVERYTHING else 30, deadline=None)


class Shown(HTMLParser):
    """Collects the elements and the text of HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.text = ""
        self.links: list[str] = []
        self.feed(html)
        self.close()

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.links += [value or "" for name, value in attrs if name in {"href", "src"}]

    @override
    def handle_data(self, data: str) -> None:
        self.text += data


GITHUB = MarkdownIt("gfm-like", {"html": True, "linkify": False})
"""Everything that GitHub's Markdown knows."""


def shown(markdown: str) -> Shown:
    """Return what a reader sees."""
    return Shown(GITHUB.render(markdown))


def words(text: str) -> str:
    """Return a text on one line, its control characters replaced, as `escaped` promises to show it."""
    return re.sub("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", "\ufffd", " ".join(text.split()))


@tried
@given(st.one_of(st.text(), st.text(alphabet="*_`~#-+=|<>[]()!&;:$\\1. ab\n")))
def test_any_text_is_shown_as_it_is(text: str) -> None:
    for before, element in (("", "p"), ("x ", "p"), ("# ", "h1"), ("> ", "p"), ("* ", "li")):
        page = shown(before + escaped(text))
        assert " ".join(page.text.split()) == " ".join(f"{before.strip('#>* ')} {words(text)}".split())
        assert set(page.elements) <= {element, "blockquote", "ul"}


@tried
@given(st.text(alphabet="*_`~#|<>[]()!&\\ ab\n"))
def test_any_text_stays_in_its_cell(text: str) -> None:
    page = shown(f"| a | b |\n|---|---|\n| {escaped(text)} | {code(text)} |\n")
    assert page.elements.count("td") == 2


@tried
@given(st.text(alphabet="`~ a|\n"))
@example("```\n# out of the block")
def test_code_stays_in_its_block(text: str) -> None:
    assert set(shown(fenced(text, "sql")).elements) <= {"pre", "code"}


@pytest.mark.parametrize(
    ("value", "links"),
    [
        ("https://example.org/a?b=c&d#e", ["https://example.org/a?b=c&d#e"]),
        ("https://example.org/> <img src=x>", []),
        ("https://example.org/(a)_b*c*", ["https://example.org/(a)_b*c*"]),
        ("javascript:alert(1)", []),
        ("data:text/html,x", []),
        ("http://[", []),
        ("//example.org", []),
    ],
)
def test_an_address_is_a_link_only_if_it_is_one_of_a_web_page(value: str, links: list[str]) -> None:
    page = shown(url(value))
    assert page.links == links
    assert "img" not in page.elements


def test_an_e_mail_address_is_a_link_only_if_it_is_nothing_else() -> None:
    assert shown(email("who@example.org")).links == ["mailto:who@example.org"]
    page = shown(email("who@example.org> <img src=x onerror=y>"))
    assert set(page.elements) == {"p"}


@pytest.mark.parametrize("template", sorted(path.name for path in TEMPLATES.glob("*.md.j2")))
def test_no_template_of_markdown_can_forget_to_escape(template: str) -> None:
    text = (TEMPLATES / template).read_text("utf-8")

    assert not re.search(r"\|\s*safe|Markup|autoescape|{%-?\s*(macro|call|filter)", text)


SHIFTS = range(0, len(HOSTILE), 3) if EVERYTHING else (0, 12)


class Hostile:
    """Replaces texts by hostile ones in turn, and the same text by the same one."""

    def __init__(self, shift: int) -> None:
        self._texts = cycle(HOSTILE[shift:] + HOSTILE[:shift])
        self._known: dict[str, str] = {}

    def instead_of(self, text: str) -> str:
        if text not in self._known:
            self._known[text] = next(self._texts)
        return self._known[text]


@pytest.mark.parametrize("shift", SHIFTS)
def test_no_value_of_the_data_becomes_markup(shift: int, plain: dict[str, Shown]) -> None:
    hostile = Hostile(shift)
    tables = tables_of(small_world())
    for table in tables.values():
        for row in table:
            for name in row:
                if isinstance(row[name], str) and name not in {"reporting_date", "admin0_pcode"}:
                    row[name] = hostile.instead_of(row[name])
    operation, kind = hostile.instead_of("operation"), hostile.instead_of("type")
    changes = [RoundChange("XAA", operation, "2024-01-01", 1, kind, each) for each in ("added", "revised", "withdrawn")]

    said = pages(contents_of(tables, changes=tuple(changes)))

    assert said["README.md"].elements.count("th") == plain["README.md"].elements.count("th")
    for name, page in said.items():
        assert {"img", "s", "hr"}.isdisjoint(page.elements), name
        assert set(page.links) <= set(plain["README.md"].links)
    assert said["CHANGELOG.md"].elements.count("h2") == 1
    assert said["CHANGELOG.md"].elements.count("li") == 3
    for value in (operation, kind):
        assert words(value) in said["CHANGELOG.md"].text


@pytest.mark.parametrize("shift", SHIFTS)
def test_no_metadata_becomes_markup(shift: int, plain: dict[str, Shown]) -> None:
    hostile = Hostile(shift)
    contents = contents_of(tables_of(small_world()), permission=f"{hostile.instead_of('permission')} by letter")

    readme = pages(dataclasses.replace(contents, descriptor=poisoned(contents.descriptor, hostile)))["README.md"]

    for element in ("h1", "h2", "td", "th", "li"):
        assert readme.elements.count(element) == plain["README.md"].elements.count(element), element
    assert {"img", "s", "hr"}.isdisjoint(readme.elements)


@pytest.fixture(scope="module")
def plain() -> dict[str, Shown]:
    return pages(contents_of(tables_of(small_world())))


def poisoned(said: Mapping[str, Any], hostile: Hostile) -> dict[str, Any]:
    """Return a descriptor with hostile texts in place of everything that an author writes."""
    changed: dict[str, Any] = json.loads(json.dumps(said))

    def poison(described: dict[str, Any], *names: str) -> None:
        described.update({name: hostile.instead_of(described.get(name, "")) for name in names})

    poison(changed, "title", "homepage", "dtm:creditLine", "dtm:citation", "version")
    changed["dtm:terms"] = [hostile.instead_of(each) for each in changed["dtm:terms"]]
    for each in changed["licenses"]:
        poison(each, "name", "title", "path")
    for each in changed["sources"]:
        poison(each, "title", "path", "version")
    for each in changed["contributors"]:
        poison(each, "title", *(["email"] if "email" in each else []))
    for resource in changed["resources"]:
        poison(resource, "title", "description", "dtm:grain")
        for field in resource["schema"]["fields"]:
            poison(field, "title", "description", "dtm:unit", "dtm:hxl", "dtm:measure")
        for warning in resource.get("dtm:usageWarnings", ()):
            poison(warning, "text")
    return changed


def pages(contents: Contents) -> dict[str, Shown]:
    rendered = render(contents)
    return {name: shown(rendered[name].decode()) for name in ("README.md", "CHANGELOG.md")}


def test_an_assessment_type_forges_no_release_in_later_change_logs(tmp_path: Path) -> None:
    messages = dtm("sandbox://?rows=200&countries=2")
    run_target(messages, tmp_path / "package")
    for message in messages:
        if message["type"] == "RECORD" and "assessment_type" in message["record"]:
            message["record"]["assessment_type"] = "BA\n## 99.0.0 (2030-01-01)\n\n<img src=x onerror=alert(1)> | B"
    run_target(messages, tmp_path / "package")

    run_target(dtm("sandbox://?rows=200&countries=2"), tmp_path / "package")

    log = shown((tmp_path / "package" / "CHANGELOG.md").read_text("utf-8"))
    assert "img" not in log.elements
    assert log.elements.count("h2") == 3
    assert "99.0.0" not in re.findall(r"(?m)^## (\S+)", (tmp_path / "package" / "CHANGELOG.md").read_text("utf-8"))
