"""From the API to the site: what the tap reads and the target writes is what is published."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from frictionless import Package
from frictionless_dtm.command import main

from tap_dtm.sandbox import SandboxServer, world_at
from tests.datapackage.children import forks, run_command
from tests.datapackage.ckan import ORGANISATION, TOKEN, FakeCkan

pytestmark = [pytest.mark.programs, forks]

WORKBOOK = "iom-dtm-displacement-sandbox.xlsx"


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with one package that may be published, and one that may not."""
    folder = tmp_path_factory.mktemp("packages")
    with SandboxServer(world_at()) as api:
        config = {"api_url": api.url, "subscription_key": api.key, "countries": ["XAA"]}
        (folder / "tap.json").write_text(json.dumps(config), encoding="utf-8")
        tap = [sys.executable, "-m", "tap_dtm", "--config", str(folder / "tap.json")]
        messages = subprocess.run(tap, capture_output=True, check=True).stdout
    terms: dict[str, dict[str, Any]] = {
        "closed": {},
        "open": {
            "redistribution": "permitted",
            "permission": "Invented, by nobody, for a test",
            "formats": ["csv", "parquet", "xlsx"],
        },
    }
    for name, more in terms.items():
        settings = folder / f"{name}.json"
        settings.write_text(json.dumps({"path": str(folder / name), **more}), encoding="utf-8")
        code, _, log = run_command(main, "--config", str(settings), lines=messages, folder=folder)
        assert code == 0, log
    return folder


class Done(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


def published(package: Path, *args: str) -> Done:
    token = partial(os.environ.update, CKAN_API_TOKEN=TOKEN)
    return Done(*run_command(main, "publish", str(package), *args, folder=package.parent, before=token))


def test_a_package_on_ioms_terms_is_refused(packages: Path) -> None:
    done = published(packages / "closed", "--to", "zip", "--yes")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: This package may not be passed on")
    assert "Traceback" not in done.stderr


def test_a_permitted_package_is_packed(packages: Path, tmp_path: Path) -> None:
    archive = tmp_path / "package.zip"
    done = published(packages / "open", "--to", "zip", "--yes", "--output", str(archive))
    assert done.returncode == 0
    with zipfile.ZipFile(archive) as packed:
        digest = hashlib.sha256(packed.read(WORKBOOK)).hexdigest()
        assert f"{digest}  {WORKBOOK}\n" in packed.read("SHA256SUMS").decode()


def test_a_permitted_package_reaches_ckan_and_is_valid_there(packages: Path) -> None:
    with FakeCkan() as site:
        where = ["--to", "ckan", "--url", site.url, "--owner-org", ORGANISATION, "--maintainer", "somebody"]
        assert published(packages / "open", *where).stdout.endswith("add --yes.\n")
        done = published(packages / "open", *where, "--yes")
        assert done.returncode == 0, done.stderr
        dataset = site.dataset("iom-dtm-displacement-sandbox")
        assert dataset["groups"] == [{"name": "xaa"}]
        assert "Invented, by nobody, for a test" in dataset["license_other"]
        report = Package(site.resources("iom-dtm-displacement-sandbox")["datapackage.json"]["url"]).validate()
        assert report.valid
        assert len(report.tasks) == 10


FILES = {
    "data/idp_admin1.parquet": ("Parquet", "application/vnd.apache.parquet"),
    WORKBOOK: ("XLSX", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
}


def test_files_reach_ckan_under_the_format_that_hdx_has_for_them(packages: Path) -> None:
    with FakeCkan() as site:
        where = ["--to", "ckan", "--url", site.url, "--owner-org", ORGANISATION, "--maintainer", "somebody"]
        assert published(packages / "open", *where, "--yes").returncode == 0
        resources = site.resources("iom-dtm-displacement-sandbox")
        for path, kind in FILES.items():
            resource = resources[path.rpartition("/")[2]]
            assert (resource["format"], resource["mimetype"]) == kind
            assert site.files[resource["url"].removeprefix(site.url)] == (packages / "open" / path).read_bytes()
        said = json.loads(site.files[resources["datapackage.json"]["url"].removeprefix(site.url)])
        assert said["dtm:workbook"]["path"] == resources[WORKBOOK]["url"]


def test_a_workbook_that_somebody_has_saved_is_not_published(packages: Path, tmp_path: Path) -> None:
    folder = tmp_path / "package"
    shutil.copytree(packages / "open", folder)
    (folder / WORKBOOK).write_bytes((folder / WORKBOOK).read_bytes() + b"\0")

    done = published(folder, "--check")

    assert done.returncode == 1
    assert f"{WORKBOOK} does not match the hash in the descriptor" in done.stderr


def test_the_targets_help_names_the_command_that_publishes() -> None:
    _, output, _ = run_command(main, "--help", folder=Path())
    assert "target-datapackage publish --help" in " ".join(output.split()).replace("target- ", "target-")


def test_the_readme_of_a_package_says_that_cells_are_written_as_published(packages: Path) -> None:
    readme = (packages / "closed" / "README.md").read_text("utf-8")
    assert "begin with =, +, - or @ are written as published" in readme
