"""Several workers load countries into the same tables at the same time: together they do what one run does."""

from __future__ import annotations

import shutil
import threading
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tap_dtm.sandbox import COUNTRY, VISIBLE, Fault, SandboxServer, invent
from tap_dtm.sandbox.invent import add_country, withdraw_country
from tap_dtm.sandbox.visible import add_round, backfill_round, withdraw_operation, withdraw_round
from tap_dtm.singer.tap import TapDTM
from tests.environments import environment
from tests.pipeline import sandbox_config
from tests.recipes.machine import PLACE, RECIPES, Machine, empty_tables, snippet
from tests.test_postgres import ALL_CODES

if TYPE_CHECKING:
    from pathlib import Path

    from tests.pipeline import Warehouse

pytestmark = pytest.mark.everything

HEADING = "Several workers"
LIST = snippet(HEADING, "examples/recipes/worker.sh all")
RUN = snippet(HEADING, "xargs")
CHANGES = (add_round, backfill_round, withdraw_round, withdraw_operation)


def catalog(*streams: str) -> dict[str, Any]:
    """Return a catalog with these streams selected."""
    everything: dict[str, Any] = TapDTM(config={"api_url": "sandbox://"}).catalog_dict
    for stream in everything["streams"]:
        for entry in stream["metadata"]:
            if not entry["breadcrumb"]:
                entry["metadata"]["selected"] = stream["tap_stream_id"] in streams
    return everything


LISTS = catalog("countries", "operations")
FIGURES = catalog("idp_admin0", "idp_admin1", "idp_admin2")


def write_workers(machine: Machine, sandbox: SandboxServer) -> list[str]:
    """Write workers.txt, and return its lines."""
    workers = ["lists", *(country["admin0Pcode"] for country in sandbox.world.country_list())]
    (machine.folder / "workers.txt").write_text("".join(f"{worker}\n" for worker in workers), encoding="utf-8")
    return workers


ONE_COUNTRY = pytest.mark.parametrize("sandbox", [1], indirect=True)


