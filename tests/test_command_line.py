"""The command as people and schedulers run it: a program of its own, its exit code, and what it says."""

from __future__ import annotations

import json
import logging
import os
import subprocess
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import pytest

from tap_dtm.errors import DtmError
from tap_dtm.sandbox import Fault, SandboxServer, invent
from tap_dtm.singer import command
from tap_dtm.singer.tap import TapDTM
from tests.forked import forked
from tests.target import MemoryTarget
from tests.world import LEVELS, count, served

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.programs

STREAMS = {"countries", "operations", "idp_admin0", "idp_admin1", "idp_admin2"}
HISTORIES = {"idp_admin0_history", "idp_admin1_history", "idp_admin2_history", "runs"}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(invent(seed=1, countries=3)) as server:
        yield server


@pytest.fixture
def tap(tmp_path: Path) -> Command:
    return Command(tmp_path)


class Command:
    """The tap's command in a folder of its own, without a key in its environment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        hidden = ("DTMAPI_", "TAP_DTM_", "PYTHONWARNINGS")
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}

    def file(self, name: str, content: object) -> str:
        path = self.folder / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return str(path)

    def start(self, *arguments: str, stdout: int | IO[bytes] = subprocess.PIPE) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*forked("tap-dtm"), *arguments],
            cwd=self.folder,
            env=self.environment,
            stdout=stdout,
            stderr=subprocess.PIPE,
        )

    def run(
        self, *arguments: str, config: object = None, stdout: int | IO[bytes] = subprocess.PIPE
    ) -> tuple[int, str, str]:
        """Return exit code, output and log."""
        if config is not None:
            arguments = ("--config", self.file("config.json", config), *arguments)
        process = self.start(*arguments, stdout=stdout)
        output, log = process.communicate(timeout=60)
        return process.returncode, (output or b"").decode(), log.decode()


def sandbox_config(sandbox: SandboxServer, **config: Any) -> dict[str, Any]:
    return {"api_url": sandbox.url, "subscription_key": sandbox.key, "max_retries": 0, **config}


def assert_one_sentence(code: int, log: str, words: str) -> None:
    """Check that a run failed, and said why in its last line, once, and without showing its insides."""
    assert code == 1
    assert "Traceback" not in log
    lines = log.splitlines()
    assert " | CRITICAL | tap-dtm " in lines[-1]
    assert words in lines[-1]
    assert sum(" | CRITICAL | " in line or " | ERROR " in line for line in lines) == 1


class TestWhatItIs:
    def test_about_as_text(self, tap: Command) -> None:
        code, output, _ = tap.run("--about")
        assert code == 0
        assert "tap-dtm" in output
        assert "subscription_key" in output

    def test_about_in_markdown(self, tap: Command) -> None:
        code, output, _ = tap.run("--about", "--format=markdown")
        assert code == 0
        assert output.startswith("# `tap-dtm`")
        assert "| scrub_fraction |" in output

    def test_about_in_json(self, tap: Command) -> None:
        code, output, _ = tap.run("--about", "--format=json")
        assert code == 0
        about = json.loads(output)
        assert about["name"] == "tap-dtm"
        assert about["settings"]["properties"]["subscription_key"]["secret"] is True
        assert about["settings"]["properties"]["scrub_fraction"]["default"] == 0.05
        assert {"catalog", "state", "discover", "activate-version"} <= set(about["capabilities"])

    def test_version(self, tap: Command) -> None:
        code, output, _ = tap.run("--version")
        assert code == 0
        assert output.startswith("tap-dtm v")

    def test_discover_needs_no_key(self, tap: Command) -> None:
        code, output, log = tap.run("--discover")
        assert code == 0
        assert {stream["tap_stream_id"] for stream in json.loads(output)["streams"]} == STREAMS | HISTORIES | {"pcodes"}
        assert "key" not in log

    def test_test_reaches_the_api(self, tap: Command, sandbox: SandboxServer) -> None:
        code, output, _ = tap.run("--test", config=sandbox_config(sandbox))
        assert code == 0
        messages = [json.loads(line) for line in output.splitlines()]
        assert {message["stream"] for message in messages if message["type"] == "RECORD"} == STREAMS | HISTORIES

    def test_test_with_a_bad_key(self, tap: Command, sandbox: SandboxServer) -> None:
        code, _, log = tap.run("--test", config=sandbox_config(sandbox, subscription_key="another-key"))
        assert code == 1
        assert "Traceback" not in log
        assert "refuses the subscription key (401" in log.splitlines()[-1]


class TestARun:
    def test_and_the_next(self, tap: Command, sandbox: SandboxServer) -> None:
        config = sandbox_config(sandbox, scrub_fraction=0)
        target = MemoryTarget()
        code, output, log = tap.run(config=config)
        assert code == 0
        assert " | INFO     | tap-dtm " in log.splitlines()[-1]
        assert " | Read 3 countries in " in log.splitlines()[-1]
        for line in output.splitlines():
            target.handle(json.loads(line))
        for level in LEVELS:
            assert count(target.live(f"idp_admin{level}")) == served(sandbox.world, level)

        state = tap.file("state.json", target.state)
        code, output, _ = tap.run("--state", state, config=config)
        assert code == 0
        messages = [json.loads(line) for line in output.splitlines()]
        assert {message["stream"] for message in messages if message["type"] == "RECORD"} == {"countries", "operations"}

    def test_in_which_countries_failed(self, tap: Command, sandbox: SandboxServer) -> None:
        sandbox.faults.add(Fault("html", country="XBA"))
        try:
            code, _, log = tap.run(config=sandbox_config(sandbox))
        finally:
            sandbox.faults.clear()
        assert code == 1
        assert "Traceback" not in log
        assert log.splitlines()[-1].endswith(
            "1 of 3 countries failed: XBA. The others are complete; the next run tries these again."
        )
        assert any("XBA failed and keeps its rows" in line for line in log.splitlines())

    def test_with_the_settings_from_the_environment(self, tap: Command, sandbox: SandboxServer) -> None:
        tap.environment |= {
            "TAP_DTM_API_URL": sandbox.url,
            "TAP_DTM_SUBSCRIPTION_KEY": sandbox.key,
            "TAP_DTM_COUNTRIES": '["XAA"]',
            "TAP_DTM_MAX_RETRIES": "0",
        }
        code, output, _ = tap.run("--config=ENV")
        assert code == 0
        records = [message["record"] for message in map(json.loads, output.splitlines()) if "record" in message]
        assert {record["admin0_pcode"] for record in records if "row_number" in record} == {"XAA"}

    def test_with_the_official_client_s_variable(self, tap: Command, sandbox: SandboxServer) -> None:
        tap.environment["DTMAPI_SUBSCRIPTION_KEY"] = sandbox.key
        assert tap.run(config={"api_url": sandbox.url, "countries": ["XAA"]})[0] == 0

    def test_in_the_sandbox_within(self, tap: Command) -> None:
        code, output, log = tap.run(config={"api_url": "sandbox://?countries=1", "subscription_key": "a-real-key"})
        assert code == 0
        assert output
        assert "Traceback" not in log


class TestWrongSettings:
    @pytest.mark.parametrize(
        ("config", "words"),
        [
            ({}, "No subscription key for the DTM API. Register at https://dtm-apim-portal.iom.int"),
            (
                {"start_date": "2024-13-01"},
                "The setting start_date is '2024-13-01', not a valid date: write it as YYYY-MM-DD.",
            ),
            (
                {"start_date": "2024-02-01", "end_date": "2024-01-01"},
                "The setting start_date (2024-02-01) is after end_date (2024-01-01): swap them.",
            ),
            ({"api_url": "http://example.org"}, "would send the key unencrypted to example.org: use https://."),
            ({"api_version": "v9"}, "'v9' is not one of ['v3', 'v2'] in config['api_version']"),
            ({"scrub_fraction": 2}, "2 is greater than the maximum of 1 in config['scrub_fraction']"),
            ({"subscription_key": 31337}, "The setting subscription_key is not a text: put it in quotes."),
            (
                "{,}",
                "config.json is not valid JSON: Expecting property name enclosed in double quotes: line 1 co",
            ),
            ("[]", "config.json holds something else than a JSON object in braces."),
        ],
    )
    def test_are_reported_in_one_sentence(self, tap: Command, config: Any, words: str) -> None:
        if isinstance(config, dict) and config:
            config = {"subscription_key": "some-key", **config}
        code, output, log = tap.run(config=config)
        assert_one_sentence(code, log, words)
        assert output == ""

    def test_are_reported_by_test_and_discover_alike(self, tap: Command) -> None:
        code, _, log = tap.run("--test", config={"scrub_fraction": 2})
        assert_one_sentence(code, log, "2 is greater than the maximum of 1")
        code, _, log = tap.run("--discover", config={"api_version": "v9"})
        assert_one_sentence(code, log, "The setting api_version is 'v9': write v3 or v2.")

    def test_countries_that_do_not_exist(self, tap: Command, sandbox: SandboxServer) -> None:
        code, output, log = tap.run(config=sandbox_config(sandbox, countries=["XAB"]))
        assert code == 1
        assert "Traceback" not in log
        assert "The setting countries names XAB, which DTM does not list. The nearest: " in log.splitlines()[-1]
        assert "RECORD" not in output

    def test_a_settings_file_that_does_not_exist(self, tap: Command) -> None:
        code, _, log = tap.run("--config", "missing.json")
        assert_one_sentence(code, log, "The settings file missing.json cannot be read: No such file or directory.")

    @pytest.mark.parametrize(
        ("state", "words"),
        [
            ('{"bookm', "state.json is not valid JSON"),
            (
                {"bookmarks": {"idp_admin0": {"partitions": 5}}},
                "that of idp_admin0 is damaged (Expected `array`",
            ),
            ({"singer_state": {"bookmarks": {}}}, "The state has no bookmarks. In what `meltano state get` prints"),
        ],
    )
    def test_a_state_that_is_none(self, tap: Command, state: object, words: str) -> None:
        path = tap.file("state.json", state)
        code, output, log = tap.run("--state", path, config={"api_url": "sandbox://"})
        assert_one_sentence(code, log, words)
        assert output == ""

    @pytest.mark.parametrize(
        "bookmarks",
        [
            [],
            {"countries": []},
            {"countries": {"keys": [3]}},
            {"countries": {"keys": [[3]]}},
            {"idp_admin0": {"partitions": [3]}},
            {"idp_admin0": {"partitions": [{"operations": {}}]}},
            {"idp_admin0": {"partitions": [{"context": {}, "operations": []}]}},
            {"idp_admin0": {"partitions": [{"context": {}, "operations": {"Flood": 3}}]}},
            {"idp_admin0": {"partitions": [{"context": {}, "operations": {"Flood": {"rows": "many"}}}]}},
            {"idp_admin0": {"partitions": [{"context": {}, "operations": {"Flood": {"digest": None}}}]}},
            {"idp_admin0": {"partitions": [{"context": {"admin0_pcode": 5}, "operations": {}}]}},
            {"idp_admin0": {"partitions": [{"context": {"admin0_pcode": "XAA"}, "operations": {"Flood": []}}]}},
            {"countries": {"runs": "x"}},
            {"countries": {"runs": None}},
            {"countries": {"read_whole": {"XAA": "5"}}},
            {"countries": {"keys": ["XAA"]}},
            {"operations": {"keys": [["XAA"]]}},
        ],
    )
    def test_bookmarks_that_are_none(self, bookmarks: object) -> None:
        with pytest.raises(DtmError, match=r"The state cannot be read.*\. Restore it from a backup"):
            TapDTM(config={"api_url": "sandbox://"}, state={"bookmarks": bookmarks})

    def test_a_catalog_that_is_none(self, tap: Command) -> None:
        for content, words in (
            ("{", "catalog.json is not valid JSON"),
            ({"api_url": "sandbox://"}, "catalog.json is not a Singer catalog: make one with --discover."),
            ({"streams": 5}, "catalog.json is not a Singer catalog: make one with --discover."),
        ):
            path = tap.file("catalog.json", content)
            code, _, log = tap.run("--catalog", path, config={"api_url": "sandbox://"})
            assert_one_sentence(code, log, words)

    def test_what_nobody_foresaw_is_reported_with_its_place_and_without_its_words(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        words = "what may be secret"

        def fail(**_: object) -> None:
            raise RuntimeError(words)

        monkeypatch.setattr(command.Command, "cli", fail)
        with pytest.raises(SystemExit, match="1"):
            command.main()
        logging.disable(logging.NOTSET)
        (record,) = caplog.records
        assert record.levelname == "CRITICAL"
        assert record.message == "Internal error (RuntimeError). Please report it with the lines below."
        assert "in fail" in caplog.text
        assert words not in caplog.text


class TestOutputThatGoesNowhere:
    SAID = "Cannot write the output: {}. The next run continues from the last state."

    @pytest.mark.parametrize(
        ("path", "mode", "words"),
        [
            (__file__, "rb", "Bad file descriptor"),
            *([("/dev/full", "wb", "No space left on device")] if Path("/dev/full").exists() else []),
        ],
    )
    def test_a_file_that_takes_nothing(
        self, tap: Command, sandbox: SandboxServer, path: str, mode: str, words: str
    ) -> None:
        with Path(path).open(mode) as full:
            code, _, log = tap.run(config=sandbox_config(sandbox), stdout=full.fileno())
            assert code == 1
            assert "Traceback" not in log
            assert "Exception ignored" not in log
            assert log.splitlines()[-1].endswith(self.SAID.format(words))

            code, _, log = tap.run("--discover", stdout=full.fileno())
        assert_one_sentence(code, log, f"Cannot write the output: {words}.")

    def test_a_reader_that_leaves(self, tap: Command, sandbox: SandboxServer) -> None:
        process = tap.start("--config", tap.file("config.json", sandbox_config(sandbox)))
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        log = process.stderr.read().decode()
        process.stderr.close()
        assert process.wait(60) == 1
        assert "Traceback" not in log
        assert "Exception ignored" not in log
        assert log.splitlines()[-1].endswith(self.SAID.format("Broken pipe"))

    def test_a_reader_that_leaves_early_enough_for_countries_to_be_on_their_way(self, tap: Command) -> None:
        """The threads that read ahead, and the sandbox in the process, end without a word."""
        process = tap.start("--config", tap.file("config.json", {"api_url": "sandbox://?countries=30"}))
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        log = process.stderr.read().decode()
        process.stderr.close()
        assert process.wait(60) == 1
        assert "Traceback" not in log
        assert log.splitlines()[-1].endswith(self.SAID.format("Broken pipe"))
