"""Slips of an operator, and what other programs do to a state: understood, or refused in one sentence, never silent."""

from __future__ import annotations

import copy
import os
import subprocess
import unicodedata
from typing import TYPE_CHECKING, Any

import pytest

from tap_dtm.errors import DtmError
from tap_dtm.sandbox import SandboxServer
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
    def run(self, tmp_path: Path, **variables: str) -> tuple[int, str]:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("TAP_DTM_")}
        done = subprocess.run(
            [*COMMAND, "--config=ENV", "--about"],
            env=environment | {"TAP_DTM_API_URL": "sandbox://"} | variables,
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
        )
        return done.returncode, done.stderr

    def test_that_are_empty_are_not_set(self, tmp_path: Path) -> None:
        code, _ = self.run(tmp_path, TAP_DTM_MAX_RETRIES="", TAP_DTM_COUNTRIES="", TAP_DTM_START_DATE="")

        assert code == 0

    @pytest.mark.parametrize(
        ("variable", "value", "words"),
        [
            ("TAP_DTM_MAX_RETRIES", "many", "The variable TAP_DTM_MAX_RETRIES is many: write a whole number."),
            ("TAP_DTM_SCRUB_RESENDS", "perhaps", "TAP_DTM_SCRUB_RESENDS is perhaps: write true or false."),
            ("TAP_DTM_STREAM_MAPS", "{", "TAP_DTM_STREAM_MAPS does not hold a JSON object in braces."),
        ],
    )
    def test_that_cannot_be_read_are_named(self, tmp_path: Path, variable: str, value: str, words: str) -> None:
        code, log = self.run(tmp_path, **{variable: value})

        assert code == 1
        assert words in log
        assert "Traceback" not in log


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
            ("num_present_idp_ind + 1", "a removed row"),
            ("assessment_type.lower()", "a removed row"),
            ("number_males + 1", "a row whose sexes are not known"),
            ("nosuchfield", "a row of figures"),
        ],
    )
    def test_that_fail_on_rows_that_will_come_are_refused_at_once(
        self, sandbox: SandboxServer, expression: str, what: str
    ) -> None:
        with pytest.raises(DtmError, match=rf"stream_maps fails on idp_admin0: .* It was tried on {what}") as caught:
            sync(sandbox, MemoryTarget(), stream_maps={"idp_admin0": {"x": expression}})

        assert not sandbox.requests
        assert "\n" not in str(caught.value)

    def test_that_allow_for_null_are_taken(self, sandbox: SandboxServer) -> None:
        target = MemoryTarget()
        expression = "float(round_number) if round_number is not None else None"

        sync(sandbox, target, stream_maps={"idp_admin0": {"x": expression}})

        assert {row["x"] for row in target.live("idp_admin0")} == {1.0, 2.0}

    def test_of_a_stream_that_is_not_selected_play_no_part(self, sandbox: SandboxServer) -> None:
        target = MemoryTarget()

        sync(
            sandbox,
            target,
            catalog=selecting("countries", "idp_admin0"),
            stream_maps={"idp_admin2": {"x": "operation"}, "idp_*": {"y": "operation"}},
        )

        assert target.live("idp_admin0")[0]["y"] in {FLOOD, "Invented Drought"}

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
            (lambda part: part.update(of_a_newer_version=1), "country XBA"),
            (lambda part: part["context"].update(admin0_pcode="xba"), "country xba"),
            (lambda part: part.pop("context"), "idp_admin2"),
        ],
        ids=range(9),
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
        ],
        ids=["NaN", "deep", "half"],
    )
    def test_files_that_are_no_json_are_refused(self, tmp_path: Path, text: str, words: str) -> None:
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

    def test_that_know_nothing_of_countries_of_earlier_runs_are_warned_of(
        self, sandbox: SandboxServer, target: MemoryTarget, caplog: pytest.LogCaptureFixture
    ) -> None:
        """So it is after `meltano state merge`, which puts the countries of one state in the place of another's."""
        for stream in ("idp_admin0", "idp_admin1", "idp_admin2"):
            del target.state["bookmarks"][stream]["partitions"][0]

        sync(sandbox, target)

        (line,) = warnings(caplog)
        assert line.startswith("The state knows nothing of the figures of XAA, which earlier runs listed")


def test_nothing_of_a_state_is_lost_by_reading_it(sandbox: SandboxServer, target: MemoryTarget) -> None:
    """What the tap itself writes passes its own check, after every kind of run."""
    for config in ({"scrub_fraction": 1}, {"start_date": "2022-01-01"}, {"operations": [FLOOD]}, {}):
        run_tap(target, **(config_for(sandbox) | config))

    assert_exact(sandbox.world, target)
