"""The key goes into one header of requests to one host, and is found nowhere else: not when all goes well, nor ever."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import traceback
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, get_args

import click
import pytest

from tap_dtm.api.client import DtmClient
from tap_dtm.errors import DtmError
from tap_dtm.sandbox import Fault, SandboxServer, invent
from tap_dtm.sandbox.faults import Kind
from tap_dtm.settings import KEY_SETTINGS, KEY_VARIABLE, SECONDARY_KEY_VARIABLE, Settings
from tap_dtm.singer.command import Command
from tap_dtm.singer.tap import TapDTM
from tests.forked import forked
from tests.scripted import ScriptedServer, always
from tests.target import MemoryTarget, run_tap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

# As long as a real one. A part of it would give it away as well.
KEY = "k3y-5f1e9d0c7b3a4826915d"
PART = KEY[:12]
SECOND_KEY = "s3c-0a9b8c7d6e5f41327680"
SECOND_PART = SECOND_KEY[:12]
KINDS = get_args(Kind)


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(invent(seed=1, countries=2), key=KEY) as server:
        yield server


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backoff._sync.time", SimpleNamespace(sleep=lambda _: None))


def strike(sandbox: SandboxServer, kind: Any, path: str = "") -> None:
    times, country = (2, "XAA" if path else "") if kind == "slow" else (None, "")  # the one that costs time
    url = "http://localhost:9/elsewhere"
    sandbox.faults.add(Fault(kind, times, path=path, country=country, url=url, seconds=5))


def config_for(server: SandboxServer | ScriptedServer, **config: Any) -> dict[str, Any]:
    return {"api_url": server.url, "subscription_key": KEY, "max_retries": 1, "request_timeout": 1, **config}


def error_of(call: Callable[[], object]) -> DtmError | None:
    try:
        call()
    except DtmError as error:
        return error
    return None


def text_of(error: BaseException) -> str:
    """Return all that an exception tells: itself, what it came from, and the traceback."""
    text = "".join(traceback.format_exception(error))
    seen: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop()
        if each is not None and each not in seen:
            seen.append(each)
            text += f"{each}\n{each!r}\n{each.args!r}\n{vars(each)!r}\n"
            waiting += [each.__cause__, each.__context__]
    return text


class TestInTheProcess:
    @pytest.mark.parametrize("kind", [None, *KINDS])
    def test_a_run(
        self,
        sandbox: SandboxServer,
        kind: str | None,
        caplog: pytest.LogCaptureFixture,
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        if kind:
            strike(sandbox, kind, "displacement/admin")
        target = MemoryTarget()
        messages: list[object] = []
        with caplog.at_level(logging.DEBUG):
            error = error_of(lambda: messages.extend(run_tap(target, **config_for(sandbox))))
        assert (error is None) == (kind in {None, "empty", "too_large"})
        text = text_of(error) if error else json.dumps(messages)
        printed = capfd.readouterr()
        assert all(request.key_sent for request in sandbox.requests)
        assert "urllib3.connectionpool" in {record.name for record in caplog.records}
        logged = [f"{record.getMessage()} {record.args!r} {record.exc_info!r}" for record in caplog.records]
        for words in (text, printed.out, printed.err, caplog.text, *logged, json.dumps(target.state)):
            assert PART not in words

    @pytest.mark.parametrize("kind", KINDS)
    def test_an_exception_and_what_it_came_from(self, sandbox: SandboxServer, kind: str) -> None:
        """Programs that use the client log exceptions as they like: with causes, contexts and arguments."""
        strike(sandbox, kind)
        client = DtmClient(Settings.from_config(config_for(sandbox, request_timeout=0.2)))
        error = error_of(lambda: client.get("/v3/displacement/admin0", {"Admin0Pcode": "XAA"}))
        # Some kinds are for others to notice.
        assert (error is None) == (kind in {"empty", "missing_field", "wrong_country", "too_large"})
        assert error is None or PART not in text_of(error)

    def test_an_answer_that_repeats_the_request(self) -> None:
        """Gateways and proxies do, for their own debugging."""
        echo = {"statusCode": 401, "message": f"Access denied. Ocp-Apim-Subscription-Key: {KEY}"}
        failure = {
            "result": [],
            "statusCode": 500,
            "isSuccess": False,
            "errorMessages": [f"The key {KEY} did something."],
            "totalRecordsCount": 0,
        }
        said: list[tuple[dict[str, object], int]] = [(echo, 401), (echo, 403), (echo, 500), (echo, 418), (failure, 200)]
        for body, status in said:
            with ScriptedServer(always(body, status)) as server:
                settings = Settings.from_config(config_for(server, max_retries=0))
                with pytest.raises(DtmError) as caught:
                    DtmClient(settings).get("/v3/displacement/admin0")
            assert PART not in text_of(caught.value)
            assert "***" in str(caught.value)

    @pytest.mark.parametrize("key", [[KEY], {"value": KEY}, 31337000313370003133700031337000])
    def test_a_key_of_another_type(self, key: object) -> None:
        """The SDK's messages repeat what is wrong with a setting."""
        part = str(31337) if isinstance(key, int) else PART
        for name in KEY_SETTINGS:
            for config in ({name: key}, {name: key, "scrub_fraction": 7}):
                with pytest.raises(DtmError, match=f"The setting {name} is not a text") as caught:
                    TapDTM(config=config)
                assert part not in text_of(caught.value)

    @pytest.mark.parametrize("config", [{"scrub_fraction": 7}, {"countries": 7}, {"api_url": ["x"]}, {"typo": 1}])
    def test_a_setting_beside_the_key_that_is_wrong(self, config: dict[str, object]) -> None:
        error = error_of(lambda: TapDTM(config={"subscription_key": KEY, **config}))
        assert error is not None
        assert PART not in text_of(error)

    def test_the_catalog(self) -> None:
        assert PART not in TapDTM(config={"subscription_key": KEY}).catalog_json_text

    def test_the_settings_when_they_are_shown(self) -> None:
        """A dataclass shows its fields wherever it is logged."""
        for name in KEY_SETTINGS:
            assert PART not in repr(Settings.from_config({"subscription_key": SECOND_KEY, name: KEY}))

    def test_the_sandbox_within_gets_its_own(self) -> None:
        """With sandbox://, the real key has no business anywhere."""
        keys = {"subscription_key": KEY, "secondary_subscription_key": SECOND_KEY}
        sent = vars(TapDTM(config={"api_url": "sandbox://?countries=1", **keys}).schedule._client._keys)
        assert PART not in str(sent)
        assert SECOND_PART not in str(sent)


