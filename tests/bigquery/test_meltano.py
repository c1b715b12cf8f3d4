"""`meltano run` with this project's own meltano.yml into BigQuery's emulator."""

from __future__ import annotations

import json
import shlex
import subprocess
from typing import TYPE_CHECKING

import yaml

from tap_dtm.sandbox import world_at
from tests.bigquery.dataset import Dataset
from tests.bigquery.emulator import PYTHON
from tests.environments import ROOT, environment
from tests.meltano import MeltanoProject

if TYPE_CHECKING:
    from pathlib import Path

    from tests.bigquery.emulator import BigQueryEmulator


def test_the_loader_knows_every_setting() -> None:
    loaders = yaml.safe_load((ROOT / "meltano.yml").read_text("utf-8"))["plugins"]["loaders"]
    (loader,) = (each for each in loaders if each["name"] == "target-bigquery")
    program = environment("target-bigquery", python=PYTHON) / loader["executable"]
    about = subprocess.run([program, "--about", "--format=json"], check=True, capture_output=True)

    known = json.loads(about.stdout)["settings"]["properties"]

    assert {setting["name"] for setting in loader["settings"]} <= known.keys()


def test_the_sandbox_arrives_in_a_dataset_of_its_own(bigquery: BigQueryEmulator, tmp_path: Path) -> None:
    dataset = Dataset(bigquery, "dtm_sandbox", tmp_path)
    target = tmp_path / "target"
    target.write_text(f'#!/bin/sh\nexec {shlex.join(dataset.target_command())} "$@"\n', encoding="utf-8")
    target.chmod(0o755)
    project = MeltanoProject(tmp_path / "project", target_bigquery=target)

    for _ in range(2):
        environment = {**dataset.target_environment(), "TARGET_BIGQUERY_PROJECT": bigquery.project}
        run = project.run("run", "dtm-to-bigquery", **environment)

        assert run.returncode == 0, run.stderr
        dataset.assert_equals_api(world_at())

    table = bigquery.table("dtm_sandbox", "idp_admin2")
    assert table["clustering"]["fields"] == ["admin0_pcode", "operation", "row_number"]
