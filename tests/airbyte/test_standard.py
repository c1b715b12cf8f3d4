"""Airbyte's standard tests pass, and its warnings about the catalog count as failures."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tap_dtm.sandbox import SandboxServer, invent
from tests.airbyte.support import OVERWRITE, STREAMS, configured
from tests.environments import environment
from tests.forked import forked

if TYPE_CHECKING:
    from tests.airbyte.support import Source

pytestmark = pytest.mark.everything

SUITE = Path(__file__).with_name("standard_suite.py")
KEY = "a-key-that-must-not-leak"
SCENARIOS = {
    "spec": [{"config_path": "config.json"}],
    "connection": [
        {"config_path": "config.json", "status": "succeed"},
        {"config_path": "bad_key.json", "status": "failed"},
        {"config_path": "no_answer.json", "status": "failed"},
    ],
    "discovery": [{"config_path": "config.json"}],
    # The suite asks for full refreshes alone, and the catalog for those streams that have them.
    "basic_read": [{"config_path": "read.json", "configured_catalog_path": "catalog.json"}],
    "full_refresh": [{"config_path": "v2.json", "configured_catalog_path": "catalog.json"}],
}


def test_airbyte_s_standard_tests_pass(source: Source, tmp_path: Path) -> None:
    acceptance = {"test_strictness_level": "high", "acceptance_tests": {n: {"tests": t} for n, t in SCENARIOS.items()}}
    (tmp_path / "acceptance-test-config.yml").write_text(json.dumps(acceptance))  # JSON is YAML as well
    with SandboxServer(invent(seed=1, countries=3), key=KEY) as sandbox:
        config = {"api_url": sandbox.url, "subscription_key": KEY}
        (tmp_path / "catalog.json").write_text(json.dumps(configured(dict.fromkeys(STREAMS, OVERWRITE))))
        (tmp_path / "config.json").write_text(json.dumps(config))
        (tmp_path / "read.json").write_text(json.dumps(config))
        (tmp_path / "v2.json").write_text(json.dumps({**config, "api_version": "v2"}))
        (tmp_path / "bad_key.json").write_text(json.dumps({**config, "subscription_key": f"{KEY}-no-more"}))
        (tmp_path / "no_answer.json").write_text(json.dumps({**config, "api_url": "http://127.0.0.1:9"}))

        done = subprocess.run(
            [
                environment("airbyte-cdk") / "pytest",
                *("-p", "airbyte_cdk.test.standard_tests.pytest_hooks", "-p", "no:cacheprovider"),
                *("-W", "error::airbyte_cdk.test.standard_tests.DiscoveredCatalogWarning"),
                *("-c", os.devnull, "--noconftest", "-k", "not docker", "-v"),
                str(SUITE),
            ],
            cwd=tmp_path,
            env={
                **source.environment,
                "SOURCE_DTM": json.dumps(forked("source-dtm")),
                "SOURCE_DTM_TESTS": str(tmp_path),
            },
            capture_output=True,
            text=True,
            check=False,
        )

    assert done.returncode == 0, done.stdout
    passed = set(re.findall(r"::(test_\w+).* PASSED", done.stdout))
    assert passed == {
        "test_basic_read",
        "test_check",
        "test_config_matches_spec",
        "test_discover",
        "test_fail_read_with_bad_catalog",
        "test_spec",
    }
    assert len(re.findall(" PASSED", done.stdout)) == 10
    assert KEY not in done.stdout
