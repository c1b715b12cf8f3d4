"""The workflow for GitHub Actions: its own steps, run in clones of a repository, with a folder for GitHub's cache."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.forked import forked_program
from tests.meltano import inherited

FILE = Path(__file__).parents[2] / "examples" / "recipes" / "publish-on-github.yml"
KEY = "invented-key-0123456789"
SECRET = "${{ secrets.DTMAPI_SUBSCRIPTION_KEY }}"  # noqa: S105  where the key comes from
PERMISSION = "Invented, by nobody, for a test"
SILENT = ("pip install", "actions/setup-python@")  # what this machine has already

pytestmark = [
    pytest.mark.programs,
    pytest.mark.skipif(shutil.which("git") is None or shutil.which("bash") is None, reason="needs git and bash"),
]


def workflow() -> dict[Any, Any]:
    declared: dict[Any, Any] = yaml.safe_load(FILE.read_text("utf-8"))
    return declared


class Hub:
    """Stands for GitHub: a bare repository, a cache, and a runner that has a new folder for every run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.remote = folder / "remote.git"
        self.cache = folder / "cache"
        self.runs = 0
        _, forks = forked_program("tap-dtm"), forked_program("target-datapackage")
        # As on a runner, git knows nobody: the workflow says who commits.
        self.env = inherited() | {
            "PATH": f"{forks.parent}:{Path(sys.executable).parent}:/usr/bin:/bin",
            "HOME": str(folder),
            "GIT_CONFIG_NOSYSTEM": "1",
        }
        self.git("init", "--quiet", "--bare", "--initial-branch=main", str(self.remote))
        self.git("clone", "--quiet", str(self.remote), "first")
        (folder / "first" / ".gitignore").write_text("*.csv\n", encoding="utf-8")
        person = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.org")
        self.git("-C", "first", "add", ".gitignore")
        self.git("-C", "first", *person, "commit", "--quiet", "--message", "Begin")
        self.git("-C", "first", "push", "--quiet", "origin", "HEAD:main")

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            [str(shutil.which("git")), *arguments], cwd=self.folder, env=self.env, capture_output=True, check=True
        )
        return done.stdout.decode()

    @property
    def messages(self) -> list[str]:
        """What the commits say, newest first."""
        return self.git("-C", str(self.remote), "log", "main", "--format=%s").splitlines()

    @property
    def files(self) -> dict[str, str]:
        """The hashes of all files in the repository, by path."""
        lines = self.git("-C", str(self.remote), "ls-tree", "-r", "main").splitlines()
        return {path: line.split()[2] for line, path in (line.split("\t") for line in lines)}

    def run(
        self, publication: int = 1, *, api: str | None = None, permission: str = PERMISSION
    ) -> tuple[str | None, str]:
        """Run the workflow; return the name of the step that failed, if one did, and what all of them said."""
        self.runs += 1
        place = self.folder / f"run-{self.runs}"
        self.git("clone", "--quiet", str(self.remote), str(place))
        declared = workflow()
        (job,) = declared["jobs"].values()
        env = {
            **self.env,
            **declared["env"],
            "TAP_DTM_COUNTRIES": "",
            "TAP_DTM_MAX_RETRIES": "0",
            "TAP_DTM_API_URL": api or f"sandbox://?rows=200&countries=2&publication={publication}",
            **({"TARGET_DATAPACKAGE_REDISTRIBUTION": "permitted"} if permission else {}),
            "TARGET_DATAPACKAGE_PERMISSION": permission,
        }
        output = ""
        for step in job["steps"]:
            does = step.get("uses") or step["run"]
            if does.startswith("actions/cache/"):
                self._cache(place, step)
            elif "run" in step and not does.startswith(SILENT):
                own = {name: value.replace(SECRET, KEY) for name, value in step.get("env", {}).items()}
                assert "${{" not in does + str(own)
                shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", does]
                done = subprocess.run(shell, cwd=place, env=env | own, capture_output=True, text=True, check=False)
                output += done.stdout + done.stderr
                if done.returncode:
                    return step["name"], output
            else:
                assert does.startswith(("actions/checkout@", *SILENT))
        return None, output

    def _cache(self, place: Path, step: dict[str, Any]) -> None:
        here, there = place / step["with"]["path"], self.cache / step["with"]["path"]
        if "/save@" in step["uses"]:
            shutil.rmtree(there, ignore_errors=True)
            shutil.copytree(here, there, symlinks=True)
        elif there.exists():
            shutil.copytree(there, here, symlinks=True)