class Workers:
    """The workers of worker.sh without Meltano: each has its own state, all have the same tables."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self._workers: dict[str, Warehouse] = {}

    def worker(self, name: str) -> Warehouse:
        """Return the worker of a line of workers.txt."""
        if name not in self._workers:
            folder = self._warehouse.folder / name
            folder.mkdir()
            self._workers[name] = replace(self._warehouse, folder=folder, state={})
        return self._workers[name]

    def run(self, config: dict[str, Any], codes: list[str]) -> None:
        """Run the worker of the lists and those of some countries, all at once."""
        failures: list[BaseException] = []

        def load(name: str) -> None:
            try:
                if name == "lists":
                    self.worker(name).sync(config, catalog=LISTS)
                else:
                    self.worker(name).sync({**config, "countries": [name]}, catalog=FIGURES)
            except BaseException as failure:  # noqa: BLE001 - raised below, in the thread of the test
                failures.append(failure)

        threads = [threading.Thread(target=load, args=(name,)) for name in ("lists", *codes)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]


def test_in_parallel_they_load_what_one_run_does_whatever_is_published(warehouse: Warehouse) -> None:
    rng = Random(2)
    workers = Workers(warehouse)
    with SandboxServer(invent(8, countries=3)) as sandbox:
        config = sandbox_config(sandbox, accept_withdrawn_countries=ALL_CODES)
        known: list[str] = []
        for _ in range(3):
            known = sorted({*known, *(country.pcode for country in sandbox.world.countries)})

            workers.run(config, known)

            warehouse.assert_equals_api(sandbox.world)
            known = [country.pcode for country in sandbox.world.countries]
            sandbox.world.publish(*rng.sample((*VISIBLE, *COUNTRY), 5), rng=rng)


def test_a_country_that_another_worker_takes_over_keeps_rows_that_are_gone(warehouse: Warehouse) -> None:
    """Why the page says: never give a country to another worker, except into empty tables."""
    workers = Workers(warehouse)
    with SandboxServer(invent(8, countries=2)) as sandbox:
        config = sandbox_config(sandbox)
        workers.worker("old").sync(config)
        assert len(sandbox.world.publish(withdraw_operation, withdraw_round, rng=Random(1))) == 2

        workers.worker("new").sync(config)

        with pytest.raises(AssertionError):
            warehouse.assert_equals_api(sandbox.world)
        empty_tables(warehouse)
        workers.worker("other").sync(config)
        warehouse.assert_equals_api(sandbox.world)


def test_a_country_that_leaves_the_list_keeps_its_figures_and_fails_its_worker_until_accepted(
    warehouse: Warehouse,
) -> None:
    workers = Workers(warehouse)
    with SandboxServer(invent(8, countries=2)) as sandbox:
        config = sandbox_config(sandbox)
        workers.run(config, [])
        before = {country.pcode for country in sandbox.world.countries}
        for code in before:
            workers.worker(code).sync({**config, "countries": [code]}, catalog=FIGURES)
        assert sandbox.world.publish(withdraw_country, rng=Random(1))
        (gone,) = before - {country.pcode for country in sandbox.world.countries}

        workers.worker("lists").sync(config, catalog=LISTS)
        workers.worker(gone).sync({**config, "countries": [gone]}, catalog=FIGURES, exit_code=1)

        assert gone not in {row["admin0_pcode"] for row in warehouse.live("countries")}
        assert gone in {row["admin0_pcode"] for row in warehouse.live("idp_admin0")}
        accepted = {**config, "countries": [gone], "accept_withdrawn_countries": [gone]}
        workers.worker(gone).sync(accepted, catalog=FIGURES)
        warehouse.assert_equals_api(sandbox.world)


def test_a_worker_that_activates_versions_deletes_the_rows_of_the_others(warehouse: Warehouse) -> None:
    """Why the page says: workers leave emit_activate_version_messages alone."""
    workers = Workers(warehouse)
    full_refresh = FIGURES | {"streams": [{**each, "replication_method": "FULL_TABLE"} for each in FIGURES["streams"]]}
    with SandboxServer(invent(8, countries=2)) as sandbox:
        config = sandbox_config(sandbox, emit_activate_version_messages=True)
        first, second = (country.pcode for country in sandbox.world.countries)
        workers.worker(first).sync({**config, "countries": [first]}, catalog=FIGURES)

        workers.worker(second).sync({**config, "countries": [second]}, catalog=full_refresh)

        assert {row["admin0_pcode"] for row in warehouse.live("idp_admin0")} == {second}


def test_the_commands_of_the_page_load_everything_except_a_country_that_fails(
    machine: Machine, sandbox: SandboxServer, warehouse: Warehouse
) -> None:
    machine.shell(LIST)
    listed = [country["admin0Pcode"] for country in sandbox.world.country_list()]
    assert (machine.folder / "workers.txt").read_text("utf-8").split() == ["lists", *listed]
    failing, *others = listed
    sandbox.faults.add(Fault("status", country=failing))

    output = machine.shell(RUN, exit_code=123)

    assert f"countries failed: {failing}." in output
    assert {row["admin0_pcode"] for row in warehouse.live("idp_admin2")} == set(others)
    sandbox.faults.clear()
    sandbox.requests.clear()
    assert sandbox.world.publish(*CHANGES, rng=Random(3))
    machine.shell(RUN)
    warehouse.assert_equals_api(sandbox.world)
    indexes = [request for request in sandbox.requests if request.path.endswith("/admin0")]
    assert len(indexes) == len(listed), "a worker read another one's country"


def test_a_country_without_a_worker_is_an_error(machine: Machine, sandbox: SandboxServer, warehouse: Warehouse) -> None:
    """Meltano's folder may be named from where the worker starts."""
    write_workers(machine, sandbox)
    sandbox.world.publish(add_country, rng=Random(1))
    new = sandbox.world.countries[-1].pcode
    named = {"MELTANO_SYS_DIR_ROOT": "of-meltano"}

    output = machine.shell("examples/recipes/worker.sh lists", named, exit_code=1)

    assert f"DTM lists {new}, which no worker loads: add it to workers.txt.\n" in output
    assert new in {row["admin0_pcode"] for row in warehouse.live("countries")}
    folder = machine.folder / "of-meltano"
    assert (folder / "workers" / "lists" / "extractors").samefile(folder / "extractors")
    sandbox.faults.add(Fault("status", path="country", after=1))
    assert "HTTP 503" in machine.shell("examples/recipes/worker.sh lists", exit_code=1)  # nothing to compare with


