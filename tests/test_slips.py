"""Slips of an operator, and what other programs do to a state: understood, or refused in one sentence, never silent."""

from __future__ import annotations

import copy
import os
import subprocess
import unicodedata
from typing import TYPE_CHECKING, Any

import pytest

from tap_dtm import environment
from tap_dtm.errors import DtmError
from tap_dtm.sandbox import SandboxServer
from tap_dtm.settings import SETTINGS, Settings
from tap_dtm.state import FORM
from tap_dtm.tap import TapDTM
from tests.guards.support import (
    FLOOD,
    a_round,
    add_a_round_in,
    an_operation,
    assert_exact,
    config_for,
    put_operations,
    small_world,
    sync,
    warnings,
)
from tests.target import COMMAND, MemoryTarget, run_tap, selecting

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tap_dtm.sandbox import World


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(small_world()) as server:
        yield server


@pytest.fixture
def target(sandbox: SandboxServer) -> MemoryTarget:
    """A target that is loaded."""
    loaded = MemoryTarget()
    sync(sandbox, loaded)
    return loaded


class TestSettings:
    @pytest.mark.parametrize(
        ("name", "near"), [("country", "countries"), ("start-date", "start_date"), ("stream_map", "stream_maps")]
    )
    def test_of_unknown_names_are_refused_with_the_nearest(self, name: str, near: str) -> None:
        with pytest.raises(DtmError, match=rf"unknown name: {name}\. The nearest: .*{near}"):
            TapDTM(config={"api_url": "sandbox://", name: ["XAA"]})

    def test_of_the_sdk_are_known(self) -> None:
        TapDTM(config={"api_url": "sandbox://", "flattening_enabled": True, "flattening_max_depth": 1})

    def test_filters_that_remove_every_row_of_a_country_are_warned_of(
        self, sandbox: SandboxServer, target: MemoryTarget, caplog: pytest.LogCaptureFixture
    ) -> None:
        sync(sandbox, target, start_date="2025-01-01")

        assert (
            "All 16 rows of Invented XAA (XAA) are removed, because none passes the settings start_date." in caplog.text
        )
        assert len(warnings(caplog)) == 3

    def test_an_operation_in_another_unicode_form_is_named_as_such(
        self, sandbox: SandboxServer, target: MemoryTarget
    ) -> None:
        name = "Opération inventée"
        put_operations(sandbox.world, "XAA", an_operation(name, a_round(1, 2022, 3)))

        with pytest.raises(DtmError, match=r"in another Unicode form \(NFD\) than DTM, which writes it in NFC"):
            sync(sandbox, target, operations=[unicodedata.normalize("NFD", name)])

    def test_the_nearest_codes_begin_alike(self, sandbox: SandboxServer, target: MemoryTarget) -> None:
        with pytest.raises(DtmError, match=r"names XAB, which DTM does not list\. The nearest: XAA"):
            sync(sandbox, target, countries=["XAB"])


