"""spec, check and discover, and what is said of a command line that cannot be followed."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from tap_dtm.airbyte.catalog import CURSOR, DELETED
from tap_dtm.airbyte.command import specification
from tap_dtm.metadata import load_catalogue
from tap_dtm.sandbox import Fault
from tap_dtm.settings import SETTINGS
from tests.airbyte.support import (
    APPEND,
    DEDUP,
    EVERYTHING,
    HISTORIES,
    OVERWRITE,
    SNAPSHOTS,
    STREAMS,
    Message,
    Source,
    configured,
    errors,
    records,
)
from tests.guards.support import config_for

if TYPE_CHECKING:
    from tap_dtm.sandbox import SandboxServer

OFFLINE = {"api_url": "sandbox://?countries=2&rows=100"}


def said(messages: list[Message], kind: str, name: str) -> Any:
    """Return the content of the one message of a type."""
    (message,) = [message for message in messages if message["type"] == kind]
    return message[name]


def without(column: str, mode: tuple[str, str]) -> dict[str, Any]:
    """Return a catalog of one stream that leaves a column out."""
    catalog = deepcopy(configured({"idp_admin1": mode}))
    del catalog["streams"][0]["stream"]["json_schema"]["properties"][column]
    return catalog


class TestSpec:
    def test_shows_the_settings_in_their_order(self, source: Source) -> None:
        code, messages = source.run("spec")

        assert said(messages, "SPEC", "spec") == specification()
        form = said(messages, "SPEC", "spec")["connectionSpecification"]["properties"]
        assert code == 0
        keys = ["subscription_key", "secondary_subscription_key"]
        assert sorted(form, key=lambda name: form[name]["order"])[:4] == [*keys, "api_url", "api_version"]
        assert form["subscription_key"]["airbyte_secret"] is True
        assert [name for name, field in form.items() if field.get("airbyte_secret")] == keys
        assert all(
            field["title"] and field["description"] and isinstance(field["type"], str) for field in form.values()
        )
        lists = [name for name, field in form.items() if field["type"] == "array"]
        assert lists == ["countries", "operations", "accept_withdrawn_countries"]
        assert [form[name]["items"]["type"] for name in lists] == ["string"] * 3
        assert not {"stream_maps", "flattening_enabled", "batch_config"} & set(form)

    @pytest.mark.parametrize(
        ("config", "is_right"),
        [
            ({"subscription_key": "abc", "countries": ["HTI"], "start_date": "2023-01-01"}, True),
            (OFFLINE, True),
            ({"countries": ["Haiti"]}, False),
            ({"start_date": "1 January 2023"}, False),
            ({"api_url": "ftp://example.org"}, False),
            ({"scrub_fraction": 2}, False),
        ],
    )
    def test_tells_right_settings_from_wrong_ones(self, config: dict[str, Any], is_right: bool) -> None:  # noqa: FBT001
        schema = specification()["connectionSpecification"]

        assert jsonschema.Draft7Validator(schema).is_valid(config) == is_right


class TestCheck:
    def test_takes_one_request(self, source: Source, sandbox: SandboxServer) -> None:
        code, messages = source.run("check", config=config_for(sandbox))

        assert (code, said(messages, "CONNECTION_STATUS", "connectionStatus")) == (0, {"status": "SUCCEEDED"})
        assert [request.path for request in sandbox.requests] == ["/v3/displacement/country-list"]

    def test_goes_on_with_the_second_key_and_says_so(self, source: Source, sandbox: SandboxServer) -> None:
        keys = {"subscription_key": "not-the-key", "secondary_subscription_key": sandbox.key}
        config = config_for(sandbox) | keys
        code, messages = source.run("check", config=config)

        assert (code, said(messages, "CONNECTION_STATUS", "connectionStatus")) == (0, {"status": "SUCCEEDED"})
        assert "refuses the first subscription key (401)" in str(messages)
        assert "not-the-key" not in str(messages)
        assert sandbox.key not in str(messages)

    @pytest.mark.parametrize(
        ("config", "words"),
        [
            ({"subscription_key": "not-the-key"}, "refuses the subscription key"),
            (
                {"subscription_key": "not-the-key", "secondary_subscription_key": "nor-this-one"},
                "refuses both subscription keys",
            ),
            ({"subscription_key": ""}, "No subscription key"),
            ({"subscription_key": 17}, "put it in quotes"),
            ({"api_url": "http://127.0.0.1:9"}, "the connection to 127.0.0.1:9 failed"),
            ({"api_url": "https://api.invalid"}, "the connection to api.invalid failed"),
            ({"api_url": "gopher://example.org"}, "The setting api_url must look like"),
            ({"countries": ["XAB"]}, "names XAB, which DTM does not list. The nearest: XAA (Invented XAA)"),
            ({"operations": ["Invented Flod"]}, 'The nearest: "Invented Flood"'),
            ({"max_retries": "many"}, "The setting max_retries is 'many': write a whole number"),
        ],
    )
    def test_says_in_a_sentence_what_is_wrong(
        self, source: Source, sandbox: SandboxServer, config: dict[str, Any], words: str
    ) -> None:
        code, messages = source.run("check", config=config_for(sandbox) | config)

        status = said(messages, "CONNECTION_STATUS", "connectionStatus")
        assert (code, status["status"]) == (0, "FAILED")
        assert words in status["message"]
        assert "\n" not in status["message"]
        assert not errors(messages)

    def test_does_not_try_for_ever(self, source: Source, sandbox: SandboxServer) -> None:
        sandbox.faults.add(Fault("status", status=503))

        _, messages = source.run("check", config=config_for(sandbox) | {"max_retries": 50})

        assert said(messages, "CONNECTION_STATUS", "connectionStatus")["status"] == "FAILED"
        assert len(sandbox.requests) == 2


class TestSettingsThatAreNull:
    """Airbyte's forms send null for what was left empty: it stands for the default."""

    NULLS = dict.fromkeys(SETTINGS)

    def test_pass_the_check(self, source: Source, sandbox: SandboxServer) -> None:
        needed = {name: config_for(sandbox)[name] for name in ("api_url", "subscription_key")}

        _, messages = source.run("check", config=self.NULLS | needed)

        assert said(messages, "CONNECTION_STATUS", "connectionStatus") == {"status": "SUCCEEDED"}

    def test_keep_the_check_short(self, source: Source, sandbox: SandboxServer) -> None:
        sandbox.faults.add(Fault("status", status=503))

        _, messages = source.run("check", config=config_for(sandbox) | {"max_retries": None})

        assert said(messages, "CONNECTION_STATUS", "connectionStatus")["status"] == "FAILED"
        assert len(sandbox.requests) == 2

    def test_read_like_the_default(self, source: Source) -> None:
        catalog = configured({"idp_admin0": DEDUP})

        code, messages = source.run("read", config=self.NULLS | OFFLINE, catalog=catalog)

        assert code == 0
        assert records(messages, "idp_admin0")

    def test_discover_like_the_default(self, source: Source) -> None:
        assert source.run("discover", config=self.NULLS) == source.run("discover", config={})