class TestTheCommand:
    """The real command, as loud as it gets."""

    @staticmethod
    def run(tmp_path: Path, *arguments: str, config: dict[str, Any] | None, **variables: str) -> tuple[int, str]:
        """Return the exit code and all that was said."""
        if config is not None:
            (tmp_path / "config.json").write_text(json.dumps(config))
            arguments = ("--config", "config.json", *arguments)
        hidden = ("DTMAPI_", "TAP_DTM_")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
        done = subprocess.run(
            [*forked("tap-dtm"), *arguments],
            cwd=tmp_path,
            env={**environment, "TAP_DTM_LOGLEVEL": "DEBUG", "LOGLEVEL": "DEBUG", **variables},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        return done.returncode, done.stdout + done.stderr

    @pytest.mark.parametrize("way", ["file", "environment", "official variable"])
    def test_a_run(self, sandbox: SandboxServer, tmp_path: Path, way: str) -> None:
        if way == "file":
            code, said = self.run(tmp_path, config={"api_url": sandbox.url, "subscription_key": KEY})
        elif way == "environment":
            variables = {"TAP_DTM_API_URL": sandbox.url, "TAP_DTM_SUBSCRIPTION_KEY": KEY}
            code, said = self.run(tmp_path, "--config=ENV", config=None, **variables)
        else:
            code, said = self.run(tmp_path, config={"api_url": sandbox.url}, **{KEY_VARIABLE: KEY})
        assert code == 0
        assert '"type":"STATE"' in said
        assert "DEBUG" in said
        assert PART not in said

    @pytest.mark.parametrize("kind", ["quota", "dropped", "redirect"])
    def test_a_run_that_fails(self, sandbox: SandboxServer, tmp_path: Path, kind: str) -> None:
        strike(sandbox, kind)
        code, said = self.run(tmp_path, config=config_for(sandbox, max_retries=0))
        assert code == 1
        assert PART not in said

    def test_a_refused_key(self, sandbox: SandboxServer, tmp_path: Path) -> None:
        sandbox.key = "another"
        code, said = self.run(tmp_path, config={"api_url": sandbox.url, "subscription_key": KEY})
        assert code == 1
        assert "refuses the subscription key (401" in said
        assert PART not in said

    @pytest.mark.parametrize("way", ["file", "environment", "official variable"])
    def test_a_refused_key_and_a_second(self, sandbox: SandboxServer, tmp_path: Path, way: str) -> None:
        sandbox.key = SECOND_KEY
        config = {"api_url": sandbox.url, "subscription_key": KEY, "countries": ["XAA"]}
        if way == "file":
            code, said = self.run(tmp_path, config={**config, "secondary_subscription_key": SECOND_KEY})
        else:
            name = SECONDARY_KEY_VARIABLE if way == "official variable" else "TAP_DTM_SECONDARY_SUBSCRIPTION_KEY"
            arguments = ("--config=ENV",) if way == "environment" else ()
            code, said = self.run(tmp_path, *arguments, config=config, **{name: SECOND_KEY})
        assert code == 0
        assert "refuses the first subscription key (401). From now on this run uses the second" in said
        assert PART not in said
        assert SECOND_PART not in said

    @pytest.mark.parametrize("arguments", [("--about", "--format=json"), ("--discover",), ("--test",)])
    def test_without_a_run(self, sandbox: SandboxServer, tmp_path: Path, arguments: tuple[str, ...]) -> None:
        config = {"api_url": sandbox.url, "subscription_key": KEY}
        code, said = self.run(tmp_path, *arguments, config=config)
        assert code == 0
        assert "subscription_key" in said or "streams" in said or "RECORD" in said
        assert PART not in said

    def test_settings_in_the_place_of_a_file(self, tmp_path: Path) -> None:
        code, said = self.run(tmp_path, "--config", json.dumps({"subscription_key": KEY}), config=None)
        assert code == 1
        assert "The settings file cannot be read" in said
        assert PART not in said

    @pytest.mark.parametrize("content", [f'{{"subscription_key": "{KEY}",}}', json.dumps([KEY]), KEY])
    def test_settings_that_cannot_be_read(self, tmp_path: Path, content: str) -> None:
        """A file that holds a key and a mistake."""
        path = tmp_path / "config.json"
        path.write_text(content)
        with pytest.raises(DtmError, match=r"config\.json (is not valid JSON|holds something else)") as caught:
            Command.cb_config(click.Context(click.Command("tap-dtm")), click.Option(["--config"]), (str(path),))
        assert PART not in text_of(caught.value)
