"""Checking a package without publishing it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from frictionless_dtm.publish.command import publish

from tests.datapackage.finished import PERMISSION, finished_package

if TYPE_CHECKING:
    from pathlib import Path


def run(folder: Path, *args: str) -> tuple[int, str]:
    result = CliRunner().invoke(publish, [str(folder), *args])
    assert not isinstance(result.exception, Exception), result.exception
    return result.exit_code, result.output


def test_a_package_that_may_be_published(tmp_path: Path) -> None:
    folder = finished_package(tmp_path / "p")

    code, output = run(folder, "--check")

    words = f"{folder}: invented-displacement 1.0.0 is complete, and its terms permit publication.\n"
    assert (code, output) == (0, words)
    assert [path.name for path in tmp_path.iterdir()] == ["p"]


def test_a_package_without_permission(tmp_path: Path) -> None:
    code, output = run(finished_package(tmp_path / "p", permission=None), "--check")
    assert (code, output.count("\n")) == (1, 1)
    assert output.startswith("Error: This package may not be passed on: it does not permit redistribution")


def test_a_package_that_is_not_whole(tmp_path: Path) -> None:
    folder = finished_package(tmp_path / "p")
    data = folder / "data" / "idp_admin1.csv"
    data.write_bytes(data.read_bytes().replace(b"120", b"121"))
    code, output = run(folder, "--check")
    assert (code, "does not match the hash in the descriptor" in output) == (1, True)
    data.unlink()
    code, output = run(folder, "--check")
    assert (code, "lacks data/idp_admin1.csv" in output) == (1, True)


def test_a_package_that_was_opened_by_hand(tmp_path: Path) -> None:
    folder = finished_package(tmp_path / "p", permission=None)
    (folder / "README.md").write_text("> **Not for redistribution.** Ask.\n", encoding="utf-8")
    path = folder / "datapackage.json"
    terms = {"dtm:redistribution": "permitted", "dtm:permission": PERMISSION}
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **terms}), encoding="utf-8")
    code, output = run(folder, "--check")
    assert (code, "README.md contradicts it" in output) == (1, True)


@pytest.mark.parametrize("options", [[], ["--check", "--to", "zip"], ["--check", "--yes"]])
def test_it_is_either_a_check_or_a_place(tmp_path: Path, options: list[str]) -> None:
    code, output = run(finished_package(tmp_path / "p"), *options)
    assert (code, "Give either --to, the place to publish to, or only --check." in output) == (2, True)


def test_another_place_is_refused_with_the_places_there_are(tmp_path: Path) -> None:
    code, output = run(finished_package(tmp_path / "p"), "--to", "ftp")
    assert (code, "'ftp' is not one of 'zip', 'ckan'" in output) == (2, True)
