"""Files and streams are UTF-8 in every locale; another encoding is refused, with how to save the file."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tap_dtm.sandbox import SandboxServer, invent
from tests import locales
from tests.airbyte.support import COMMAND as SOURCE
from tests.airbyte.support import EVERYTHING, configured
from tests.pipeline import sandbox_config
from tests.target import COMMAND as TAP

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tap_dtm.sandbox import World

TARGET = [sys.executable, "-c", "import sys; sys.frozen = True; from frictionless_dtm.target import main; main()"]
VIEWS = [sys.executable, "-m", "tap_dtm.views"]
OPERATION = "Mouvements forcés à l\u2019est, Œuvre"  # two letters are not in Latin-1
FOLDER = "mes données, \u2019Œ"


def world() -> World:
    """Return a world whose operations have accents."""
    world = invent(seed=1, countries=1)
    (country,) = world.countries
    first, *others = country.operations
    world.countries = (replace(country, operations=(replace(first, name=OPERATION), *others)),)
    return world


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(world()) as server:
        yield server


@pytest.fixture(params=locales.NAMES)
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> Machine:
    return Machine(tmp_path, request.param)


class Machine:
    """A folder with an accent, in a locale."""

    def __init__(self, folder: Path, locale: str) -> None:
        self.folder = folder / FOLDER
        self.folder.mkdir()
        self.environment = locales.environment(locale, folder)

    def file(self, name: str, content: object, encoding: str = "utf-8") -> str:
        text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
        path = self.folder / name
        path.write_bytes(text.encode(encoding))
        return str(path)

    def run(self, command: list[str], *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [*command, *arguments], cwd=self.folder, env=self.environment, input=given, capture_output=True, check=False
        )

    def messages(self, command: list[str], *arguments: str) -> list[dict[str, Any]]:
        done = self.run(command, *arguments)
        assert done.returncode == 0, done.stderr.decode()
        return [json.loads(line) for line in done.stdout.decode("utf-8").splitlines()]


def rows(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the records of figures."""
    records = [message["record"] for message in messages if message["type"] == "RECORD"]
    found = [record.get("data", record) for record in records]
    return [row for row in found if "row_number" in row]


class TestTheTap:
    def test_continues_from_a_state_in_utf_8(self, machine: Machine, sandbox: SandboxServer) -> None:
        config = machine.file("config.json", sandbox_config(sandbox, operations=[OPERATION]))
        first = machine.messages(TAP, "--config", config)
        assert {row["operation"] for row in rows(first)} == {OPERATION}
        state = machine.file("état.json", [each["value"] for each in first if each["type"] == "STATE"][-1])
        catalog = machine.file("catalogue.json", machine.run(TAP, "--discover").stdout.decode("utf-8"))

        second = machine.messages(TAP, "--config", config, "--state", state, "--catalog", catalog)

        assert rows(second) == []

    def test_reads_variables_and_the_file_env(self, machine: Machine, sandbox: SandboxServer) -> None:
        machine.environment |= {"TAP_DTM_API_URL": sandbox.url, "TAP_DTM_SUBSCRIPTION_KEY": sandbox.key}
        variable = json.dumps([OPERATION], ensure_ascii=False)
        machine.file(".env", f"TAP_DTM_OPERATIONS='{variable}'\n")

        from_file = machine.messages(TAP, "--config=ENV")
        (machine.folder / ".env").unlink()
        machine.environment["TAP_DTM_OPERATIONS"] = variable
        from_variable = machine.messages(TAP, "--config=ENV")

        assert {row["operation"] for row in (*rows(from_file), *rows(from_variable))} == {OPERATION}

    def test_logs_in_utf_8(self, machine: Machine, sandbox: SandboxServer) -> None:
        config = machine.file("config.json", sandbox_config(sandbox, operations=[f"{OPERATION}s"]))

        done = machine.run(TAP, "--config", config)

        assert done.returncode == 1
        assert OPERATION in done.stderr.decode("utf-8")

    @pytest.mark.parametrize("kind", ["config", "state", "catalog"])
    def test_takes_a_byte_order_mark(self, machine: Machine, sandbox: SandboxServer, kind: str) -> None:
        catalog = json.loads(machine.run(TAP, "--discover").stdout)
        contents = {"config": sandbox_config(sandbox), "state": {}, "catalog": catalog}
        arguments = [
            part
            for name, content in contents.items()
            for part in (f"--{name}", machine.file(f"{name}.json", content, "utf-8-sig" if name == kind else "utf-8"))
        ]

        assert rows(machine.messages(TAP, *arguments))

    @pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
    @pytest.mark.parametrize("kind", ["config", "state", "catalog"])
    def test_refuses_another_encoding(self, machine: Machine, kind: str, encoding: str) -> None:
        path = machine.file("fichier.json", {"operations": ["Crise à l'est"]}, encoding)

        done = machine.run(TAP, f"--{kind}", path)

        last = done.stderr.decode("utf-8").splitlines()[-1]
        assert done.returncode == 1
        assert f"fichier.json is {'' if encoding == 'latin-1' else 'encoded in UTF-16, '}not" in last
        assert "Save it as UTF-8" in last
        assert "Traceback" not in last


def test_the_airbyte_source_continues_from_a_state_in_utf_8(machine: Machine, sandbox: SandboxServer) -> None:
    config = machine.file("config.json", sandbox_config(sandbox, operations=[OPERATION]))
    catalog = machine.file("catalogue.json", configured(EVERYTHING))
    arguments = ["read", "--config", config, "--catalog", catalog]
    first = machine.messages(SOURCE, *arguments)
    assert {row["operation"] for row in rows(first)} == {OPERATION}
    states = {each["state"]["stream"]["stream_descriptor"]["name"]: each["state"] for each in first if "state" in each}
    state = machine.file("état.json", list(states.values()))

    second = machine.messages(SOURCE, *arguments, "--state", state)

    assert rows(second) == []


class TestTheTarget:
    def test_writes_what_it_reads_into_a_folder_with_an_accent(self, machine: Machine, sandbox: SandboxServer) -> None:
        config = machine.file("config.json", sandbox_config(sandbox))
        given = machine.run(TAP, "--config", config).stdout
        target = machine.file(
            "target.json", {"path": f"paquet {FOLDER}", "redistribution": "permitted", "permission": "Accordée"}
        )

        done = machine.run(TARGET, "--config", target, given=b"\xef\xbb\xbf" + given)

        assert done.returncode == 0, done.stderr.decode()
        package = machine.folder / f"paquet {FOLDER}"
        assert OPERATION in (package / "data" / "operations.csv").read_text("utf-8")
        assert OPERATION in json.dumps(json.loads(done.stdout), ensure_ascii=False)
        assert f"paquet {FOLDER}" in done.stderr.decode("utf-8")

        published = machine.run(TARGET, "publish", str(package), "--to", "zip")
        assert f"/{FOLDER}/iom-dtm" in published.stdout.decode("utf-8")

    def test_refuses_utf_16(self, machine: Machine) -> None:
        target = machine.file("target.json", {"path": "package"})

        done = machine.run(TARGET, "--config", target, given='{"type": "STATE", "value": {}}\n'.encode("utf-16"))

        assert done.returncode == 1
        assert "The input is encoded in UTF-16, not in UTF-8" in done.stderr.decode().splitlines()[-1]


def test_the_views_are_printed_in_utf_8(machine: Machine) -> None:
    here = subprocess.run(VIEWS, capture_output=True, check=True).stdout

    assert machine.run(VIEWS).stdout == here
    here.decode("utf-8")
