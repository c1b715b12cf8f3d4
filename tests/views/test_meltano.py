"""`meltano run tap-dtm target-postgres dtm-views`, two environments in one database, whatever changes between runs."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest

from tap_dtm.sandbox import SandboxServer, invent, world_at
from tap_dtm.sandbox.visible import backfill_round, rename_operation, withdraw_operation, withdraw_round
from tests.meltano import MeltanoProject, database
from tests.pipeline import Warehouse
from tests.views.databases import assert_views_are_right, place
from tests.world import count, served

if TYPE_CHECKING:
    from pathlib import Path

    from demo.postgres import EmbeddedPostgres
    from tests.world import Version

pytestmark = [pytest.mark.programs, pytest.mark.everything]

RUN = ("run", "tap-dtm", "target-postgres", "dtm-views")
SETTINGS: tuple[tuple[Version, str], ...] = (("v2", "2022-06-01"), ("v3", "2021-06-01"))  # the newer brings columns


def test_run_after_run_in_two_environments_of_one_database(postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    project = MeltanoProject(tmp_path / "project")
    prod, sandbox = Warehouse(postgres, "dtm", tmp_path), Warehouse(postgres, "dtm_sandbox", tmp_path)
    for warehouse in (prod, sandbox):  # these two schemas are no test's own
        warehouse.drop()
    changes = (rename_operation, withdraw_operation, withdraw_round, backfill_round)
    with SandboxServer(invent(8, countries=2)) as server:
        environment = {"TAP_DTM_API_URL": server.url, "TAP_DTM_SUBSCRIPTION_KEY": server.key, **database(postgres)}
        for version, start_date in SETTINGS:
            settings = {"TAP_DTM_API_VERSION": version, "TAP_DTM_START_DATE": start_date}

            run = project.run("--environment=prod", *RUN, **environment, **settings)

            assert run.returncode == 0, run.stderr
            assert_views_are_right(prod.query, server.world, place("postgres", "dtm", version), start_date=start_date)
            assert len(server.world.publish(*changes, rng=Random(8))) == len(changes)

    # The sandbox keeps away from the schema that .env names.
    settings = {**database(postgres), "TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA": "dtm"}
    (project.folder / ".env").write_text("".join(f"{name}='{value}'\n" for name, value in settings.items()))
    run = project.run(*RUN)

    assert run.returncode == 0, run.stderr
    assert_views_are_right(sandbox.query, world_at(), place("postgres", "dtm_sandbox", has_pcodes=True))
    names = {row["admin0_name"] for row in prod.query("SELECT admin0_name FROM countries")}
    assert names == {country["admin0Name"] for country in invent(8, countries=2).country_list()}


def test_views_without_tables_fail_the_run_in_one_sentence(postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    project = MeltanoProject(tmp_path / "project")
    settings = {"TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA": "dtm_of_nobody"}

    run = project.run("--environment=prod", "run", "dtm-views:install", **database(postgres), **settings)

    assert run.returncode == 1
    assert 'schema "dtm_of_nobody" does not exist. Run the tap into this schema first' in run.stderr
    assert "Traceback" not in run.stderr
    assert postgres.password not in run.stderr + run.stdout


def test_the_job_with_history_says_what_the_api_served_at_each_run(postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    project = MeltanoProject(tmp_path / "project")
    warehouse = Warehouse(postgres, "dtm_with_history", tmp_path)
    environment = {**database(postgres), "TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA": warehouse.schema}
    for publication in (2, 3):
        url = f"sandbox://?publication={publication}"

        run = project.run("--environment=prod", "run", "dtm-with-history", **environment, TAP_DTM_API_URL=url)

        assert run.returncode == 0, run.stderr
    assert_views_are_right(warehouse.query, world_at(publication=3), place("postgres", warehouse.schema))
    times = warehouse.query("SELECT DISTINCT observed_at FROM runs ORDER BY 1")
    more = ("displacement_reasons", "observed_at", "looked_at")
    for publication, time in zip((2, 3), times, strict=True):
        rows = warehouse.query("SELECT * FROM idp_admin2_as_of(%s)", time["observed_at"])
        known = [{**row, "reporting_date": row["reporting_date"].isoformat()} for row in rows]
        known = [{name: value for name, value in row.items() if name not in more} for row in known]
        assert count(known) == served(world_at(publication=publication), 2)
