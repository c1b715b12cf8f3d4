"""The README and the pages of docs/: their tables are those of the code, and what they name exists."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from generate.readme import texts
from tests.pages import DOCS, README, ROOT, blocks, page

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGES = sorted([README, *DOCS.glob("*.md"), ROOT / "catalog/meltano/README.md", ROOT / "examples/questions/README.md"])
OF_OTHERS = {"already running", "BrokenPipeError", 'relation "', '.idp_admin0" does not exist'}
"""Parts of messages of Meltano and Postgres, which are in none of our files."""


@pytest.mark.parametrize("path", texts(), ids=lambda path: path.name)
def test_the_generated_parts_are_up_to_date(path: Path) -> None:
    assert path.read_text("utf-8") == texts()[path], "run: python3 make.py generate"


def test_the_readme_is_read_in_five_minutes() -> None:
    lines = README.read_text("utf-8").splitlines()

    assert len(lines) <= 150
    assert any("Terms of the data" in line for line in lines[:10])
    assert (DOCS / "page.png").stat().st_size < 150_000


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_to_a_heading_in_it(path: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)", path.read_text("utf-8"))

    broken = [link for link in links if not leads_somewhere(path, *link)]

    assert broken == []


def leads_somewhere(path: Path, linked: str, anchor: str) -> bool:
    target = (path.parent / linked).resolve() if linked else path
    if not anchor:
        return target.exists()
    return target.is_file() and anchor in anchors(target.read_text("utf-8"))


def anchors(text: str) -> set[str]:
    """Return the names that GitHub, and the site, give to the headings of a page."""
    headings = re.findall(
        r"^#+ (.+)$", re.sub(r"^ *```.*?^ *```$", "", text, flags=re.DOTALL | re.MULTILINE), re.MULTILINE
    )
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_page_is_in_the_table_of_contents() -> None:
    listed = re.findall(r"\]\(([\w-]+)\.md\)", page("index"))

    assert sorted(listed) == sorted(path.stem for path in DOCS.glob("*.md") if path.stem != "index")


def test_the_messages_that_are_explained_are_those_of_the_code() -> None:
    said = list(messages())
    headings = re.findall(r"^### (.+)$", page("troubleshooting"), re.MULTILINE)
    parts = [part for heading in headings for text in re.findall(r"`(.+?)`", heading) for part in text.split("…")]

    assert len(headings) > 15
    assert [part for part in parts if part not in OF_OTHERS and not any(part in each for each in said)] == []


def messages() -> Iterator[str]:
    """Yield every text in the code, with … for what is put into it."""
    for folder in ("tap_dtm", "datapackage", "loaders"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.JoinedStr):
                    yield "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield node.value


def test_git_ignores_the_files_that_the_pages_tell_people_to_make(tmp_path: Path) -> None:
    """A key, a state or data must not get into a commit by accident."""
    code = [block for path in (README, *DOCS.glob("*.md")) for block in blocks(path.read_text("utf-8"))]
    made = {name for block in code for name in re.findall(r">\s*([\w./-]+\.(?:json|sql|txt|log))\b", block)}
    made |= {f"{name}/" for block in code for name in re.findall(r"-m venv ([\w-]+)", block)}
    made |= {".env", ".meltano/", "output/package/datapackage.json", "package/datapackage.json", "displacement.duckdb"}
    made |= {
        ".package.target-datapackage/store",
        "idp_admin0.jsonl",
        "dtm.py",
        "dtm_dlt.py",
        "dtm.duckdb",
        "package.zip",
    }
    assert {"config.json", "state.json", "target.json", "views.sql", "workers.txt", "nightly.log", "tap/"} <= made
    shutil.copy(ROOT / ".gitignore", tmp_path)
    git = shutil.which("git")
    if git is None:
        pytest.skip("there is no git")
    subprocess.run([git, "init", "--quiet"], cwd=tmp_path, check=True)

    ignored = subprocess.run(
        [git, "check-ignore", *sorted(made)], cwd=tmp_path, capture_output=True, encoding="utf-8", check=False
    )

    assert made - set(ignored.stdout.split()) == set()