class TestDiscover:
    @pytest.mark.parametrize("version", ["v3", "v2"])
    def test_describes_every_stream(self, source: Source, version: str) -> None:
        code, messages = source.run("discover", config={"api_version": version})

        streams = {stream["name"]: stream for stream in said(messages, "CATALOG", "catalog")["streams"]}
        assert code == 0
        assert set(streams) == {*STREAMS, *HISTORIES, "runs"}
        for name, stream in streams.items():
            resource = load_catalogue().resources[name]
            properties = stream["json_schema"]["properties"]
            served = {field.name for field in resource.fields_for(version)} - {"_sdc_deleted_at"}
            is_kept = name in {*HISTORIES, "runs"}
            assert set(properties) == served | ({CURSOR} if is_kept else {CURSOR, DELETED})
            assert stream["supported_sync_modes"] == (["incremental"] if is_kept else ["full_refresh", "incremental"])
            assert (stream["source_defined_cursor"], stream["default_cursor_field"]) == (True, [CURSOR])
            assert stream["source_defined_primary_key"] == [[field] for field in resource.key]
            assert stream["is_resumable"] is False
            jsonschema.Draft7Validator.check_schema(stream["json_schema"])

    def test_tells_dates_from_times(self, source: Source) -> None:
        streams = said(source.run("discover", config={})[1], "CATALOG", "catalog")["streams"]

        (properties,) = [each["json_schema"]["properties"] for each in streams if each["name"] == "idp_admin2"]
        assert properties["reporting_date"]["type"] == ["string", "null"]
        assert properties["reporting_date"]["format"] == "date"
        assert properties["number_males"]["type"] == ["integer", "null"]
        assert properties[CURSOR]["type"] == "string"
        assert properties[DELETED]["format"] == properties[CURSOR]["format"] == "date-time"
        assert properties[DELETED]["airbyte_type"] == "timestamp_with_timezone"


