"""read: how it tells what went wrong, and what it spares."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tap_dtm.airbyte import messages as protocol
from tap_dtm.errors import DtmAccessError, DtmAnswerError, DtmError, DtmPartialSyncError
from tap_dtm.sandbox import SANDBOX_KEY, Fault, SandboxServer
from tests.airbyte.support import (
    BROKEN,
    DEDUP,
    EVERYTHING,
    LEVEL_STREAMS,
    LISTS,
    STREAMS,
    WHOLE,
    Destination,
    Message,
    Source,
    as_served,
    configured,
    errors,
    records,
    run_read,
    states,
    statuses,
    sync,
)
from tests.guards.support import config_for
from tests.world import served


class TestAFailure:
    def test_of_a_country_spares_the_rest(self, source: Source, sandbox: SandboxServer) -> None:
        sandbox.faults.add(Fault("status", country="XBA", path="admin1"))

        code, messages = source.run("read", config=config_for(sandbox), catalog=configured(EVERYTHING))

        assert code == 1
        assert statuses(messages) == dict.fromkeys(LISTS, WHOLE) | dict.fromkeys(LEVEL_STREAMS, BROKEN)
        (error,) = errors(messages)
        assert "1 of 3 countries failed: XBA." in error["message"]
        assert "XBA: /v3/displacement/admin1 Admin0Pcode=XBA: HTTP 503" in error["message"]
        assert error["failure_type"] == "transient_error"
        assert {row["admin0_pcode"] for row in records(messages, "idp_admin2")} == {"XAA", "XCA"}
        assert "stack_trace" not in error

    def test_of_a_country_is_made_good_next_time(self, sandbox: SandboxServer, destination: Destination) -> None:
        sandbox.faults.add(Fault("status", country="XBA", path="admin1"))
        sync_fails(sandbox, destination, DtmPartialSyncError)
        sandbox.faults.clear()

        messages = sync(sandbox, destination)

        assert as_served(records(messages, "idp_admin2")) == served(sandbox.world, 2, countries=["XBA"])
        destination.assert_equals_api(sandbox.world)

    def test_of_a_list_spares_what_was_read_before(self, sandbox: SandboxServer, destination: Destination) -> None:
        sandbox.faults.add(Fault("empty", path="operation-list"))

        messages = sync_fails(sandbox, destination, DtmAnswerError)

        ended = {name: of_stream[-1] for name, of_stream in statuses(messages).items()}
        assert ended == dict.fromkeys(STREAMS, "COMPLETE") | {"operations": "INCOMPLETE"}

    def test_of_the_key_is_the_settings_fault(self, source: Source, sandbox: SandboxServer) -> None:
        config = config_for(sandbox) | {"subscription_key": "s3cret-that-is-wrong"}

        code, messages = source.run("read", config=config, catalog=configured(EVERYTHING))

        (error,) = errors(messages)
        assert code == 1
        assert statuses(messages) == {name: ["STARTED", "INCOMPLETE"] for name in STREAMS}
        assert error["failure_type"] == "config_error"
        assert "refuses the subscription key" in error["message"]
        assert "s3cret" not in json.dumps(messages)

    @pytest.mark.parametrize(
        ("fault", "kind"),
        [
            (Fault("status", status=502), "transient_error"),
            (Fault("dropped"), "transient_error"),
            (Fault("rate_limit"), "transient_error"),
            (Fault("quota"), "transient_error"),
            (Fault("missing_field"), "system_error"),
            (Fault("firewall"), "config_error"),
            (Fault("status", status=404), "config_error"),
            (Fault("redirect", url="http://localhost:9/elsewhere"), "config_error"),
        ],
        ids=lambda each: getattr(each, "kind", each),
    )
    def test_has_its_kind(self, source: Source, sandbox: SandboxServer, fault: Fault, kind: str) -> None:
        sandbox.faults.add(fault)

        code, messages = source.run("read", config=config_for(sandbox), catalog=configured({"idp_admin0": DEDUP}))

        assert code == 1
        assert [error["failure_type"] for error in errors(messages)] == [kind]

    @pytest.mark.parametrize(
        ("setting", "value", "words"),
        [
            ("api_url", "{}/wrong", "HTTP 404. Resource not found. Check the settings api_url and api_version."),
            ("user_agent", "python-requests/2.32", "the firewall in front of the DTM API refuses the request"),
        ],
    )
    def test_of_a_setting_is_for_people_to_settle(
        self, source: Source, sandbox: SandboxServer, setting: str, value: str, words: str
    ) -> None:
        config = config_for(sandbox) | {setting: value.format(sandbox.url)}

        _, messages = source.run("read", config=config, catalog=configured({"idp_admin0": DEDUP}))

        (error,) = errors(messages)
        assert words in error["message"]
        assert error["failure_type"] == "config_error"

    @pytest.mark.parametrize("kind", ["quota", "html", "redirect", "refused", "status"])
    def test_does_not_give_the_key_away(self, source: Source, sandbox: SandboxServer, kind: Any) -> None:
        sandbox.key = "k3y-5f1e9d0c7b3a4826915d"
        sandbox.faults.add(Fault(kind, country="XBA", url="http://localhost:9/elsewhere"))
        config = config_for(sandbox) | {"subscription_key": sandbox.key}

        _, messages = source.run("read", config=config, catalog=configured({"idp_admin0": DEDUP}))

        assert errors(messages)
        assert sandbox.key[:12] not in json.dumps(messages)

    def test_for_people_to_settle_is_the_settings_fault(self, source: Source, sandbox: SandboxServer) -> None:
        catalog = configured(EVERYTHING)
        _, messages = source.run("read", config=config_for(sandbox), catalog=catalog)
        state = [states(messages, name)[-1] for name in STREAMS]
        sandbox.world.publish()
        sandbox.world.countries = sandbox.world.countries[:2]

        code, messages = source.run("read", config=config_for(sandbox), catalog=catalog, state=state)

        (error,) = errors(messages)
        assert (code, error["failure_type"]) == (1, "config_error")
        assert "accept_withdrawn_countries" in error["message"]

    def test_of_the_program_itself_is_reported_without_what_it_handled(self) -> None:
        with pytest.raises(RuntimeError) as mistake:
            broken(SANDBOX_KEY)
        error = protocol.failure(mistake.value)["trace"]["error"]

        assert error["failure_type"] == "system_error"
        assert "test_failures.py" in error["stack_trace"]
        assert SANDBOX_KEY not in json.dumps(error)


def broken(value: str) -> None:
    raise RuntimeError(value)


def sync_fails(sandbox: SandboxServer, destination: Destination, error: type[DtmError]) -> list[Message]:
    """Run a sync that ends with an error into the destination."""
    catalog = configured(EVERYTHING)
    messages = run_read(catalog, destination.state, error=error, **config_for(sandbox))
    destination.take(messages, catalog)
    return messages


def test_a_refused_key_amid_the_countries_ends_the_sync(sandbox: SandboxServer, destination: Destination) -> None:
    sandbox.faults.add(Fault("quota", country="XBA"))

    messages = sync_fails(sandbox, destination, DtmAccessError)

    ended = {name: of_stream[-1] for name, of_stream in statuses(messages).items()}
    assert ended == dict.fromkeys(STREAMS, "INCOMPLETE")
    sandbox.faults.clear()
    sync(sandbox, destination)
    destination.assert_equals_api(sandbox.world)
