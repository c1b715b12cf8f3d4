"""Every file and stream is UTF-8, whatever the locale of the machine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib import metadata
from typing import TYPE_CHECKING, Any

import pytest

from tap_dtm.sandbox import SandboxServer
from tests.forked import forked
from tests.guards.support import a_round, an_operation, assert_exact, config_for, put_operations, small_world
from tests.target import COMMAND, MemoryTarget

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.everything

SOURCE = [sys.executable, "-c", "import sys; sys.frozen = True; from tap_dtm.airbyte.__main__ import main; main()"]
TARGET = [sys.executable, "-m", "frictionless_dtm.command"]
TAP = forked("tap-dtm")  # where the locale does not matter
ACCENTED = "Opération inventée à Ñandú"
PLAIN = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.fixture(scope="session")
def latin_1(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The variables of a French machine of old."""
    if not (localedef := shutil.which("localedef")):
        pytest.skip("There is no localedef to make a locale with.")
    folder = tmp_path_factory.mktemp("locales")
    made = folder / "fr_FR.ISO-8859-1"
    done = subprocess.run(
        [localedef, "-i", "fr_FR", "-f", "ISO-8859-1", str(made)], capture_output=True, text=True, check=False
    )
    if not made.exists():
        pytest.skip(f"localedef cannot make the locale: {done.stderr.strip()[:200]}")
    return {"LOCPATH": str(folder), "LC_ALL": "fr_FR.ISO-8859-1", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.fixture(params=["C", "Latin-1"])
def locale(request: pytest.FixtureRequest) -> dict[str, str]:
    return PLAIN if request.param == "C" else request.getfixturevalue("latin_1")


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    world = small_world()
    put_operations(world, "XBA", an_operation(ACCENTED, a_round(1, 2021, 100, 200)))
    with SandboxServer(world) as server:
        yield server


def run(command: list[str], *arguments: str, locale: dict[str, str], cwd: Path, text: bytes = b"") -> Any:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("LC_", "LANG", "PYTHONUTF8", "TAP_DTM_"))}
    return subprocess.run(
        [*command, *arguments], env=environment | locale, cwd=cwd, input=text, capture_output=True, check=False
    )


def sync(target: MemoryTarget, sandbox: SandboxServer, folder: Path, locale: dict[str, str], **form: Any) -> Any:
    """Run the tap as a process; the state is raw UTF-8, as the tap itself prints it."""
    (folder / "config.json").write_text(json.dumps(config_for(sandbox)), encoding="utf-8")
    (folder / "state.json").write_text(
        json.dumps(target.state, ensure_ascii=False), encoding=form.get("encoding", "utf-8")
    )
    command = form.get("command", COMMAND)
    done = run(command, "--config", "config.json", "--state", "state.json", locale=locale, cwd=folder)
    for line in done.stdout.splitlines():
        target.handle(json.loads(line))
    return done


def test_a_state_with_accents_is_understood(sandbox: SandboxServer, locale: dict[str, str], tmp_path: Path) -> None:
    target = MemoryTarget()
    assert sync(target, sandbox, tmp_path, locale).returncode == 0
    assert_exact(sandbox.world, target)
    put_operations(sandbox.world, "XBA", an_operation("Invented Other", a_round(1, 2021, 5)))

    assert sync(target, sandbox, tmp_path, locale).returncode == 0

    assert_exact(sandbox.world, target)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-8"])
def test_a_byte_order_mark_is_no_part_of_a_file(sandbox: SandboxServer, tmp_path: Path, encoding: str) -> None:
    target = MemoryTarget()
    sync(target, sandbox, tmp_path, PLAIN, command=TAP)

    done = sync(target, sandbox, tmp_path, PLAIN, command=TAP, encoding=encoding)

    assert done.returncode == 0
    assert b"operations 0 new" in done.stderr


@pytest.mark.parametrize(
    ("encoding", "words"), [("utf-16", "is encoded in UTF-16"), ("latin-1", "is not encoded in UTF-8 (line 1)")]
)
@pytest.mark.parametrize("option", ["--state", "--config", "--catalog"])
def test_another_encoding_is_refused_with_the_name_of_the_file(
    tmp_path: Path, option: str, encoding: str, words: str
) -> None:
    (tmp_path / "config.json").write_text('{"api_url": "sandbox://"}', encoding="utf-8")
    (tmp_path / "odd.json").write_text('{"bookmarks": {}, "streams": [], "user_agent": "é"}', encoding=encoding)
    others = () if option == "--config" else ("--config", "config.json")

    done = run(TAP, *others, option, "odd.json", locale=PLAIN, cwd=tmp_path)

    assert done.returncode == 1
    last = done.stderr.decode().splitlines()[-1]
    assert f"file odd.json {words}" in last
    assert "Save it as UTF-8" in last
    assert b"Traceback" not in done.stderr


