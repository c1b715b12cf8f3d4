"""`meltano run` with this project's own meltano.yml into BigQuery's emulator."""

from __future__ import annotations

import json
import shlex
import subprocess
from typing import TYPE_CHECKING

import pytest
import yaml

from tap_dtm.sandbox import world_at
from tests.bigquery.dataset import Dataset
from tests.bigquery.emulator import PYTHON
from tests.environments import ROOT, environment
from tests.meltano import MeltanoProject

if TYPE_CHECKING:
    from pathlib import Path

    from tests.bigquery.emulator import BigQueryEmulator

pytestmark = [pytest.mark.programs, pytest.mark.everything]


def test_the_loader_knows_every_setting() -> None:
    loaders = yaml.safe_load((ROOT / "meltano.yml").read_text("utf-8"))["plugins"]["loaders"]
    (loader,) = (each for each in loaders if each["name"] == "target-bigquery")
    program = environment("target-bigquery", python=PYTHON) / loader["executable"]
    about = subprocess.run([program, "--about", "--format=json"], check=True, capture_output=True)

    known = json.loads(about.stdout)["settings"]["properties"]

    assert {setting["name"] for setting in loader["settings"]} <= known.keys()


NOT_CONFIRMED = "Not all rows are in BigQuery, so no state is confirmed"
NO_KEY = "is not the key of a service account"


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({}, NOT_CONFIRMED),
        ({"credentials_path": "no-such-file.json"}, NOT_CONFIRMED),
        ({"credentials_path": "config.json", "project": ""}, "The setting `project` is missing"),
        ({"dataset": None}, "The setting `dataset` is missing"),
        (
            {"method": "carrier pigeon"},
            "The setting `method` is 'carrier pigeon'; it must be one of: storage_",
        ),
        ({"credentials_path": "a.key"}, f"The file a.key of the setting `credentials_path` {NO_KEY}"),
        ({"credentials_json": "invented-secret"}, f"The setting `credentials_json` {NO_KEY}"),
        ({"credentials_json": '["invented-secret"]'}, f"The setting `credentials_json` {NO_KEY}"),
    ],
)
def test_settings_that_will_not_do_are_reported_without_a_traceback(
    tmp_path: Path, settings: dict[str, str | None], sentence: str
) -> None:
    program = environment("target-bigquery", python=PYTHON) / "checked-target-bigquery"
    (tmp_path / "a.key").write_bytes(b"\x80 no JSON")
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"project": "p", "dataset": "d", "denormalized": True, "upsert": True, **settings}))
    schema = {"type": "SCHEMA", "stream": "s", "schema": {"properties": {"k": {"type": "string"}}}}
    given = json.dumps({**schema, "key_properties": ["k"]})
    # No credentials at home, and no machine of Google's that would be asked for some.
    variables = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "NO_GCE_CHECK": "true", "PYTHONWARNINGS": "ignore"}

    run = subprocess.run(
        [program, "--config", config],
        cwd=tmp_path,
        input=given,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 1
    assert "Traceback" not in run.stderr
    assert sentence in run.stderr
    assert "invented-secret" not in run.stderr
    assert run.stdout == ""


def test_the_sandbox_arrives_in_a_dataset_of_its_own(bigquery: BigQueryEmulator, tmp_path: Path) -> None:
    dataset = Dataset(bigquery, "dtm_sandbox", tmp_path)
    target = tmp_path / "target"
    target.write_text(f'#!/bin/sh\nexec {shlex.join(dataset.target_command())} "$@"\n', encoding="utf-8")
    target.chmod(0o755)
    project = MeltanoProject(tmp_path / "project", target_bigquery=target)

    environment = {
        **dataset.target_environment(),
        "TARGET_BIGQUERY_PROJECT": bigquery.project,
        "TARGET_BIGQUERY_DATASET": "dtm_real",  # which it keeps away from
    }

    run = project.run("run", "dtm-to-bigquery", **environment)

    assert run.returncode == 0, run.stderr
    dataset.assert_equals_api(world_at())
    table = bigquery.table("dtm_sandbox", "idp_admin2")
    assert table["clustering"]["fields"] == ["admin0_pcode", "operation", "row_number"]
