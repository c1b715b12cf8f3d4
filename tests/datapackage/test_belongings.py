"""What else is in the folder of a package is the user's: it is kept, or the target says why it cannot be."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tap_dtm.errors import DtmError
from tests.datapackage.belongings import edit_descriptor, inventory, is_repository, put_belongings
from tests.datapackage.children import as_ordinary_user, forks
from tests.datapackage.pipe import content, descriptor, problems, read_csv, run_target
from tests.datapackage.singer import record, schema, state

if TYPE_CHECKING:
    from collections.abc import Iterator

FIRST = [schema("a"), record("a", id=1), state({"run": 1})]
SECOND = [schema("a"), record("a", id=2), schema("b"), record("b", id=3), state({"run": 2})]


pytestmark = pytest.mark.usefixtures("no_pages")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "package"
    run_target(FIRST, folder)
    return folder


def hidden(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.target-datapackage")


def ids(folder: Path) -> list[str]:
    return [row["id"] for each in descriptor(folder)["resources"] for row in read_csv(folder, each["name"])]


@forks
def test_everything_else_is_kept(folder: Path) -> None:
    put_belongings(folder)
    edit_descriptor(folder)
    mine = inventory(folder)

    run_target(SECOND, folder)

    assert inventory(folder) == mine
    assert is_repository(folder)
    assert ids(folder) == ["1", "2", "3"]


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_what_is_in_the_way_of_a_new_table_is_kept_under_another_name(
    folder: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    mine = folder / "data" / "b.csv"
    if kind == "file":
        mine.write_text("mine")
    elif kind == "folder":
        mine.mkdir()
        (mine / "x").write_text("mine")
    else:
        (folder / "mine").write_text("mine")
        mine.symlink_to("../mine")
    (folder / "data" / "b.csv.kept").write_text("of an earlier time")

    run_target(SECOND, folder)

    kept = folder / "data" / "b.csv.kept2"
    assert ((kept / "x") if kind == "folder" else kept).read_text() == "mine"
    assert (folder / "data" / "b.csv.kept").read_text() == "of an earlier time"
    assert ids(folder) == ["1", "2", "3"]
    assert f"b.csv, but now needs the name for a file of its own. Your file is now {kept}" in caplog.text


def test_a_page_of_the_users_is_kept_under_another_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "README.md").write_text("mine")
    monkeypatch.setattr("frictionless_dtm.command._render", lambda _: {"README.md": b"of the target"})

    run_target(SECOND, folder)

    assert (folder / "README.md").read_text() == "of the target"
    assert (folder / "README.md.kept").read_text() == "mine"


def test_links_in_the_place_of_the_targets_files_lead_nowhere(folder: Path) -> None:
    """Neither is the target of a link deleted, nor taken for the file that the target wrote."""
    elsewhere = folder.with_name("elsewhere")
    (folder / "data").rename(elsewhere)
    (folder / "data").symlink_to(elsewhere)
    (folder / "datapackage.json").rename(elsewhere / "mine.json")
    (folder / "datapackage.json").symlink_to(elsewhere / "mine.json")
    before = content(elsewhere)

    for _ in range(2):
        run_target(SECOND, folder)

    assert content(elsewhere) == before
    assert not (folder / "data").is_symlink()
    assert not (folder / "datapackage.json").is_symlink()
    assert ids(folder) == ["1", "2", "3"]
    assert problems(folder) == []


@forks
def test_a_private_package_stays_private(folder: Path) -> None:
    folder.chmod(0o700)
    (folder / "data").chmod(0o2770)
    run_target(SECOND, folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "data").stat().st_mode) == 0o2770
    assert stat.S_IMODE(hidden(folder).stat().st_mode) & 0o077 == 0


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A package in a folder that an ordinary user can reach."""
    with tempfile.TemporaryDirectory() as root:
        run_target(FIRST, Path(root) / "package")
        yield Path(root)
        for path in Path(root).rglob("*"):
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o755)


@forks
@pytest.mark.parametrize("name", ["data", "mine", "."])
def test_read_only_folders_of_an_ordinary_user(open_folder: Path, name: str) -> None:
    folder = open_folder / "package"
    for each in ("data", "mine"):
        (folder / each).mkdir(exist_ok=True)
        (folder / each / "x").write_text("x")
    (folder / name).chmod(0o555)
    mine = inventory(folder)

    def run_three_times() -> None:
        for number in (2, 3, 4):
            run_target([schema("a"), record("a", id=number)], folder)
            assert inventory(folder) == mine

    as_ordinary_user(open_folder, run_three_times)
    assert ids(folder) == ["1", "2", "3", "4"]


@forks
def test_a_folder_of_another_user_is_named_before_anything_is_read(open_folder: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make folders of another user")
    folder = open_folder / "package"
    theirs = folder / "theirs"
    theirs.mkdir()

    def run() -> None:
        with pytest.raises(DtmError, match="theirs belongs to another user, and this user may not write to it"):
            run_target(SECOND, folder)

    as_ordinary_user(open_folder, run, but=theirs)
    assert ids(folder) == ["1"]

    as_ordinary_user(open_folder, lambda: run_target(SECOND, folder))
    assert ids(folder) == ["1", "2", "3"]
    assert theirs.is_dir()


def test_what_cannot_be_moved_is_named_and_moved_when_it_can_be(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "mine.txt").write_text("mine")
    rename = Path.rename

    def refuse(path: Path, target: Path) -> Path:
        if path.name == "mine.txt":
            raise PermissionError(13, "Permission denied", str(path))
        return rename(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", refuse)
        for _ in range(2):  # the next run says the same
            with pytest.raises(DtmError, match=r"package is new, but .*mine\.txt cannot be moved into it \(Permission"):
                run_target(SECOND, folder)
    run_target(SECOND, folder)

    assert (folder / "mine.txt").read_text() == "mine"
    assert ids(folder) == ["1", "2", "3"]
    assert sorted(path.name for path in hidden(folder).iterdir() if path.is_dir()) == []
