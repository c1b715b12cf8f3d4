"""The files for GitHub and pre-commit, as far as they can be checked here."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import make

ROOT = Path(__file__).parents[1]
FORMS = ROOT / ".github" / "ISSUE_TEMPLATE"
WORKFLOWS = {path.stem: path for path in sorted((ROOT / ".github" / "workflows").glob("*.yml"))}


def loaded(name: str) -> dict[str, Any]:
    workflow: dict[str, Any] = yaml.safe_load(WORKFLOWS[name].read_text("utf-8"))
    return workflow


def jobs(name: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = loaded(name)["jobs"]
    return found


def assert_valid(schema: str, *paths: Path) -> None:
    command = [str(Path(sys.executable).with_name("check-jsonschema")), "--builtin-schema", schema, *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_they_have_the_form_that_github_publishes() -> None:
    assert_valid("vendor.github-workflows", *WORKFLOWS.values())
    assert_valid("vendor.github-issue-forms", *(FORMS / name for name in ("bug.yml", "api-fact.yml")))
    assert_valid("vendor.github-issue-config", FORMS / "config.yml")


@pytest.mark.skipif(shutil.which("actionlint") is None, reason="actionlint is not installed; checks.yml runs it")
def test_actionlint_finds_nothing() -> None:
    done = subprocess.run(["actionlint"], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S607

    assert done.stdout == ""


def test_everything_is_checked_with_each_python_that_the_package_names() -> None:
    named = re.findall(r'"Programming Language :: Python :: (3\.\d+)"', (ROOT / "pyproject.toml").read_text("utf-8"))

    assert jobs("checks")["linux"]["strategy"]["matrix"]["python"] == named


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_job_may_only_read_unless_it_publishes(name: str) -> None:
    workflow = loaded(name)
    allowed = {job: content.get("permissions", workflow["permissions"]) for job, content in workflow["jobs"].items()}
    writes = {job: {key for key, value in each.items() if value == "write"} for job, each in allowed.items()}

    publishing = {"pypi": {"id-token"}, "image": {"packages"}} if name == "release" else {}
    assert {job: each for job, each in writes.items() if each} == publishing


@pytest.mark.parametrize("name", WORKFLOWS)
def test_actions_are_pinned_by_their_major_version_and_keep_no_credentials(name: str) -> None:
    steps = [step for job in jobs(name).values() for step in job.get("steps", [])]
    used = [step["uses"] for step in steps if "uses" in step]

    assert used
    assert [each for each in used if not re.fullmatch(r"(actions/[\w-]+@v|pypa/[\w-]+@release/v)\d+", each)] == []
    checkouts = [step for step in steps if step.get("uses", "").startswith("actions/checkout@")]
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_what_is_built_once_is_what_is_published() -> None:
    release = jobs("release")
    builds = [
        name for name, job in release.items() if any("make.py build" in str(step) for step in job.get("steps", []))
    ]

    assert builds == ["build"]
    assert release["build"]["needs"] == "checks"
    assert release["pypi"]["needs"] == release["image"]["needs"] == "build"


@pytest.mark.parametrize("name", ["bug", "api-fact"])
def test_a_form_asks_for_the_log_without_the_key_and_for_what_the_api_does(name: str) -> None:
    text = (FORMS / f"{name}.yml").read_text("utf-8")

    assert "The text of `tap-dtm --check-api`" in text
    assert "never writes your key into its log" in text
    assert "Nothing above holds a subscription key" in text


def test_each_hook_of_pre_commit_is_a_step_of_lint(monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[str] = []

    def record(*command: str | Path, **_: object) -> None:
        commands.append(" ".join([Path(command[0]).name, *map(str, command[1:])]))

    monkeypatch.setattr(make, "run", record)
    monkeypatch.setattr(make, "uv", lambda: Path("uv"))
    make.lint()
    steps = {re.sub(r"^python -m | --python .*$", "", command) for command in commands}
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))["repos"][0]["hooks"]

    assert {hook["entry"].removeprefix(".venv/bin/") for hook in hooks} <= steps
    assert {hook["language"] for hook in hooks} == {"system"}