def test_the_source_for_airbyte_reads_and_writes_utf_8(
    sandbox: SandboxServer, locale: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config_for(sandbox)), encoding="utf-8-sig")

    done = run(SOURCE, "check", "--config", "config.json", locale=locale, cwd=tmp_path)
    assert json.loads(done.stdout.splitlines()[-1])["connectionStatus"] == {"status": "SUCCEEDED"}

    wrong = config_for(sandbox) | {"operations": ["Opération inventé"]}
    (tmp_path / "config.json").write_text(json.dumps(wrong, ensure_ascii=False), encoding="utf-8")
    done = run(SOURCE, "check", "--config", "config.json", locale=locale, cwd=tmp_path)
    assert ACCENTED in done.stdout.decode("utf-8")


def test_a_data_package_has_the_same_bytes_in_every_locale(
    sandbox: SandboxServer, locale: dict[str, str], tmp_path: Path
) -> None:
    messages = sync(MemoryTarget(), sandbox, tmp_path, PLAIN, command=TAP).stdout
    (tmp_path / "here.json").write_text('{"path": "données"}', encoding="utf-8")
    (tmp_path / "there.json").write_text('{"path": "données là"}', encoding="utf-8")

    for config, variables in (("here.json", {"LC_ALL": "C.UTF-8"}), ("there.json", locale)):
        done = run(TARGET, "--config", config, locale=variables, cwd=tmp_path, text=messages)
        assert done.returncode == 0, done.stderr.decode()
        assert ACCENTED in done.stdout.decode("utf-8") or "\\u00e9" in done.stdout.decode("ascii")

    here, there = tmp_path / "données", tmp_path / "données là"
    assert [path.name for path in sorted(here.rglob("*"))] == [path.name for path in sorted(there.rglob("*"))]
    assert (here / "data" / "operations.csv").read_bytes() == (there / "data" / "operations.csv").read_bytes()
    assert ACCENTED in (there / "data" / "operations.csv").read_text("utf-8")


def test_views_are_printed_in_utf_8(locale: dict[str, str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tap_dtm.views"]

    expected = run(command, "--dialect", "duckdb", locale={"LC_ALL": "C.UTF-8"}, cwd=tmp_path)
    done = run(command, "--dialect", "duckdb", locale=locale, cwd=tmp_path)

    assert done.returncode == 0
    assert done.stdout == expected.stdout


def test_settings_in_variables_and_in_the_file_env_are_utf_8(
    sandbox: SandboxServer, locale: dict[str, str], tmp_path: Path
) -> None:
    variables = {"TAP_DTM_API_URL": sandbox.url, "TAP_DTM_SUBSCRIPTION_KEY": sandbox.key}
    operations = json.dumps([ACCENTED], ensure_ascii=False)

    (tmp_path / ".env").write_text(f"TAP_DTM_OPERATIONS='{operations}'\n", encoding="utf-8")
    of_the_file = run(COMMAND, "--config=ENV", locale=locale | variables, cwd=tmp_path)
    (tmp_path / ".env").unlink()
    variables["TAP_DTM_OPERATIONS"] = operations
    of_the_variable = run(COMMAND, "--config=ENV", locale=locale | variables, cwd=tmp_path)

    for done in (of_the_file, of_the_variable):
        assert done.returncode == 0, done.stderr.decode()
        records = [message["record"] for message in map(json.loads, done.stdout.splitlines()) if "record" in message]
        assert {record["operation"] for record in records if "row_number" in record} == {ACCENTED}


def test_a_target_takes_input_with_a_byte_order_mark_and_refuses_utf_16(tmp_path: Path) -> None:
    state = '{"type": "STATE", "value": {}}\n'
    (tmp_path / "config.json").write_text('{"path": "package"}', encoding="utf-8")

    target = forked("target-datapackage")
    taken = run(target, "--config=config.json", locale=PLAIN, cwd=tmp_path, text=state.encode("utf-8-sig"))
    refused = run(target, "--config=config.json", locale=PLAIN, cwd=tmp_path, text=state.encode("utf-16"))

    assert (taken.returncode, taken.stdout) == (0, b"{}\n")
    assert refused.returncode == 1
    assert b"encoded in UTF-16" in refused.stderr.splitlines()[-1]


# From Python 3.12 on, none can be loaded from a path with accents in the locale C.
NO_EXTENSION = """
import sys
from importlib.machinery import PathFinder

class Finder:
    def find_spec(self, name, path=None, target=None):
        spec = PathFinder.find_spec(name, path, target)
        origin = str(spec and spec.origin)
        if not sys.flags.utf8_mode and "site-packages" in origin and origin.endswith(".so"):
            raise ImportError(f"{name} cannot be loaded from a path with accents")

sys.meta_path.insert(0, Finder())
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has one encoding for paths, and no exec")
@pytest.mark.parametrize("program", ["tap-dtm", "tap-dtm-views", "dtm-sandbox", "source-dtm", "target-datapackage"])
def test_no_extension_module_is_loaded_before_python_runs_in_utf_8(program: str, tmp_path: Path) -> None:
    (entry,) = metadata.entry_points(group="console_scripts", name=program)
    start = f"{NO_EXTENSION}from {entry.module} import {entry.attr}\n{entry.attr}()"

    done = run([sys.executable, "-c", start], "--help", locale=PLAIN, cwd=tmp_path)

    assert done.returncode == 0, done.stderr.decode()