def test_the_manifest_is_one_that_kubernetes_takes(machine: Machine) -> None:
    program = environment("kubernetes") / "kubernetes-validate"

    assert "passed" in machine.shell(f"{program} --strict examples/recipes/kubernetes.yaml")


@ONE_COUNTRY
def test_the_pods_of_kubernetes_load_everything(
    machine: Machine, sandbox: SandboxServer, warehouse: Warehouse, tmp_path: Path
) -> None:
    """Each pod has a copy of the folder, and loses it; two rounds of them, one after the other, as from a CronJob."""
    (manifest,) = yaml.safe_load_all((RECIPES / "kubernetes.yaml").read_text("utf-8"))
    (container,) = manifest["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    assert container["workingDir"] == PLACE
    shell, dash_c, command = container["command"]
    assert (shell, dash_c) == ("sh", "-c")
    workers = write_workers(machine, sandbox)
    machine.write_env()
    state = {"MELTANO_STATE_BACKEND_URI": (tmp_path / "states").as_uri()}
    for night in range(2):
        pods = []
        for index in range(len(workers)):
            folder = tmp_path / f"pod-{night}-{index}"
            shutil.copytree(machine.folder, folder, symlinks=True, ignore=shutil.ignore_patterns(".meltano"))
            pods.append(machine.start(command, state | {"JOB_COMPLETION_INDEX": str(index)}, folder=folder))
        for pod in pods:
            output, _ = pod.communicate()
            assert pod.returncode == 0, output
        warehouse.assert_equals_api(sandbox.world)
        assert sandbox.world.publish(*CHANGES, rng=Random(night))
    assert "a line of workers.txt" in machine.shell(command, {"JOB_COMPLETION_INDEX": "9"}, exit_code=2)


@ONE_COUNTRY
def test_the_job_of_dagster_loads_everything(machine: Machine, sandbox: SandboxServer, warehouse: Warehouse) -> None:
    programs = environment("orchestrators")
    job = machine.folder / "dagster_job.py"
    job.write_text(machine.here((RECIPES / "dagster_job.py").read_text("utf-8")), encoding="utf-8")
    write_workers(machine, sandbox)
    home = {"DAGSTER_HOME": str(machine.folder), "DAGSTER_DISABLE_TELEMETRY": "1"}
    (machine.folder / "dagster.yaml").touch()

    machine.shell(f"{programs}/dagster job execute -f {job} -j dtm", home)

    warehouse.assert_equals_api(sandbox.world)


def test_airflow_reads_the_dag(machine: Machine, sandbox: SandboxServer) -> None:
    programs = environment("orchestrators")
    dag = machine.folder / "airflow_dag.py"
    dag.write_text(machine.here((RECIPES / "airflow_dag.py").read_text("utf-8")), encoding="utf-8")
    workers = write_workers(machine, sandbox)
    show = "from airflow_dag import dag; print(dag.get_task('load').expand_input.value['bash_command'])"

    output = machine.shell(f'{programs}/python -c "{show}"', {"AIRFLOW_HOME": str(machine.folder / "airflow")})

    assert output.splitlines()[-1] == str([f"examples/recipes/worker.sh {worker}" for worker in workers])
