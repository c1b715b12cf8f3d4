"""``tap-dtm --check-api`` as it is run: the text on standard output, and the exit code."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tap_dtm.apicheck.agreement import FACTS
from tap_dtm.sandbox import Fault
from tests.apicheck.support import KEY
from tests.forked import forked

if TYPE_CHECKING:
    from tap_dtm.sandbox import SandboxServer

PAGE = Path(__file__).parents[2] / "docs" / "check-api.md"


def run(folder: Path, **config: Any) -> tuple[int, str, str]:
    (folder / "config.json").write_text(json.dumps(config))
    hidden = ("DTMAPI_", "TAP_DTM_")
    done = subprocess.run(
        [*forked("tap-dtm"), "--config", "config.json", "--check-api"],
        cwd=folder,
        env={name: value for name, value in os.environ.items() if not name.startswith(hidden)},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout, done.stderr


def line_of_facts(text: str) -> list[str]:
    words = ("ok", "differs", "FAILED", "not checked")
    return [line for line in text.splitlines() if line.startswith(words) and "  " in line]


@pytest.mark.programs
class TestTheCommand:
    def test_in_the_sandbox_within(self, tmp_path: Path) -> None:
        code, output, log = run(tmp_path, api_url="sandbox://", subscription_key="a-real-key")

        assert code == 0
        assert output.splitlines()[0].endswith(" --check-api: API v3 of the sandbox (the data are invented)")
        assert len(line_of_facts(output)) == len(FACTS)
        assert {line.split()[0] for line in line_of_facts(output)} == {"ok"}
        assert "Request 12 of at most 12, about XAA." in log
        assert "a-real-key" not in output + log

    def test_of_an_api_that_lacks_a_property(self, tmp_path: Path, sandbox: SandboxServer) -> None:
        sandbox.faults.add(Fault("missing_field", path="admin2"))

        code, output, log = run(tmp_path, api_url=sandbox.url, subscription_key=KEY)

        assert code == 1
        assert len(line_of_facts(output)) == len(FACTS)
        assert "lacks 1 of the properties that the tap needs" in log.splitlines()[-1]
        assert "Traceback" not in log

    @pytest.mark.parametrize(
        ("config", "words"),
        [
            ({"subscription_key": "another-key"}, "The DTM API refuses the subscription key (401"),
            ({"subscription_key": KEY, "api_url": "http://127.0.0.1:9"}, "the connection to 127.0.0.1:9 failed"),
            ({"subscription_key": KEY, "api_version": "v9"}, "'v9' is not one of ['v3', 'v2']"),
            ({}, "No subscription key for the DTM API."),
        ],
    )
    def test_of_an_api_that_cannot_be_asked(
        self, tmp_path: Path, sandbox: SandboxServer, config: dict[str, Any], words: str
    ) -> None:
        code, output, log = run(tmp_path, **{"api_url": sandbox.url, "max_retries": 0, **config})

        assert (code, output) == (1, "")
        assert "Traceback" not in log
        assert words in log.splitlines()[-1]
        assert "another-key" not in log


def test_the_page_shows_lines_of_the_report_of_the_sandbox(tmp_path: Path) -> None:
    """Sizes and times are those of one day."""
    _, output, _ = run(tmp_path, api_url="sandbox://")

    shown, reported = line_of_facts(PAGE.read_text("utf-8")), line_of_facts(output)

    timed = "Answers take a small part"
    assert len(shown) > 5
    assert [line for line in shown if timed not in line] == [
        line for line in reported if line in shown and timed not in line
    ]
