"""`meltano run` with this project's own meltano.yml: a real API over HTTP, a real Postgres, and no key in any log."""

from __future__ import annotations

import json
import re
from random import Random
from typing import TYPE_CHECKING

import psycopg
import pytest

from tap_dtm.sandbox import PCODES_PATH, SandboxServer, World, tiny
from tap_dtm.sandbox.invent import publish
from tests.meltano import MeltanoProject
from tests.pages import page

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from tests.pipeline import Warehouse

pytestmark = pytest.mark.programs

KEY = "k3y-0f9e8d7c6b5a4f3e2d1c-invented"


@pytest.fixture
def project(tmp_path: Path) -> MeltanoProject:
    return MeltanoProject(tmp_path / "project")


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    world: World = tiny(Random(7), countries=3)
    with SandboxServer(world, key=KEY) as server:
        yield server


def meltano_run(project: MeltanoProject, warehouse: Warehouse, **tap_settings: str) -> subprocess.CompletedProcess[str]:
    settings = {f"TAP_DTM_{name.upper()}": value for name, value in tap_settings.items()}
    settings["TARGET_POSTGRES_SQLALCHEMY_URL"] = warehouse.server.url.replace("://", "+psycopg://")
    settings["TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA"] = warehouse.schema
    return project.run("--log-level=debug", "--environment=prod", "run", "tap-dtm", "target-postgres", **settings)


def tables(warehouse: Warehouse) -> set[str]:
    with psycopg.connect(warehouse.server.url) as connection:
        names = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", [warehouse.schema])
        return {name for (name,) in names}


def test_run_after_run_the_tables_equal_the_api_with_pcodes_if_they_are_set_and_the_key_is_nowhere(
    project: MeltanoProject, sandbox: SandboxServer, warehouse: Warehouse
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

    for pcodes in ({}, {"pcodes": sandbox.url + PCODES_PATH}):
        run = meltano_run(project, warehouse, **settings, **pcodes)

        assert run.returncode == 0, run.stderr
        warehouse.assert_equals_api(sandbox.world, countries=countries, start_date="2021-09-01")
        assert tables(warehouse) == {"countries", "operations", "idp_admin0", "idp_admin1", "idp_admin2", *pcodes}
        publish(sandbox.world)

    assert {row["admin0_pcode"] for row in warehouse.live("pcodes")} == set(countries)
    assert all(request.key_sent is (request.path != PCODES_PATH) for request in sandbox.requests)
    assert KEY not in run.stdout + run.stderr
    for path in project.folder.rglob("*"):
        if path.is_file():
            assert KEY.encode() not in path.read_bytes(), path


def test_the_streams_that_the_page_selects_are_loaded_and_no_others(
    project: MeltanoProject, sandbox: SandboxServer, warehouse: Warehouse
) -> None:
    (selection,) = re.findall(r"^TAP_DTM__SELECT='(.+)' \S+/meltano", page("meltano"), re.MULTILINE)

    run = meltano_run(project, warehouse, api_url=sandbox.url, subscription_key=KEY, _select=selection)

    assert run.returncode == 0, run.stderr
    assert tables(warehouse) == {"countries", "operations", "idp_admin0"}


def test_a_wrong_key_fails_the_run_in_one_sentence_without_the_key(
    project: MeltanoProject, sandbox: SandboxServer, warehouse: Warehouse
) -> None:
    run = meltano_run(project, warehouse, api_url=sandbox.url, subscription_key=f"{KEY}-mistyped")

    assert run.returncode != 0
    assert "The DTM API refuses the subscription key (401" in run.stderr
    assert "Traceback" not in run.stderr.split("The DTM API refuses")[0]
    assert KEY not in run.stdout + run.stderr
