"""`meltano run` with this project's own meltano.yml into BigQuery's emulator."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tap_dtm.sandbox import world_at
from tests.bigquery.dataset import Dataset
from tests.bigquery.emulator import PYTHON
from tests.environments import ROOT, environment

if TYPE_CHECKING:
    from tests.bigquery.emulator import BigQueryEmulator

PROGRAMS = Path(sys.executable).parent


@pytest.fixture
def declared() -> dict[str, Any]:
    declared: dict[str, Any] = yaml.safe_load((ROOT / "meltano.yml").read_text("utf-8"))
    return declared


def plugin(declared: dict[str, Any], kind: str, name: str) -> dict[str, Any]:
    """Find a plugin in meltano.yml."""
    found: dict[str, Any] = next(each for each in declared["plugins"][kind] if each["name"] == name)
    return found


def test_the_loader_knows_every_setting(declared: dict[str, Any]) -> None:
    loader = plugin(declared, "loaders", "target-bigquery")
    program = environment("target-bigquery", python=PYTHON) / loader["executable"]
    about = subprocess.run([program, "--about", "--format=json"], check=True, capture_output=True)

    known = json.loads(about.stdout)["settings"]["properties"]

    assert {setting["name"] for setting in loader["settings"]} <= known.keys()


def test_the_sandbox_arrives_in_a_dataset_of_its_own(
    declared: dict[str, Any], bigquery: BigQueryEmulator, tmp_path: Path
) -> None:
    dataset = Dataset(bigquery, "dtm_sandbox", tmp_path)
    target = tmp_path / "target"
    target.write_text(f'#!/bin/sh\nexec {shlex.join(dataset.target_command())} "$@"\n', encoding="utf-8")
    target.chmod(0o755)
    for kind, name, program in (
        ("extractors", "tap-dtm", PROGRAMS / "tap-dtm"),
        ("loaders", "target-bigquery", target),
    ):
        found = plugin(declared, kind, name)
        del found["pip_url"]  # what is there already is not installed
        found["executable"] = str(program)
    (tmp_path / "meltano.yml").write_text(yaml.safe_dump(declared), encoding="utf-8")
    own = ("MELTANO_", "TAP_DTM_", "TARGET_BIGQUERY_", "DTMAPI_", "GOOGLE_")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(own)}

    for _ in range(2):
        run = subprocess.run(
            [PROGRAMS / "meltano", "run", "dtm-to-bigquery"],
            cwd=tmp_path,
            env={**inherited, **dataset.target_environment(), "TARGET_BIGQUERY_PROJECT": bigquery.project},
            check=False,
            text=True,
            capture_output=True,
        )

        assert run.returncode == 0, run.stderr
        dataset.assert_equals_api(world_at())

    table = bigquery.table("dtm_sandbox", "idp_admin2")
    assert table["clustering"]["fields"] == ["admin0_pcode", "operation", "row_number"]
