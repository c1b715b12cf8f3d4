"""read: what a sync sends, in which order, and how it tells what went wrong."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

import pytest

from tap_dtm.airbyte import messages as protocol
from tap_dtm.airbyte.catalog import CURSOR, DELETED
from tap_dtm.errors import DtmPartialSyncError
from tap_dtm.sandbox import Fault, SandboxServer
from tests.airbyte.support import (
    APPEND,
    BROKEN,
    DEDUP,
    EVERYTHING,
    LEVEL_STREAMS,
    LISTS,
    OVERWRITE,
    SNAPSHOTS,
    STREAMS,
    WHOLE,
    Destination,
    Source,
    as_served,
    configured,
    records,
    run_read,
    states,
    statuses,
    stream_of,
    sync,
)
from tests.extent import mostly
from tests.guards.support import FLOOD, a_round, add_a_round_in, an_operation, config_for, put_operations
from tests.target import MemoryTarget, run_tap
from tests.world import LEVELS, served

if TYPE_CHECKING:
    from tap_dtm.sandbox import World


def shrink(world: World) -> None:
    """Publish a shorter operation, and withdraw the other, in one country."""
    put_operations(world, "XBA", an_operation(FLOOD, a_round(1, 2021, 100)))


class TestASync:
    def test_starts_all_streams_and_completes_them(self, sandbox: SandboxServer, destination: Destination) -> None:
        messages = sync(sandbox, destination)

        assert statuses(messages) == dict.fromkeys(STREAMS, WHOLE)
        assert [stream_of(message) for message in messages[: len(STREAMS)]] == list(STREAMS)
        destination.assert_equals_api(sandbox.world)

    @pytest.mark.parametrize(
        "streams",
        mostly(
            [*((stream,) for stream in STREAMS), ("idp_admin0", "idp_admin2"), ("countries", "idp_admin1"), STREAMS],
            (each for size in range(1, 6) for each in combinations(STREAMS, size)),
        ),
        ids="+".join,
    )
    def test_sends_what_the_catalog_selects_and_nothing_else(
        self, sandbox: SandboxServer, destination: Destination, streams: tuple[str, ...]
    ) -> None:
        messages = sync(sandbox, destination, dict.fromkeys(streams, DEDUP))

        assert statuses(messages) == dict.fromkeys(streams, WHOLE)
        assert set(destination.rows) == set(streams)
        destination.assert_equals_api(sandbox.world, streams=streams)

    def test_says_running_before_anything_else_of_a_stream(
        self, sandbox: SandboxServer, destination: Destination
    ) -> None:
        messages = sync(sandbox, destination)

        for name in STREAMS:
            own = [message for message in messages if stream_of(message) == name]
            assert [message["type"] for message in own[:2]] == ["TRACE", "TRACE"]
            assert [message["type"] for message in own[-2:]] == ["STATE", "TRACE"]

    def test_counts_every_record_in_a_state_after_it(self, sandbox: SandboxServer, destination: Destination) -> None:
        messages = sync(sandbox, destination)

        for name in STREAMS:
            counts = [state["sourceStats"]["recordCount"] for state in states(messages, name)]
            assert sum(counts) == len(records(messages, name)) > 0

    def test_says_ahead_which_rows_it_is_going_to_send(self, sandbox: SandboxServer, destination: Destination) -> None:
        messages = sync(sandbox, destination)

        own = [message for message in messages if stream_of(message) == "idp_admin2"]
        before = own[next(i for i, message in enumerate(own) if message["type"] == "RECORD") - 1]["state"]
        marks = [each["operations"].values() for each in before["stream"]["stream_state"]["partitions"]]
        assert {mark["digest"] for each in marks for mark in each} == {""}

    def test_sends_rows_as_discover_describes_them(self, sandbox: SandboxServer, destination: Destination) -> None:
        messages = sync(sandbox, destination)

        for each in configured(EVERYTHING)["streams"]:
            rows = records(messages, each["stream"]["name"])
            assert all(set(row) == set(each["stream"]["json_schema"]["properties"]) for row in rows)

    def test_with_nothing_new_sends_the_lists_alone(self, sandbox: SandboxServer, destination: Destination) -> None:
        sync(sandbox, destination)

        messages = sync(sandbox, destination)

        assert {message["record"]["stream"] for message in messages if message["type"] == "RECORD"} == set(LISTS)
        assert statuses(messages) == dict.fromkeys(STREAMS, WHOLE)
        assert len(sandbox.requests) == 5  # two lists, three countries

    def test_sends_only_what_is_new(self, sandbox: SandboxServer, destination: Destination) -> None:
        sync(sandbox, destination)
        sandbox.world.publish(add_a_round_in(1))

        messages = sync(sandbox, destination)

        assert {row["reporting_date"] for row in records(messages, "idp_admin2")} == {"2024-06-30"}
        destination.assert_equals_api(sandbox.world)

    def test_of_some_columns_sends_these_and_the_rest_once_they_are_wanted(self, sandbox: SandboxServer) -> None:
        few = configured({"idp_admin1": DEDUP})
        properties = few["streams"][0]["stream"]["json_schema"]["properties"]
        wanted = {"admin0_pcode", "operation", "row_number", "num_present_idp_ind", CURSOR, DELETED}
        few["streams"][0]["stream"]["json_schema"]["properties"] = {name: properties[name] for name in wanted}

        first = run_read(few, **config_for(sandbox))
        state = [states(first, "idp_admin1")[-1]]
        again = run_read(few, state, **config_for(sandbox))
        all_columns = run_read(configured({"idp_admin1": DEDUP}), state, **config_for(sandbox))

        assert set(records(first, "idp_admin1")[0]) == wanted
        assert not records(again, "idp_admin1")
        assert as_served(records(all_columns, "idp_admin1")) == served(sandbox.world, 1)


class TestRowsThatAreGone:
    def test_are_marked_with_a_later_cursor(self, sandbox: SandboxServer, destination: Destination) -> None:
        first = sync(sandbox, destination)
        shrink(sandbox.world)

        messages = sync(sandbox, destination)

        gone = [row for row in records(messages, "idp_admin2") if row[DELETED]]
        assert len(gone) == 5
        assert all(row["num_present_idp_ind"] is None for row in gone)
        assert min(row[CURSOR] for row in gone) > max(row[CURSOR] for row in records(first, "idp_admin2"))
        destination.assert_equals_api(sandbox.world)

    def test_win_although_the_clock_went_back(
        self, sandbox: SandboxServer, destination: Destination, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(protocol, "now", lambda: 2_000_000_000_000)
        sync(sandbox, destination)
        monkeypatch.setattr(protocol, "now", lambda: 1_000_000_000_000)
        shrink(sandbox.world)

        messages = sync(sandbox, destination)

        assert {row[CURSOR] for row in records(messages, "idp_admin2")} == {"2033-05-18T03:33:20.001+00:00"}
        destination.assert_equals_api(sandbox.world)


class TestAFullRefresh:
    def test_reads_everything_whatever_the_state_says(self, sandbox: SandboxServer, destination: Destination) -> None:
        sync(sandbox, destination)
        shrink(sandbox.world)

        sync(sandbox, destination, dict.fromkeys(STREAMS, OVERWRITE))

        for level in LEVELS:
            assert as_served(destination.rows[f"idp_admin{level}"]) == served(sandbox.world, level)
        assert len(destination.rows["countries"]) == 3

    def test_appends_whole_snapshots_without_rows_of_nothing(
        self, sandbox: SandboxServer, destination: Destination
    ) -> None:
        modes = dict.fromkeys(LEVEL_STREAMS, SNAPSHOTS)
        first = sync(sandbox, destination, modes)
        shrink(sandbox.world)

        second = sync(sandbox, destination, modes)

        assert as_served(records(second, "idp_admin2")) == served(sandbox.world, 2)
        assert len(destination.rows["idp_admin2"]) == len(records(first, "idp_admin2") + records(second, "idp_admin2"))

    def test_has_one_state_when_it_is_complete(self, sandbox: SandboxServer, destination: Destination) -> None:
        messages = sync(sandbox, destination, dict.fromkeys(STREAMS, OVERWRITE))

        for name in STREAMS:
            (state,) = states(messages, name)
            assert state["sourceStats"]["recordCount"] == len(records(messages, name))

    def test_that_fails_has_none(self, sandbox: SandboxServer) -> None:
        sandbox.faults.add(Fault("status", country="XBA"))
        modes = {"countries": OVERWRITE, "idp_admin0": OVERWRITE}

        messages = run_read(configured(modes), error=DtmPartialSyncError, **config_for(sandbox))

        assert not states(messages, "idp_admin0")
        assert statuses(messages) == {"countries": WHOLE, "idp_admin0": BROKEN}

    def test_that_was_never_put_in_place_is_made_good(self, sandbox: SandboxServer, destination: Destination) -> None:
        sync(sandbox, destination)
        shrink(sandbox.world)
        catalog = configured(dict.fromkeys(STREAMS, OVERWRITE))
        messages = run_read(catalog, destination.state, **config_for(sandbox))
        destination.take([message for message in messages if message["type"] != "TRACE"], catalog)  # but no COMPLETE

        sync(sandbox, destination)

        destination.assert_equals_api(sandbox.world)

    def test_may_be_followed_by_an_incremental_sync(self, sandbox: SandboxServer, destination: Destination) -> None:
        sync(sandbox, destination, dict.fromkeys(STREAMS, OVERWRITE))
        shrink(sandbox.world)

        sync(sandbox, destination)

        destination.assert_equals_api(sandbox.world)


class TestTheChoiceOfStreams:
    def test_is_kept_to(self, sandbox: SandboxServer, destination: Destination) -> None:
        messages = sync(sandbox, destination, {"idp_admin1": APPEND})

        assert {stream_of(message) for message in messages} == {"idp_admin1"}

    def test_does_not_stop_the_countries_from_taking_turns(
        self, sandbox: SandboxServer, destination: Destination
    ) -> None:
        for _ in range(3):  # whole, then a third of the countries each
            sync(sandbox, destination, {"idp_admin1": DEDUP}, scrub_fraction=1 / 3)

        state = destination.states["idp_admin1"]["stream"]["stream_state"]
        assert state["countries"]["runs"] == 3
        assert len({partition["read_whole"] for partition in state["partitions"]}) > 1

    def test_a_new_country_starts_from_its_beginning(self, sandbox: SandboxServer, destination: Destination) -> None:
        sync(sandbox, destination, countries=["XAA"])

        messages = sync(sandbox, destination, countries=["XAA", "XCA"])

        assert as_served(records(messages, "idp_admin2")) == served(sandbox.world, 2, countries=["XCA"])


class TestTheState:
    def test_is_the_tap_s(self, sandbox: SandboxServer, destination: Destination) -> None:
        target = MemoryTarget()
        run_tap(target, **config_for(sandbox))

        sync(sandbox, destination)

        bookmarks = {name: state["stream"]["stream_state"] for name, state in destination.states.items()}
        for name, bookmark in bookmarks.items():
            del bookmark["synced_at"]
            assert bookmark == target.state["bookmarks"][name]

    @pytest.mark.parametrize("form", ["singer", "streams", "messages", "one", "global", "legacy", "bare", "pydantic"])
    def test_is_taken_in_any_form(self, sandbox: SandboxServer, destination: Destination, form: str) -> None:
        sync(sandbox, destination)
        streams = [state["stream"] for state in destination.state]
        by_name = {stream["stream_descriptor"]["name"]: stream["stream_state"] for stream in streams}
        forms: dict[str, Any] = {
            "singer": {"bookmarks": by_name},
            "streams": destination.state,
            "messages": [{"type": "STATE", "state": state} for state in destination.state],
            "one": destination.states["idp_admin2"],
            "global": [{"type": "GLOBAL", "global": {"shared_state": {}, "stream_states": streams}}],
            "legacy": [{"type": "LEGACY", "data": by_name}],
            "bare": by_name,
            "pydantic": [{**state, "global": None, "data": None} for state in destination.state],
        }
        content = forms[form]

        messages = run_read(
            configured({"idp_admin2": DEDUP}),
            content if isinstance(content, list) else [content],
            **config_for(sandbox),
        )

        assert not records(messages, "idp_admin2")

    @pytest.mark.parametrize(
        "content",
        [
            {},
            {"type": "LEGACY", "data": {}},
            {"type": "LEGACY", "data": None},
            {"type": "LEGACY", "data": {"bookmarks": {}}},
            {"type": "GLOBAL", "global": {}},
            {"type": "GLOBAL", "global": {"shared_state": {}, "stream_states": []}},
            {"type": "STREAM", "stream": {"stream_descriptor": {"name": "idp_admin0"}, "stream_state": None}},
            {"type": "STATE", "state": {"type": "LEGACY", "data": {}}},
        ],
        ids=str,
    )
    def test_that_is_empty_is_none(self, sandbox: SandboxServer, content: dict[str, Any]) -> None:
        messages = run_read(configured({"idp_admin0": DEDUP}), [content], **config_for(sandbox))

        assert as_served(records(messages, "idp_admin0")) == served(sandbox.world, 0)

    def test_may_be_an_object_or_missing(self, source: Source, sandbox: SandboxServer) -> None:
        files = {"config": config_for(sandbox), "catalog": configured({"idp_admin2": DEDUP})}
        first, messages = source.run("read", **files)
        state = states(messages, "idp_admin2")[-1]

        second, messages = source.run("read", **files, state=state)

        assert (first, second) == (0, 0)
        assert not records(messages, "idp_admin2")
