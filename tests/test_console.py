"""How commands start and end: what they show, what they hide, and their exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from tests.target import COMMAND as TAP

pytestmark = pytest.mark.programs

KEY = "k3y-5f1e9d0c7b3a4826915d"
LOGGED = "import logging; logging.basicConfig(format='%(levelname)s | %(message)s')\n"
TARGET = [sys.executable, "-m", "frictionless_dtm.command"]
VIEWS = [sys.executable, "-m", "tap_dtm.views"]
SANDBOX = [sys.executable, "-m", "tap_dtm.sandbox", "--port=70000"]
NO_SETTINGS = "The settings file missing.json cannot be read: No such file or directory."
SOURCE = [sys.executable, "-m", "tap_dtm.airbyte", "spec"]


def command(body: str) -> list[str]:
    """Return a command whose ``main`` runs this code; it has a key in its environment."""
    program = "import sys, logging\nfrom tap_dtm import console\nfrom tap_dtm.errors import DtmError\ndef body():\n"
    program += textwrap.indent(textwrap.dedent(body), "    ")
    program += "\nconsole.run('some-tap', body, secrets=['SOME_KEY'])\n"
    return [sys.executable, "-c", program]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "SOME_KEY": KEY}
    return subprocess.run(arguments, env=environment, capture_output=True, check=False, encoding="utf-8")


class TestAnError:
    def test_that_is_foreseen_is_one_sentence(self) -> None:
        done = run(*command("raise DtmError('The setting x is wrong.')"))

        assert (done.returncode, done.stderr) == (1, "some-tap: The setting x is wrong.\n")

    def test_goes_to_the_log_where_there_is_one(self) -> None:
        done = run(*command(f"{LOGGED}raise DtmError('The setting x is wrong.')"))

        assert (done.returncode, done.stderr) == (1, "CRITICAL | The setting x is wrong.\n")

    @pytest.mark.parametrize("log", ["", LOGGED])
    def test_that_nobody_foresaw_shows_where_it_happened_and_no_value(self, log: str) -> None:
        done = run(*command(f"{log}raise ValueError('a person\\'s name')"))

        assert done.returncode == 1
        assert "Internal error (ValueError). Please report it with the lines below.\n" in done.stderr
        assert "in body\n" in done.stderr
        assert "a person's name" not in done.stderr

    def test_of_a_file_names_the_file(self) -> None:
        done = run(*command("open('/nowhere/x')"))

        assert (done.returncode, done.stderr) == (1, "some-tap: Cannot use /nowhere/x: No such file or directory.\n")

    def test_of_a_file_is_not_one_of_the_output(self) -> None:
        """An OSError of anything else, such as a certificate or a connection, says nothing about the output."""
        done = run(*command("raise OSError('certificate')"))

        assert "Internal error (OSError)" in done.stderr
        assert "Cannot write the output" not in done.stderr

    def test_is_not_hidden_by_what_threads_say_afterwards(self) -> None:
        body = f"{LOGGED}import atexit\natexit.register(logging.error, 'late')\nraise DtmError('It is wrong.')"

        assert run(*command(body)).stderr == "CRITICAL | It is wrong.\n"


class TestTheLog:
    def test_hides_secrets_and_escapes_control_characters(self) -> None:
        done = run(*command(f"{LOGGED}logging.warning('%s said %s', 'A proxy', 'x\\nERROR | {KEY}\\x1b[2J')"))

        assert done.stderr == "WARNING | A proxy said x\\nERROR | ***\\x1b[2J\n"

    def test_hides_them_in_tracebacks_of_libraries_which_cannot_forge_a_line(self) -> None:
        body = f"""
            {LOGGED}
            try:
                raise ValueError("{KEY}\\nCRITICAL | All is well")
            except ValueError:
                logging.getLogger("urllib3").warning("Failed", exc_info=True)
        """

        done = run(*command(body))

        assert KEY not in done.stderr
        assert "ValueError: ***\\nCRITICAL | All is well\n" in done.stderr
        assert not [line for line in done.stderr.splitlines() if line.startswith("CRITICAL")]

    def test_keeps_metrics_in_the_structured_form(self) -> None:
        body = """
            from singer_sdk.logging import StructuredFormatter
            from singer_sdk.metrics import Counter, Metric
            handler = logging.StreamHandler()
            handler.setFormatter(StructuredFormatter())
            logging.basicConfig(handlers=[handler], level=logging.INFO)
            with Counter(Metric.RECORD_COUNT, {"stream": "KEY"}) as counter:
                counter.increment()
        """.replace("KEY", KEY)

        (line,) = run(*command(body)).stderr.splitlines()

        assert json.loads(line)["metric_info"]["value"] == 1
        assert KEY not in line


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("program", [VIEWS, SOURCE, [*TAP, "--about"], [*TARGET, "--about"], [*TAP, "--discover"]])
class TestAnOutputThatTakesNothing:
    def test_is_an_error_in_one_sentence(self, program: list[str]) -> None:
        done = run("sh", "-c", '"$@" > /dev/full', "sh", *program)

        assert done.returncode == 1
        assert "Cannot write the output: No space left on device." in done.stderr.splitlines()[-1]
        assert len([line for line in done.stderr.splitlines() if "INFO" not in line]) == 1

    def test_that_is_closed_is_an_error_in_one_sentence(self, program: list[str]) -> None:
        done = run("sh", "-c", '"$@" >&-', "sh", *program)

        assert done.returncode == 1
        assert done.stderr.endswith("Cannot write the output: standard output is closed.\n")
        assert len(done.stderr.splitlines()) == 1


def test_an_output_that_fails_after_the_data_package_was_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "target.json").write_text(json.dumps({"path": str(tmp_path / "package")}), encoding="utf-8")
    (tmp_path / "messages").write_text('{"type": "STATE", "value": {}}\n', encoding="utf-8")
    program = [*TARGET, "--config", str(tmp_path / "target.json"), "--input", str(tmp_path / "messages")]

    done = run("sh", "-c", '"$@" > /dev/full', "sh", *program)

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].count("could not be delivered (No space left on device)")


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (SANDBOX, "dtm-sandbox: Cannot listen on port 70000: "),
        ([*VIEWS, "--install"], "Error: No database is named: set TARGET_POSTGRES_DATABASE"),
        ([*TAP, "--config=missing.json"], NO_SETTINGS),
        ([*TAP, "--state=missing.json"], "The state file missing.json cannot be read: No such file or directory."),
        (
            [*TARGET, "--config=missing.json"],
            NO_SETTINGS,
        ),
    ],
)
def test_every_command_reports_a_mistake_in_one_sentence(program: list[str], words: str) -> None:
    done = run(*program)

    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert words in line


@pytest.mark.skipif(os.name == "nt", reason="there are no such signals")
class TestASignalWhileALineIsWritten:
    """A pipe holds 64 kB: a longer line is under way until somebody reads on."""

    LINE = 1_000_000
    BODY = f"""
        import signal
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
        while True:
            sys.stdout.buffer.write(b"x" * {LINE} + b"\\n")
            sys.stdout.flush()
    """

    def start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(command(self.BODY), stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def test_waits_until_it_is_whole_and_nothing_is_written_twice(self) -> None:
        with self.start() as process:
            assert process.stdout is not None
            begun = process.stdout.read(10)
            process.terminate()
            rest = process.stdout.read()
            assert process.wait(60) == 128 + signal.SIGTERM

        lines = (begun + rest).splitlines(keepends=True)
        assert {len(line) for line in lines} == {self.LINE + 1}

    def test_ends_the_program_all_the_same_when_nobody_reads_on(self) -> None:
        with self.start() as process:
            assert process.stdout is not None
            process.stdout.read(10)
            process.terminate()
            assert process.wait(60) == -signal.SIGTERM

    def test_a_second_one_does_not_wait(self) -> None:
        with self.start() as process:
            assert process.stdout is not None
            process.stdout.read(10)
            while process.poll() is None:
                process.terminate()
                time.sleep(0.05)
            assert process.returncode == -signal.SIGTERM


class TestAStart:
    @pytest.mark.parametrize(
        ("command", "argument"),
        [
            ("tap_dtm.__main__:main", "--version"),
            ("tap_dtm.__main__:sandbox", "--help"),
            ("tap_dtm.views.__main__:main", "--help"),
            ("tap_dtm.airbyte.__main__:main", "spec"),
            ("frictionless_dtm.target:main", "--version"),
        ],
    )
    def test_looks_for_no_cycles_in_the_libraries(self, command: str, argument: str) -> None:
        module, function = command.split(":")
        program = textwrap.dedent(f"""
            import gc, sys
            from {module} import {function} as main
            before = gc.get_stats()[2]["collections"]
            try:
                main()
            except SystemExit:
                full = gc.get_stats()[2]["collections"] - before
                print(gc.isenabled(), gc.get_freeze_count() > 10_000, full, file=sys.stderr)
        """)

        done = run(sys.executable, "-c", program, argument)

        assert done.stderr.splitlines()[-1] == "True True 0"
