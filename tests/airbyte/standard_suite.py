"""Airbyte's standard tests of a connector, on the command `source-dtm` as it is.

Not collected with the project's tests: it runs in the environment of airbyte-cdk, and `test_standard.py` starts it
there. The folder with `acceptance-test-config.yml` is in SOURCE_DTM_TESTS, the command in SOURCE_DTM.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from airbyte_cdk.models import AirbyteMessageSerializer
from airbyte_cdk.test import entrypoint_wrapper
from airbyte_cdk.test.standard_tests import SourceTestSuiteBase

COMMAND = json.loads(os.environ["SOURCE_DTM"])


class NoObject:
    """Stands where the suite looks for a connector written in Python."""

    def spec(self, logger: object) -> None:
        """Say nothing: the suite only looks whether it is there."""


def run_command(*, args: list[str], **_: Any) -> entrypoint_wrapper.EntrypointOutput:
    """Run the command where the suite would call methods of a connector written in Python."""
    done = subprocess.run([*COMMAND, *args], capture_output=True, text=True, check=False, timeout=60)
    lines = done.stdout.splitlines()
    for line in lines:
        AirbyteMessageSerializer.load(json.loads(line))  # the suite would take anything else for a line of the log
    output = entrypoint_wrapper.EntrypointOutput(messages=lines, command=args, stderr=done.stderr)
    assert done.stderr == ""
    assert done.returncode == (1 if output.errors else 0)
    return output


@pytest.fixture(autouse=True)
def _the_real_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entrypoint_wrapper, "_run_command", run_command)


class TestSourceDtm(SourceTestSuiteBase):  # type: ignore[misc]
    connector = NoObject

    @classmethod
    def get_connector_root_dir(cls) -> Path:
        return Path(os.environ["SOURCE_DTM_TESTS"])