class TestVariablesOfTheEnvironment:
    def run(self, folder: Path, **variables: str) -> tuple[int, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TAP_DTM_")}
        done = subprocess.run(
            [*COMMAND, "--config=ENV", "--discover"],
            env=kept | {"TAP_DTM_API_URL": "sandbox://"} | variables,
            capture_output=True,
            text=True,
            check=False,
            cwd=folder,
        )
        return done.returncode, done.stderr

    def test_that_are_empty_are_not_set(self, tmp_path: Path) -> None:
        (tmp_path / ".env").write_text("TAP_DTM_REQUEST_TIMEOUT=\nTAP_DTM_FLATTENING_MAX_DEPTH=\n", encoding="utf-8")
        empty = ("MAX_RETRIES", "COUNTRIES", "START_DATE", "SCRUB_RESENDS", "STREAM_MAPS")

        code, log = self.run(tmp_path, **{f"TAP_DTM_{name}": "" for name in empty})

        assert (code, "Traceback" in log) == (0, False)

    def test_of_other_programs_are_left_alone(self, tmp_path: Path) -> None:
        code, _ = self.run(tmp_path, TAP_DTM_LOGLEVEL="INFO", TAP_DTM__CATALOG="catalog.json", TAP_OTHER_COUNTRY="XAA")

        assert code == 0

    @pytest.mark.parametrize(
        ("variable", "value", "words"),
        [
            ("TAP_DTM_COUNTRY", "XAA", "TAP_DTM_COUNTRY, which is not a setting. The nearest: TAP_DTM_COUNTRIES"),
            ("TAP_DTM_FLATTENING_MAX_DEPTH", "much", "FLATTENING_MAX_DEPTH is much: write a whole number."),
            ("TAP_DTM_SCRUB_RESENDS", "perhaps", "TAP_DTM_SCRUB_RESENDS is perhaps: write true or false."),
            ("TAP_DTM_STREAM_MAPS", "{", "TAP_DTM_STREAM_MAPS does not hold a JSON object in braces."),
        ],
    )
    def test_that_cannot_be_read_are_named(self, tmp_path: Path, variable: str, value: str, words: str) -> None:
        code, log = self.run(tmp_path, **{variable: value})

        assert code == 1
        assert words in log
        assert "Traceback" not in log

    def test_hold_text_as_it_is(self) -> None:
        """An operation may have a comma in its name, where the SDK would make two of it."""
        properties = SETTINGS.to_dict()["properties"]
        variables = {
            "TAP_DTM_OPERATIONS": "Invented Survey, Border & Coast",
            "TAP_DTM_COUNTRIES": "xaa,XBA",
            "TAP_DTM_MAX_RETRIES": "3",
            "TAP_DTM_SCRUB_RESENDS": "Yes",
        }

        settings = Settings.from_config({"api_url": "sandbox://"} | environment.read(properties, "TAP_DTM_", variables))

        assert settings.operations == frozenset({"Invented Survey, Border & Coast"})
        assert settings.countries == ("XAA", "XBA")
        assert (settings.max_retries, settings.scrub_resends) == (3, True)


class TestStreamMaps:
    """Withdrawn rows arrive as removed rows, whatever the maps, the selection and the flattening are."""

    @pytest.mark.parametrize(
        "settings",
        [
            {"stream_maps": {"idp_admin1": {"_sdc_deleted_at": None}}},
            {"stream_maps": {"idp_*": {"_sdc_deleted_at": "'never'"}}},
            {
                "stream_maps": {
                    "idp_admin2": {
                        "admin0_pcode": "admin0_pcode",
                        "operation": "operation",
                        "row_number": "row_number",
                        "people": "num_present_idp_ind",
                        "__else__": None,
                    }
                }
            },
            {"stream_maps": {"idp_admin0": {"__alias__": "figures", "_sdc_deleted_at": None}}},
            {"stream_maps": {"figures": {"__source__": "idp_admin0", "_sdc_deleted_at": None}}},
            {"stream_maps": {"idp_admin0": {"operation": "operation.upper()"}}},
            {"stream_maps": {"idp_admin0": {"operation": "operation[:200]"}}},
            {"stream_maps": {"idp_*": {"__else__": None, "_sdc_deleted_at": "self"}}},
            {"stream_maps": {"idp_admin0": {"row_number": "1"}}},
            {"stream_maps": {"idp_admin0": {"__key_properties__": ["operation"]}}},
            {"stream_maps": {"operations": {"_sdc_deleted_at": None}}},
        ],
        ids=str,
    )
    def test_that_drop_or_change_a_key_or_the_mark_are_refused(
        self, sandbox: SandboxServer, settings: dict[str, Any]
    ) -> None:
        with pytest.raises(DtmError, match=r"stream_maps"):
            sync(sandbox, MemoryTarget(), **settings)

        assert not sandbox.requests

    @pytest.mark.parametrize(
        "settings",
        [
            {"stream_maps": {"idp_admin0": {"__alias__": "figures"}}},
            {"stream_maps": {"idp_admin0": {"source": "'DTM'"}}},
            {"stream_maps": {"idp_*": {"people": "num_present_idp_ind"}}},
            {"flattening_enabled": True, "flattening_max_depth": 2},
        ],
        ids=str,
    )
    def test_that_keep_them_are_taken(self, sandbox: SandboxServer, settings: dict[str, Any]) -> None:
        target = MemoryTarget()

        sync(sandbox, target, **settings)

        assert target.live("idp_admin1")

    @pytest.mark.parametrize(
        ("expression", "what"),
        [
            ("float(round_number)", "a removed row"),
            ("int(num_present_idp_ind + 1)", "a removed row"),
            ("assessment_type.lower()", "a removed row"),
            ("int(number_males + 1)", "a row in which everything that may be null is null"),
            ("nosuchfield", "a row in which everything is known"),
        ],
    )
    def test_that_fail_on_rows_that_will_come_are_refused_at_once(
        self, sandbox: SandboxServer, expression: str, what: str
    ) -> None:
        maps = {"idp_admin0": {"source": "'DTM'", "x": expression}}

        with pytest.raises(DtmError, match=rf"fails on x of idp_admin0 \(.*\): .* It was tried on {what}") as caught:
            sync(sandbox, MemoryTarget(), stream_maps=maps)

        assert not sandbox.requests
        assert expression in str(caught.value)
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize(
        "expression", ["str(num_present_idp_ind)", "'round ' + str(round_number)", "str(assessment_type)"]
    )
    def test_that_turn_null_into_text_are_refused(self, sandbox: SandboxServer, expression: str) -> None:
        maps = {"idp_*": {"shown_as": expression}}

        with pytest.raises(DtmError, match=r"writes the text None for shown_as of idp_admin0 .* Allow for null"):
            sync(sandbox, MemoryTarget(), stream_maps=maps)

    @pytest.mark.parametrize(
        ("column", "expression", "declared"),
        [
            ("doubled", "num_present_idp_ind * 2 if num_present_idp_ind is not None else None", "string"),
            ("num_present_idp_ind", "operation", "integer"),
            ("is_large", "num_present_idp_ind is not None and num_present_idp_ind > 5", "string"),
        ],
    )
    def test_that_give_another_type_than_they_declare_are_refused(
        self, sandbox: SandboxServer, column: str, expression: str, declared: str
    ) -> None:
        with pytest.raises(DtmError, match=rf"declares {declared} for {column} of idp_admin0 .*, and gives "):
            sync(sandbox, MemoryTarget(), stream_maps={"idp_admin0": {column: expression}})

    @pytest.mark.parametrize(
        "maps",
        [
            {"idp_*": {"__alias__": "figures"}},
            {"idp_admin0": {"__alias__": "figures"}, "idp_admin1": {"__alias__": "Figures"}},
            {"idp_admin1": {"__source__": "idp_admin0"}},
            {"idp_admin0": {"__alias__": "operations"}},
            {"copy": {"__source__": "idp_admin*"}},
        ],
        ids=str,
    )
    def test_that_send_two_streams_under_one_name_are_refused(
        self, sandbox: SandboxServer, maps: dict[str, Any]
    ) -> None:
        """Their rows have the same keys, so that each would overwrite the other's."""
        with pytest.raises(DtmError, match=r"under one name, .* their rows would overwrite each other"):
            sync(sandbox, MemoryTarget(), stream_maps=maps)

        assert not sandbox.requests

    @pytest.mark.parametrize(
        "settings",
        [
            {"stream_maps": {"idp_admin0": {"__else__": "x"}}},
            {"stream_maps": {"__else__": "x"}},
            {"stream_maps": {"idp_admin0": {"x": ""}}},
            {"stream_maps": {"idp_admin0": {"__key_properties__": None}}},
            {"flattening_enabled": True, "flattening_max_depth": 2, "flattening_max_key_length": 5},
        ],
        ids=str,
    )
    def test_that_cannot_be_read_are_refused_in_a_sentence(self, settings: dict[str, Any]) -> None:
        with pytest.raises(DtmError, match="The setting stream_maps "):
            TapDTM(config={"api_url": "sandbox://", **settings})

    def test_that_are_null_are_none(self) -> None:
        TapDTM(config={"api_url": "sandbox://", "stream_maps": None, "flattening_enabled": None})

    def test_that_allow_for_null_are_taken(self, sandbox: SandboxServer) -> None:
        target = MemoryTarget()
        expression = "float(round_number) if round_number is not None else None"

        sync(sandbox, target, stream_maps={"idp_admin0": {"x": expression}})

        assert {row["x"] for row in target.live("idp_admin0")} == {1.0, 2.0}

    def test_of_a_stream_that_is_not_selected_are_named(
        self, sandbox: SandboxServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        target = MemoryTarget()

        sync(
            sandbox,
            target,
            catalog=selecting("countries", "idp_admin0"),
            stream_maps={"idp_admin2": {"x": "operation"}, "idp_*": {"y": "operation"}},
        )

        assert target.live("idp_admin0")[0]["y"] in {FLOOD, "Invented Drought"}
        assert warnings(caplog) == ["The setting stream_maps maps idp_admin2, which the catalog does not select."]

    def test_of_a_stream_that_does_not_exist_are_refused(self) -> None:
        with pytest.raises(DtmError, match=r"stream_maps maps idp_admin9, which is not a stream .* nearest: idp_admin"):
            TapDTM(config={"api_url": "sandbox://", "stream_maps": {"idp_admin9": {"x": "operation"}}})


class TestStates:
    def refused(self, sandbox: SandboxServer, state: dict[str, Any]) -> str:
        sandbox.requests.clear()
        with pytest.raises(DtmError) as caught:
            TapDTM(config=config_for(sandbox), state=state).sync_all()
        assert not sandbox.requests
        return str(caught.value)

    def test_of_another_tap_are_refused(self, sandbox: SandboxServer) -> None:
        said = self.refused(sandbox, {"bookmarks": {"users": {"replication_key_value": "2024-01-01"}}})

        assert said.startswith("The state is that of another tap: it has bookmarks of users ")

    @pytest.mark.parametrize(
        ("change", "place"),
        [
            (lambda part: part["context"].update(month=1), "country XBA"),
            (lambda part: part["operations"][FLOOD].update(rows=-3), "country XBA"),
            (lambda part: part["operations"][FLOOD].update(rows=float("nan")), "country XBA"),
            (lambda part: part["operations"][FLOOD].update(digest=None), "country XBA"),
            (lambda part: part["operations"].update({FLOOD: []}), "country XBA"),
            (lambda part: part.update(operations=None), "country XBA"),
            (lambda part: part.pop("operations"), "country XBA"),
            (lambda part: part["operations"][FLOOD].pop("rows"), "country XBA"),
            (lambda part: part["operations"][FLOOD].update(rows=0), "country XBA"),
            (lambda part: part["operations"][FLOOD].update(contradiction={"digest": "x"}), "country XBA"),
            (lambda part: part.update(of_a_newer_version=1), "country XBA"),
            (lambda part: part["context"].update(admin0_pcode="xba"), "country xba"),
            (lambda part: part.pop("context"), "idp_admin2"),
        ],
        ids=range(13),
    )
    def test_that_are_damaged_are_refused_with_the_country(
        self, sandbox: SandboxServer, target: MemoryTarget, change: Any, place: str
    ) -> None:
        state = copy.deepcopy(target.state)
        change(state["bookmarks"]["idp_admin2"]["partitions"][1])

        said = self.refused(sandbox, state)

        assert f"that of idp_admin2, {place}" in said or place == "idp_admin2"
        assert said.endswith("Restore it from a backup, or empty the tables and start with an empty state.")

    def test_without_partitions_are_refused(self, sandbox: SandboxServer, target: MemoryTarget) -> None:
        state = copy.deepcopy(target.state)
        state["bookmarks"]["idp_admin1"] = {"replication_key_value": "2024-01-01"}

        assert "that of idp_admin1 is damaged" in self.refused(sandbox, state)

    @pytest.mark.parametrize("other", ["the same", "an older one", "a newer one"])
    def test_with_a_partition_twice_are_joined(self, sandbox: SandboxServer, target: MemoryTarget, other: str) -> None:
        """As programs that merge states leave them: no row is lost, doubled or left behind."""
        older = copy.deepcopy(target.state)
        sandbox.world.publish(add_a_round_in(1))
        sync(sandbox, target)
        newer = copy.deepcopy(target.state)
        second = {"the same": newer, "an older one": older, "a newer one": older}[other]
        for stream in ("idp_admin0", "idp_admin1", "idp_admin2"):
            twice = second["bookmarks"][stream]["partitions"]
            own = target.state["bookmarks"][stream]["partitions"]
            target.state["bookmarks"][stream]["partitions"] = twice + own if other == "a newer one" else own + twice
        first, *others = sandbox.world.countries[1].operations
        put_operations(sandbox.world, "XBA", an_operation(first.name, first.rounds[0]), *others)

        sync(sandbox, target)

        assert_exact(sandbox.world, target)
        codes = [part["context"]["admin0_pcode"] for part in target.state["bookmarks"]["idp_admin2"]["partitions"]]
        assert codes == ["XAA", "XBA", "XCA"]

    def test_in_which_a_country_was_read_in_a_later_run_than_the_last_are_scrubbed_all_the_same(
        self, sandbox: SandboxServer, target: MemoryTarget
    ) -> None:
        for partition in target.state["bookmarks"]["idp_admin2"]["partitions"]:
            partition["read_whole"] = 1000
        target.tables["idp_admin2"].clear()

        for _ in range(2):
            sync(sandbox, target, scrub_fraction=0.5, scrub_resends=True)

        assert_exact(sandbox.world, target)

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ('{"bookmarks": {"countries": {"runs": NaN}}}', "NaN is not a value of JSON"),
            ('{"bookmarks": ' * 100_000, "is nested too deeply"),
            ('{"bookmarks": {"countries": {"runs": 1', "is not valid JSON"),
            ('{"bookmarks": {}, "bookmarks": {}}', "bookmarks is declared twice in one object"),
        ],
        ids=["NaN", "deep", "half", "twice"],
    )
    def test_files_that_are_not_valid_json_are_refused(self, tmp_path: Path, text: str, words: str) -> None:
        (tmp_path / "state.json").write_text(text, encoding="utf-8")
        (tmp_path / "config.json").write_text('{"api_url": "sandbox://"}', encoding="utf-8")

        done = subprocess.run(
            [*COMMAND, "--config", "config.json", "--state", "state.json"],
            capture_output=True, text=True, check=False, cwd=tmp_path,
        )  # fmt: skip

        assert done.returncode == 1
        assert done.stdout == ""
        last = done.stderr.splitlines()[-1]
        assert "state.json" in last
        assert words in last

    def test_of_a_newer_version_are_refused(self, sandbox: SandboxServer, target: MemoryTarget) -> None:
        """Whatever else is in them: this version cannot know what it would lose."""
        state = copy.deepcopy(target.state)
        state["bookmarks"]["countries"]["form"] = FORM + 1
        state["bookmarks"]["idp_admin0"]["partitions"][0]["of_a_newer_version"] = 1

        said = self.refused(sandbox, state)

        assert said.startswith(f"The state was written by a newer version of tap-dtm (form {FORM + 1}, and this ")

    def test_with_bookmarks_of_another_tap_as_well_lose_only_them(
        self, sandbox: SandboxServer, target: MemoryTarget, caplog: pytest.LogCaptureFixture
    ) -> None:
        target.state["bookmarks"] |= {"users": {"partitions": [{"context": {"id": 1}}]}, "orders": 5}

        messages = sync(sandbox, target)

        assert not [message for message in messages if message["type"] == "RECORD" and "idp" in message["stream"]]
        assert not {"users", "orders"} & target.state["bookmarks"].keys()
        assert [line.partition(",")[0] for line in warnings(caplog)] == [
            "The state has bookmarks of orders",
            "The state has bookmarks of users",
        ]


