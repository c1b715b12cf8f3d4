"""What a user keeps in the folder of a package, and how to tell that all of it is still there."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from typing import TYPE_CHECKING, Any, TypeAlias

from tests.datapackage.pipe import descriptor

if TYPE_CHECKING:
    from pathlib import Path

Inventory: TypeAlias = "dict[str, tuple[str, int, Any]]"


def put_belongings(folder: Path) -> None:
    """Make a package the user's: a git repository, own files everywhere, own modes."""
    (folder / "mine.txt").write_text("mine")
    (folder / "mine.txt").chmod(0o600)
    (folder / "data" / "mine2.txt").write_text("mine, too")
    (folder / "sub" / "deep").mkdir(parents=True)
    (folder / "sub" / "deep" / "x").write_text("x")
    (folder / "empty" / "emptier").mkdir(parents=True)
    (folder / "link").symlink_to("sub/deep")
    os.link(folder / "mine.txt", folder / "sub" / "the same")
    os.mkfifo(folder / "pipe")
    if sys.platform == "linux":
        (folder / os.fsdecode(b"Latin-1 \xe9")).write_text("not UTF-8")
    if shutil.which("git"):
        _git(folder, "init", "-q")
        _git(folder, "add", "data")
        _git(folder, "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-q", "-m", "first")
    else:
        (folder / ".git" / "refs").mkdir(parents=True)
    for name, mode in (("sub", 0o555), ("empty", 0o700), ("data", 0o750), (".", 0o710)):
        (folder / name).chmod(mode)


def copy_all(source: Path, target: Path) -> None:
    """Copy a folder with everything in it: links, pipes, modes and times."""
    subprocess.run([_program("cp"), "-a", source, target], check=True)


def edit_descriptor(folder: Path) -> None:
    """Change a word in the descriptor, as people do."""
    text = json.dumps({**descriptor(folder), "title": "A title of mine"})
    (folder / "datapackage.json").write_text(text)


def is_repository(folder: Path) -> bool:
    """Whether git finds a sound repository in the folder."""
    return not shutil.which("git") or _git(folder, "fsck", "--strict") == ""


def inventory(folder: Path) -> Inventory:
    """Return kind, mode and content of everything in a folder but the target's own files, by path."""
    own = {"datapackage.json", *(each["path"] for each in descriptor(folder)["resources"])}
    found: Inventory = {".": ("folder", stat.S_IMODE(folder.stat().st_mode), None)}
    for top, folders, files in os.walk(folder):
        for path in (os.path.join(top, name) for name in (*folders, *files)):  # noqa: PTH118  bytes that are not UTF-8
            name, status = os.path.relpath(path, folder), os.lstat(path)
            mode = stat.S_IMODE(status.st_mode)
            if stat.S_ISLNK(status.st_mode):
                found[name] = ("link", mode, os.readlink(path))  # noqa: PTH115
            elif stat.S_ISFIFO(status.st_mode):
                found[name] = ("pipe", mode, None)
            elif stat.S_ISDIR(status.st_mode):
                found[name] = ("folder", mode, None)
            elif name not in own:
                with open(path, "rb") as file:  # noqa: PTH123
                    found[name] = ("file", mode, (file.read(), status.st_nlink))
    return found


def _git(folder: Path, *arguments: str) -> str:
    safe = ["-c", f"safe.directory={folder}"]
    run = subprocess.run([_program("git"), *safe, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return run.stdout


def _program(name: str) -> str:
    found = shutil.which(name)
    assert found is not None
    return found
