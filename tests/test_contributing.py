"""What CONTRIBUTING.md and SECURITY.md name exists, and CONTRIBUTING.md stays short."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import make
from generate.plugins import FOLDER, PRESENTED

ROOT = Path(__file__).parents[1]
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
FOLDERS = [ROOT, ROOT / "datapackage" / "frictionless_dtm", ROOT / "tap_dtm", ROOT / "tap_dtm" / "metadata",
           ROOT / "tap_dtm" / "views", ROOT / ".github" / "workflows"]  # fmt: skip


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "SECURITY.md"])
def test_every_linked_file_exists(name: str) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", (ROOT / name).read_text("utf-8"))

    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_file_and_folder_that_it_names_exists() -> None:
    names = re.findall(r"`([\w./-]+(?:/|\.(?:py|md|yaml)))`", CONTRIBUTING)

    assert len(names) > 30
    assert [name for name in names if not any((folder / name).exists() for folder in FOLDERS)] == []


def test_every_task_that_it_names_exists() -> None:
    tasks = set(re.findall(r"`?python3 make\.py (\w+)", CONTRIBUTING))

    assert {"lint", "check", "test", "generate"} <= tasks
    assert all(callable(getattr(make, task)) for task in tasks)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [(["nix"], "There is no task nix."), (["demo", "twice"], "The task demo does not take twice.")],
)
def test_a_mistyped_task_is_named(arguments: list[str], sentence: str) -> None:
    with pytest.raises(SystemExit, match=sentence):
        make.main(*arguments)


def test_it_is_read_in_one_sitting() -> None:
    assert len(CONTRIBUTING.splitlines()) <= 120


def test_what_goes_to_the_hub_is_in_the_catalog() -> None:
    section = (FOLDER / "README.md").read_text("utf-8").partition("## Propose")[2]
    names = re.findall(r"`_data/meltano/\w+/([\w-]+)/tap-dtm\.yml`", section)

    assert names == ["tap-dtm", "target-datapackage", "dtm-views"]
    assert set(names) <= set(PRESENTED)
    assert all((FOLDER / f"{name}.yml").exists() for name in names)
