"""`meltano run` with this project's own meltano.yml: a real API over HTTP, a real Postgres, and no key in any log.

Only where the plugins are found differs: in the environment of the tests, so that nothing is installed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest
import yaml

from tap_dtm.sandbox import SandboxServer, World, tiny
from tap_dtm.sandbox.publications import publish

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.pipeline import Warehouse

MELTANO_YML = Path(__file__).parents[1] / "meltano.yml"
PROGRAMS = Path(sys.executable).parent
KEY = "k3y-0f9e8d7c6b5a4f3e2d1c-invented"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A Meltano project like this one, whose plugins are those of the environment."""
    declared = yaml.safe_load(MELTANO_YML.read_text("utf-8"))
    for plugins in declared["plugins"].values():
        for plugin in plugins:
            del plugin["pip_url"]
            plugin["executable"] = str(PROGRAMS / plugin["executable"])
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "meltano.yml").write_text(yaml.safe_dump(declared), encoding="utf-8")
    return folder


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    world: World = tiny(Random(7), countries=3)
    with SandboxServer(world, key=KEY) as server:
        yield server


def meltano_run(project: Path, warehouse: Warehouse, **tap_settings: str) -> subprocess.CompletedProcess[str]:
    meltano = shutil.which("meltano", path=str(PROGRAMS))
    assert meltano
    own = ("MELTANO_", "TAP_DTM_", "TARGET_POSTGRES_", "DTMAPI_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    environment |= {f"TAP_DTM_{name.upper()}": value for name, value in tap_settings.items()}
    environment["TARGET_POSTGRES_SQLALCHEMY_URL"] = warehouse.server.url.replace("://", "+psycopg://")
    environment["TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA"] = warehouse.schema
    arguments = ["--log-level=debug", "--environment=prod", "run", "tap-dtm", "target-postgres"]
    return subprocess.run(
        [meltano, *arguments], cwd=project, env=environment, check=False, text=True, capture_output=True
    )


def test_run_after_run_the_tables_equal_the_api_and_the_key_is_nowhere(
    project: Path, sandbox: SandboxServer, warehouse: Warehouse
) -> None:
    countries = [country.pcode for country in sandbox.world.countries[:2]]
    settings = {
        "api_url": sandbox.url,
        "subscription_key": KEY,
        "countries": json.dumps(countries),
        "start_date": "2021-09-01",
        "scrub_fraction": "0",
        "max_parallel_requests": "2",
    }

    for _ in range(2):
        run = meltano_run(project, warehouse, **settings)

        assert run.returncode == 0, run.stderr
        warehouse.assert_equals_api(sandbox.world, countries=countries, start_date="2021-09-01")
        publish(sandbox.world)

    assert all(request.key_sent for request in sandbox.requests)
    assert KEY not in run.stdout + run.stderr
    for path in project.rglob("*"):
        if path.is_file():
            assert KEY.encode() not in path.read_bytes(), path


def test_a_wrong_key_fails_the_run_in_one_sentence_without_the_key(
    project: Path, sandbox: SandboxServer, warehouse: Warehouse
) -> None:
    run = meltano_run(project, warehouse, api_url=sandbox.url, subscription_key=f"{KEY}-mistyped")

    assert run.returncode != 0
    assert "The DTM API refuses the subscription key (401" in run.stderr
    assert "Traceback" not in run.stderr.split("The DTM API refuses")[0]
    assert KEY not in run.stdout + run.stderr
