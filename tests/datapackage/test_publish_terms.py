"""A package that somebody has edited does not get past its terms: descriptor, pages and record must say the same."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from frictionless_dtm.descriptor.settings import Settings
from frictionless_dtm.publish.command import publish

from tap_dtm.errors import DtmError
from tests.datapackage.pipe import run_target
from tests.datapackage.singer import dtm

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PERMISSION = "Invented *permission* of 1 July, by <nobody>, for tests"
HIDDEN = ".package.target-datapackage"


def write(folder: Path, **config: Any) -> Path:
    run_target(dtm("sandbox://?rows=60&countries=1"), folder, **config)
    return folder


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two packages as the target writes them, each with its record: one may be passed on, the other may not."""
    folder = tmp_path_factory.mktemp("written")
    write(folder / "open" / "package", redistribution="permitted", permission=PERMISSION)
    write(folder / "closed" / "package")
    return folder


@pytest.fixture
def permitted(written: Path, tmp_path: Path) -> Path:
    shutil.copytree(written / "open", tmp_path / "open")
    return tmp_path / "open" / "package"


@pytest.fixture
def closed(written: Path, tmp_path: Path) -> Path:
    shutil.copytree(written / "closed", tmp_path / "closed")
    return tmp_path / "closed" / "package"


def publishing(folder: Path) -> tuple[int, str]:
    result = CliRunner().invoke(publish, [str(folder), "--to", "zip", "--yes"])
    assert not isinstance(result.exception, Exception), result.exception
    return result.exit_code, result.output


def edit(folder: Path, **properties: Any) -> None:
    path = folder / "datapackage.json"
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **properties}), "utf-8")


def opened_by_hand(folder: Path, permission: str = PERMISSION) -> None:
    edit(folder, **{"dtm:redistribution": "permitted", "dtm:permission": permission, "description": "Figures."})


def rewrite(folder: Path, page: str, change: Callable[[str], str]) -> None:
    (folder / page).write_text(change((folder / page).read_text("utf-8")), "utf-8")


def without_refusal(text: str) -> str:
    return re.sub(r"Not for redistribution", "Share", text)


def assert_refused(folder: Path, witness: str) -> None:
    code, output = publishing(folder)
    assert code == 1
    assert f"datapackage.json permits redistribution, and {witness}" in output
    assert not list(folder.parent.glob("*.zip"))


def test_a_package_as_it_was_written_is_published(permitted: Path) -> None:
    assert publishing(permitted)[0] == 0


def test_a_package_that_has_left_its_record_behind_is_published(permitted: Path) -> None:
    shutil.rmtree(permitted.parent / HIDDEN)
    assert publishing(permitted)[0] == 0


def test_a_descriptor_that_was_opened_by_hand_contradicts_its_own_description(closed: Path) -> None:
    edit(closed, **{"dtm:redistribution": "permitted", "dtm:permission": PERMISSION})
    assert_refused(closed, "its description contradicts it")


def test_a_descriptor_that_was_opened_by_hand_contradicts_the_record(closed: Path) -> None:
    opened_by_hand(closed)
    for page in ("README.md", "index.html"):
        rewrite(closed, page, without_refusal)
    assert_refused(closed, "the target's own record, where dtm:redistribution is different, contradicts it")


@pytest.mark.parametrize(("page", "other"), [("README.md", "index.html"), ("index.html", "README.md")])
def test_a_descriptor_that_was_opened_by_hand_contradicts_the_pages(closed: Path, page: str, other: str) -> None:
    shutil.rmtree(closed.parent / HIDDEN)
    opened_by_hand(closed)
    rewrite(closed, other, without_refusal)
    assert_refused(closed, f"{page} contradicts it")


def test_another_permission_contradicts_the_readme(permitted: Path) -> None:
    shutil.rmtree(permitted.parent / HIDDEN)
    edit(permitted, **{"dtm:permission": f"{PERMISSION} and all others"})
    assert_refused(permitted, "README.md, which names another permission, contradicts it")


@pytest.mark.parametrize(
    "terms",
    [{"dtm:terms": ["Do what you like."]}, {"licenses": [{"name": "CC0-1.0"}]}, {"dtm:creditLine": "Nobody"}],
    ids=lambda terms: next(iter(terms)),
)
def test_other_terms_contradict_the_record(permitted: Path, terms: dict[str, Any]) -> None:
    edit(permitted, **terms)
    assert_refused(permitted, f"the target's own record, where {next(iter(terms))} is different,")


@pytest.mark.parametrize("permission", [".", "\u200b", "\u2060\ufeff--", "!?"])
def test_no_setting_permits_without_words(tmp_path: Path, permission: str) -> None:
    with pytest.raises(DtmError, match="'permitted' without a permission"):
        Settings.from_config({"path": str(tmp_path), "redistribution": "permitted", "permission": permission})


@pytest.mark.parametrize("permission", ["by me", "許可済み", "تصريح من المنظمة", "IOM 2025"])
def test_words_of_any_language_are_a_permission(tmp_path: Path, permission: str) -> None:
    config = {"path": str(tmp_path), "redistribution": "permitted", "permission": permission}
    assert Settings.from_config(config).permission == permission


def test_a_package_that_a_run_is_writing_is_not_published(permitted: Path) -> None:
    with sqlite3.connect(permitted.parent / HIDDEN / "rows.sqlite", isolation_level=None) as run:
        run.execute("BEGIN EXCLUSIVE")
        code, output = publishing(permitted)
        run.execute("ROLLBACK")
    run.close()
    assert (code, "cannot be read (database is locked)" in output) == (1, True)
    assert publishing(permitted)[0] == 0


def test_a_record_that_cannot_be_reached_is_not_taken_to_be_absent(permitted: Path) -> None:
    """That of another user is out of reach; for root, who reaches everything, a link that leads nowhere stands in."""
    store = permitted.parent / HIDDEN / "rows.sqlite"
    store.unlink()
    store.symlink_to(store)
    code, output = publishing(permitted)
    assert (code, "it is unknown whether the package was changed" in output) == (1, True)
    assert "Publish as the user who ran target-datapackage." in output


def test_reading_the_record_leaves_it_as_it_is(permitted: Path) -> None:
    store = permitted.parent / HIDDEN / "rows.sqlite"
    before, names = store.read_bytes(), sorted(path.name for path in store.parent.iterdir())
    publishing(permitted)
    assert (store.read_bytes(), sorted(path.name for path in store.parent.iterdir())) == (before, names)


@pytest.mark.parametrize("address", ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "terms.html"])
@pytest.mark.parametrize("what", ["homepage", "licenses", "sources", "contributors"])
def test_only_web_addresses_are_published(permitted: Path, what: str, address: str) -> None:
    edit(permitted, **{what: address if what == "homepage" else [{"title": "x", "path": address}]})
    code, output = publishing(permitted)
    assert (code, f"{what} names the address '{address}'" in output) == (1, True)