@pytest.fixture
def hub(tmp_path: Path) -> Hub:
    return Hub(tmp_path)


def test_it_commits_the_package_when_it_changed_and_only_then(hub: Hub) -> None:
    assert hub.run()[0] is None
    assert hub.messages == ["Data package, version 1.0.0", "Begin"]
    first = hub.files
    assert {"package/datapackage.json", "package/index.html", "package/data/idp_admin2.csv"} < first.keys()
    assert {path.partition("/")[0] for path in first} == {".gitignore", "package"}

    failed, output = hub.run()

    assert (failed, "The package has not changed." in output) == (None, True)
    assert "0 rows, 0 removed" in output, "it continues from the state"
    assert hub.files == first
    assert len(hub.messages) == 2

    assert hub.run(publication=4)[0] is None

    assert len(hub.messages) == 3
    assert hub.messages[0] not in {"Data package, version 1.0.0", "Data package, version "}
    assert hub.files["package/data/idp_admin2.csv"] != first["package/data/idp_admin2.csv"]


def test_a_package_that_may_not_be_published_is_neither_committed_nor_cached(hub: Hub) -> None:
    failed, output = hub.run(permission="")

    assert failed == "Check"
    assert "This package may not be passed on: it does not permit redistribution" in output
    assert hub.messages == ["Begin"]
    assert not hub.cache.exists()


def test_a_permission_that_was_taken_back_stops_the_commits(hub: Hub) -> None:
    hub.run()

    assert hub.run(publication=4, permission="")[0] == "Check"

    assert hub.messages == ["Data package, version 1.0.0", "Begin"]


def test_after_a_failure_the_next_run_goes_on_from_the_last_that_succeeded(hub: Hub) -> None:
    hub.run()

    assert hub.run(api="http://127.0.0.1:9")[0] == "Run"

    assert hub.messages == ["Data package, version 1.0.0", "Begin"]
    failed, output = hub.run()
    assert (failed, "0 rows, 0 removed" in output) == (None, True)


def test_a_push_that_failed_is_made_up_for(hub: Hub) -> None:
    hook = hub.remote / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    hook.chmod(0o755)
    assert hub.run()[0] == "Commit"
    hook.unlink()

    failed, output = hub.run()

    assert (failed, "0 rows, 0 removed" in output) == (None, True)
    assert hub.messages == ["Data package, version 1.0.0", "Begin"]


def test_without_its_cache_it_starts_from_scratch_and_the_data_are_right(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "another").mkdir()
    another = Hub(tmp_path / "another")
    another.run(publication=4)
    hub.run()
    hub.run(publication=2)
    shutil.rmtree(hub.cache)

    assert hub.run(publication=4)[0] is None

    def data(files: dict[str, str]) -> dict[str, str]:
        return {path: digest for path, digest in files.items() if path.startswith("package/data/")}

    assert data(hub.files) == data(another.files)


def test_the_key_is_in_the_environment_of_one_step_and_nowhere_else(hub: Hub) -> None:
    _, output = hub.run()

    assert FILE.read_text("utf-8").count("${{ secrets.") == 1
    assert KEY not in output
    kept = [path for path in (*hub.cache.rglob("*"), *(hub.folder / "run-1").rglob("*")) if path.is_file()]
    assert kept
    assert not [path for path in kept if KEY.encode() in path.read_bytes()]


def test_it_asks_for_few_rights_and_two_runs_never_overlap() -> None:
    declared = workflow()

    assert declared["permissions"] == {"contents": "write"}
    assert declared["concurrency"] == {"group": "data-package", "cancel-in-progress": False}
    assert declared[True].keys() == {"schedule", "workflow_dispatch"}  # to YAML, `on` is a truth value