class TestJoinedStates:
    """`meltano state merge` joins objects, and puts the list of one state in the place of the other's."""

    def joined(self, source: dict[str, Any], destination: dict[str, Any]) -> dict[str, Any]:
        state: dict[str, Any] = pytest.importorskip("meltano.core.utils").merge(source, destination)
        return state

    def withdrawn_from(self, world: World, code: str) -> None:
        (country,) = [each for each in world.countries if each.pcode == code]
        first, *others = country.operations
        put_operations(world, code, an_operation(first.name, first.rounds[0]), *others)

    @pytest.mark.parametrize("into", ["XAA", "XBA"])
    def test_of_two_jobs_know_the_rows_of_both(self, sandbox: SandboxServer, into: str) -> None:
        target = MemoryTarget()
        states = {}
        for code in ("XAA", "XBA"):
            target.state = {}
            sync(sandbox, target, countries=[code])
            states[code] = copy.deepcopy(target.state)
        (other,) = states.keys() - {into}
        target.state = self.joined(states[other], states[into])
        self.withdrawn_from(sandbox.world, "XAA")
        self.withdrawn_from(sandbox.world, "XBA")

        sync(sandbox, target)

        assert_exact(sandbox.world, target)

    @pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
    def test_of_a_full_refresh_that_broke_off_know_what_was_loaded_before(
        self, sandbox: SandboxServer, target: MemoryTarget, share: float
    ) -> None:
        """Meltano lays the state of the run that broke off over the one that was complete."""
        complete = target.state
        target.state = {}
        run_tap(target, killed_at=share, **config_for(sandbox))
        target.state = self.joined(target.state, copy.deepcopy(complete))
        for code in ("XAA", "XBA", "XCA"):
            self.withdrawn_from(sandbox.world, code)

        sync(sandbox, target)

        assert_exact(sandbox.world, target)

    def test_of_the_first_release_are_refused_if_they_have_lost_a_country(
        self, sandbox: SandboxServer, target: MemoryTarget
    ) -> None:
        state = target.state
        state["bookmarks"]["countries"]["read_whole"] = {"XAA": 1, "XBA": 1}
        for stream in ("idp_admin0", "idp_admin1", "idp_admin2"):
            del state["bookmarks"][stream]["partitions"][0], state["bookmarks"][stream]["taken"]

        with pytest.raises(DtmError, match=r"The state remembers that XAA was read, and has lost .* Restore it"):
            TapDTM(config=config_for(sandbox), state=state)


def test_nothing_of_a_state_is_lost_by_reading_it(sandbox: SandboxServer, target: MemoryTarget) -> None:
    """What the tap itself writes passes its own check, after every kind of run."""
    for config in ({"scrub_fraction": 1}, {"start_date": "2022-01-01"}, {"operations": [FLOOD]}, {}):
        run_tap(target, **(config_for(sandbox) | config))

    assert_exact(sandbox.world, target)
