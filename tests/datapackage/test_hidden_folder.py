"""The hidden folder next to a package is private, and nobody can lead the target's writes elsewhere by it."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tap_dtm.errors import DtmError
from tests.datapackage.children import as_ordinary_user, forks
from tests.datapackage.pipe import content, descriptor, problems, read_csv, run_target
from tests.datapackage.singer import record, schema, state

if TYPE_CHECKING:
    from collections.abc import Iterator

FIRST = [schema("a"), record("a", id=1)]
SECOND = [schema("a"), record("a", id=2)]


pytestmark = pytest.mark.usefixtures("no_pages")


def hidden(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.target-datapackage")


@pytest.mark.parametrize("name", ["building", "next", "aside", "rows.sqlite", "rows.sqlite-journal"])
def test_a_prepared_link_is_refused(folder: Path, name: str) -> None:
    victim = folder.with_name("victim")
    victim.mkdir()
    (victim / "thesis.odt").write_text("ten years of work")
    hidden(folder).mkdir()
    (hidden(folder) / name).symlink_to(victim)

    with pytest.raises(DtmError, match=f"{name} is a symbolic link"):
        run_target(FIRST, folder)

    assert content(victim) == {"thesis.odt": b"ten years of work"}
    assert not folder.exists()
    (hidden(folder) / name).unlink()
    run_target(FIRST, folder)
    assert problems(folder) == []


def test_a_prepared_hidden_folder_is_refused(folder: Path) -> None:
    victim = folder.with_name("victim")
    victim.mkdir()
    hidden(folder).symlink_to(victim)
    with pytest.raises(DtmError, match="is a symbolic link"):
        run_target(FIRST, folder)
    assert content(victim) == {}


@forks
def test_a_hidden_folder_of_another_user_is_refused() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make folders of another user")
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root) / "package"
        hidden(folder).mkdir()

        def run() -> None:
            with pytest.raises(DtmError, match="belongs to another user"):
                run_target(FIRST, folder)

        as_ordinary_user(Path(root), run, but=hidden(folder))
        assert list(hidden(folder).iterdir()) == []


@forks
def test_a_hidden_folder_that_was_open_to_others_becomes_private(folder: Path) -> None:
    run_target(FIRST, folder)
    hidden(folder).chmod(0o775)
    run_target(SECOND, folder)
    assert stat.S_IMODE(hidden(folder).stat().st_mode) == 0o700


def test_a_package_folder_that_is_a_link_stays_one(folder: Path) -> None:
    real = folder.with_name("elsewhere") / "real"
    real.mkdir(parents=True)
    folder.symlink_to(real)

    run_target(FIRST, folder)
    run_target(SECOND, folder)

    assert folder.is_symlink()
    assert [row["id"] for row in read_csv(real, "a")] == ["1", "2"]
    assert hidden(real).is_dir()


@pytest.mark.parametrize("name", ["mes données #1", "a & b", "100%20?x=[1]", "'\"$HOME`"])
def test_odd_names_of_folders(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name / name
    run_target(FIRST, folder, formats=["csv", "parquet"])
    (folder / name).mkdir()
    run_target(SECOND, folder, formats=["csv", "parquet"])
    assert [row["id"] for row in read_csv(folder, "a")] == ["1", "2"]
    assert (folder / name).is_dir()
    assert descriptor(folder)["name"]
    plain = shutil.copytree(folder, tmp_path / "plain")  # frictionless itself does not read all these paths
    assert problems(plain) == []


@contextlib.contextmanager
def mounted(folder: Path) -> Iterator[None]:
    """Make a folder a small file system of its own."""
    mount, umount = shutil.which("mount"), shutil.which("umount")
    options = ["-t", "tmpfs", "-o", "size=2m,mode=700", "none", str(folder)]
    if sys.platform != "linux" or not mount or not umount or subprocess.run([mount, *options], check=False).returncode:
        pytest.skip("only root can mount, on Linux")
    try:
        yield
    finally:
        subprocess.run([umount, str(folder)], check=True)


def test_a_hidden_folder_on_another_file_system_is_refused(folder: Path) -> None:
    hidden(folder).mkdir()
    with mounted(hidden(folder)), pytest.raises(DtmError, match="is not on the file system of the data package"):
        run_target(FIRST, folder)


def test_a_mount_point_in_a_package_is_refused_before_anything_changes(folder: Path) -> None:
    run_target(FIRST, folder)
    (folder / "mounted").mkdir()
    with mounted(folder / "mounted"):
        (folder / "mounted" / "x").write_text("x")
        with pytest.raises(DtmError, match="mounted is a mount point, which cannot be moved"):
            run_target(SECOND, folder)
        assert (folder / "mounted" / "x").read_text() == "x"
    run_target(SECOND, folder)
    assert [row["id"] for row in read_csv(folder, "a")] == ["1", "2"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    with mounted(disk):
        yield disk


def test_a_full_disk(small_disk: Path) -> None:
    """However much room there is left: the new package and its state, or the old package and one sentence."""
    folder, ballast = small_disk / "package", small_disk / "ballast"
    rows = [record("a", id=number, item="x" * 100) for number in range(1_000)]
    run_target([schema("a"), *rows], folder)
    (folder / "empty").mkdir()
    outcomes = set()
    for run, room in enumerate(range(0, 700_000, 50_000)):
        before = content(folder)
        changed = [record("a", id=number, item=f"{run} " * 30) for number in range(1_000)]
        messages = [schema("a"), *changed, state(run)]
        with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(bytes(4096)):
                pass
        os.truncate(ballast, max(0, ballast.stat().st_size - room))
        failure = None
        try:
            assert run_target(messages, folder) == run
        except DtmError as error:
            failure = str(error)
        outcomes.add(failure is None)
        if failure:
            assert re.search(r"disk is full|No space left", failure)
            assert "kept" in failure or "all of the new one" in failure
            assert content(folder) == before
        ballast.unlink()
        assert run_target(messages, folder) == run
        assert problems(folder) == []
        assert (folder / "empty").is_dir()
    assert outcomes == {True, False}