class TestMistakes:
    CATALOG = configured(EVERYTHING)
    ONE = CATALOG["streams"][2]

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            ([], "the following arguments are required"),
            (["raed"], "invalid choice: 'raed'"),
            (["read"], "the following arguments are required: --config, --catalog"),
            (["check", "--config"], "expected one argument"),
            (["check", "--config", "c.json", "--debug-all"], "unrecognized arguments: --debug-all"),
            (["discover", "--config", "missing.json"], "settings file missing.json cannot be read: No such file"),
        ],
    )
    def test_in_the_command_line(self, source: Source, arguments: list[str], words: str) -> None:
        self.assert_one_sentence(*source.run_with(*arguments), words)

    @pytest.mark.parametrize(
        ("files", "words"),
        [
            ({"config": "{"}, "is not valid JSON"),
            ({"config": "[]"}, "holds something else than a JSON object"),
            ({"config": {"api_version": "v9"}}, "write v3 or v2"),
            ({"catalog": "{"}, "is not valid JSON"),
            ({"catalog": {}}, "not a configured Airbyte catalog"),
            ({"catalog": {"streams": []}}, "choose at least one"),
            ({"catalog": {"streams": [1]}}, "not a configured Airbyte catalog"),
            (
                {"catalog": {"streams": [ONE | {"stream": {"name": "idp_admin3"}}]}},
                "idp_admin3', which does not exist",
            ),
            ({"catalog": {"streams": [ONE | {"sync_mode": "INVALID"}]}}, "sync_mode 'INVALID' for idp_admin0"),
            (
                {"catalog": {"streams": [ONE | {"cursor_field": ["reporting_date"]}]}},
                "dedupes idp_admin0 by reporting_date",
            ),
            ({"catalog": {"streams": [ONE | {"primary_key": [["operation"]]}]}}, "by another key than admin0_pcode"),
            (
                {"catalog": without(DELETED, DEDUP)},
                f"leaves out the field {DELETED} of idp_admin1, the only one that shows which rows are deleted",
            ),
            ({"catalog": without(CURSOR, DEDUP)}, f"leaves out the field {CURSOR} of idp_admin1"),
            ({"catalog": without(DELETED, APPEND)}, f"leaves out the field {DELETED} of idp_admin1"),
            ({"config": OFFLINE | {"api_version": "v2"}}, "API v2 does not serve (displacement_reason"),
            ({"state": "17"}, "JSON object in braces or a list"),
            ({"state": [17]}, "The state cannot be read"),
            ({"state": [{"type": "STREAM", "stream": {"stream_state": {}}}]}, "The state cannot be read"),
            ({"state": {"countries": {"synced_at": "yesterday"}}}, "synced_at is not the time of a sync. Restore an"),
            ({"state": {"countries": {"synced_at": "9999-12-31T23:59:59.999+00:00"}}}, "synced_at is not the time"),
            ({"state": {"idp_admin0": {"partitions": [{"context": 1}]}}}, "that of idp_admin0 is damaged (Expected"),
            ({"state": {"idp_admin0": {"countries": None}}}, "that of countries is damaged (Expected `object`, got"),
            ({"state": {"countries": {"runs": "many"}}}, "that of countries is damaged (Expected `int`, got `str`"),
            ({"state": {"operations": {"keys": [["XAA"]]}}}, "that of operations is damaged (Expected `array` of len"),
        ],
    )
    def test_in_a_file(self, source: Source, files: dict[str, Any], words: str) -> None:
        given = {"config": OFFLINE, "catalog": self.CATALOG, "state": []} | files
        self.assert_one_sentence(*source.run("read", **given), words)

    @pytest.mark.parametrize(
        "catalog", [without(DELETED, OVERWRITE), without(DELETED, SNAPSHOTS), without(CURSOR, APPEND)]
    )
    def test_a_mark_may_be_left_out_where_nothing_hangs_on_it(self, source: Source, catalog: dict[str, Any]) -> None:
        code, messages = source.run("read", config=OFFLINE, catalog=catalog)

        assert code == 0
        assert records(messages, "idp_admin1")

    def test_settings_of_the_singer_tap_alone_are_left_out(self, source: Source) -> None:
        code, messages = source.run(
            "read", config=OFFLINE | {"stream_maps": {"countries": None}}, catalog=configured(EVERYTHING)
        )

        assert code == 0
        assert any("no effect here: stream_maps" in str(message.get("log")) for message in messages)
        assert any(message["record"]["stream"] == "countries" for message in messages if message["type"] == "RECORD")

    @staticmethod
    def assert_one_sentence(code: int, messages: list[Message], words: str) -> None:
        (error,) = errors(messages)
        assert code == 1
        assert words in error["message"]
        assert "\n" not in error["message"]
        assert error["failure_type"] == "config_error"
        assert messages[-1]["type"] == "TRACE"
