"""The stream of P-codes: who gets it, what leaves it, and what its state takes."""

from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from tap_dtm.errors import DtmError
from tap_dtm.singer.tap import TapDTM
from tests.pcodes.support import READ, ROWS, cells_of, load, selecting_pcodes, text_of
from tests.target import MemoryTarget, run_tap, selecting
from tests.world import count, served

if TYPE_CHECKING:
    from pathlib import Path

    from tap_dtm.sandbox import SandboxServer


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "list.csv"
    file.write_text(text_of(), encoding="utf-8")
    return file


def pcodes_in(target: MemoryTarget) -> set[str]:
    return {row["pcode"] for row in target.live("pcodes")}


class TestWhoGetsIt:
    def test_nobody_who_does_not_select_it(self, sandbox: SandboxServer, target: MemoryTarget, path: Path) -> None:
        run_tap(target, api_url=sandbox.url, subscription_key=sandbox.key, pcodes=str(path))

        assert "pcodes" not in target.tables

    def test_a_catalog_that_says_nothing_of_selections_selects_it(self, target: MemoryTarget) -> None:
        catalog = selecting_pcodes()
        bare = {"streams": [{**stream, "metadata": []} for stream in catalog["streams"]]}

        run_tap(target, catalog=bare, api_url="sandbox://", pcodes="sandbox://")
        assert target.live("pcodes")
        with pytest.raises(DtmError, match="selects the stream pcodes"):
            run_tap(target, catalog=bare, api_url="sandbox://")

    def test_it_is_deselected_by_default(self) -> None:
        entry = TapDTM(config={"api_url": "sandbox://", "pcodes": "sandbox://"}).catalog["pcodes"]

        assert (entry.metadata.root.selected, entry.metadata.root.selected_by_default) == (False, False)
        assert entry.metadata.root.inclusion == "available"

    @pytest.mark.parametrize("config", [{}, {"pcodes": None}, {"pcodes": ""}, {"pcodes": " \t"}])
    def test_selecting_it_without_the_setting_is_refused_and_says_what_to_set(
        self, target: MemoryTarget, config: dict[str, Any]
    ) -> None:
        with pytest.raises(DtmError, match=r"selects the stream pcodes, and the setting pcodes is not set\. Set it to"):
            run_tap(target, catalog=selecting_pcodes(), api_url="sandbox://", **config)

        assert target.tables == {}

    def test_a_program_that_selects_whatever_there_is_goes_on_without_the_setting(
        self, target: MemoryTarget, caplog: pytest.LogCaptureFixture
    ) -> None:
        # As Meltano does with the catalog that it has the tap make, without any `select`.
        catalog = selecting("countries", "operations", "idp_admin0", "idp_admin1", "idp_admin2", "pcodes")

        with caplog.at_level("INFO"):
            run_tap(target, catalog=catalog, api_url="sandbox://")

        assert "pcodes" not in target.tables
        assert "The stream pcodes is left out: the setting pcodes is not set." in caplog.text

    def test_a_catalog_made_before_the_setting_was_set_can_select_it(self, target: MemoryTarget) -> None:
        run_tap(target, catalog=selecting("pcodes"), api_url="sandbox://", pcodes="sandbox://")

        assert target.live("pcodes")

    def test_invented_codes_never_come_into_real_data(self, target: MemoryTarget) -> None:
        with pytest.raises(DtmError, match="pcodes is sandbox://, where all codes are invented: set api_url to"):
            run_tap(
                target,
                catalog=selecting_pcodes(),
                api_url="http://127.0.0.1:9",
                subscription_key="invented-key",
                pcodes="sandbox://",
            )


class TestWhatLeavesTheList:
    def test_a_code_is_tombstoned_and_can_come_back(
        self, sandbox: SandboxServer, target: MemoryTarget, path: Path
    ) -> None:
        load(target, sandbox, path)
        path.write_text(text_of(*ROWS[:2], *ROWS[3:]), encoding="utf-8")

        load(target, sandbox, path)

        gone = target.tables["pcodes"]["XAA", "XA0102"]
        assert {name for name, value in gone.items() if value is not None} == {
            "admin0_pcode",
            "pcode",
            "_sdc_deleted_at",
        }
        assert pcodes_in(target) == {"XA01", "XA0101", "XBA01"}

        path.write_text(text_of(), encoding="utf-8")
        load(target, sandbox, path)
        assert cells_of(target.live("pcodes")) == sorted(READ)

    def test_a_whole_country_is_an_error_until_it_is_accepted(
        self, sandbox: SandboxServer, target: MemoryTarget, path: Path
    ) -> None:
        load(target, sandbox, path)
        path.write_text(text_of(*ROWS[:3]), encoding="utf-8")

        with pytest.raises(DtmError, match=r"has no code of XBA any more.*add XBA to accept_withdrawn_countries"):
            load(target, sandbox, path)
        assert "XBA01" in pcodes_in(target)

        load(target, sandbox, path, accept_withdrawn_countries=["XBA"])
        assert pcodes_in(target) == {"XA01", "XA0101", "XA0102"}

    def test_countries_that_are_left_out_keep_their_codes(
        self, sandbox: SandboxServer, target: MemoryTarget, path: Path
    ) -> None:
        load(target, sandbox, path, emit_activate_version_messages=True)

        load(target, sandbox, path, countries=["XAA"], emit_activate_version_messages=True)

        assert pcodes_in(target) == {"XA01", "XA0101", "XA0102", "XBA01"}

    def test_so_do_countries_that_leave_dtms_list(
        self, sandbox: SandboxServer, target: MemoryTarget, path: Path
    ) -> None:
        load(target, sandbox, path)
        sandbox.world.countries = sandbox.world.countries[1:]

        with pytest.raises(DtmError, match="XAA"):
            load(target, sandbox, path)

        assert "XA0101" in pcodes_in(target)

    def test_a_run_that_is_killed_anywhere_leaves_no_code_behind(self, sandbox: SandboxServer, path: Path) -> None:
        rng = Random(7)
        for _ in range(5):
            target = MemoryTarget()
            lists = [rng.sample(ROWS[1:3], rng.randint(0, 2)) for _ in range(3)]
            for some in lists:
                path.write_text(text_of(ROWS[0], *some, ROWS[3]), encoding="utf-8")
                load(target, sandbox, path, may_fail=True, killed_at=rng.random())
            load(target, sandbox, path)

            assert pcodes_in(target) == {"XA01", "XBA01", *(row.split(",")[2] for row in lists[-1])}
            assert count(target.live("idp_admin1")) == served(sandbox.world, 1)


class TestItsState:
    def test_it_takes_three_bytes_for_a_code_and_is_read_back(
        self, sandbox: SandboxServer, target: MemoryTarget, path: Path
    ) -> None:
        codes = [f"XAA,1,XA{number:05d},Invented {number},XAA,2020-01-31" for number in range(2_000)]
        path.write_text(text_of(*codes), encoding="utf-8")
        load(target, sandbox, path)
        assert len(json.dumps(target.state["bookmarks"]["pcodes"])) < 3 * len(codes)

        path.write_text(text_of(*codes[::2]), encoding="utf-8")
        load(target, sandbox, path)

        assert pcodes_in(target) == {row.split(",")[2] for row in codes[::2]}

    @pytest.mark.parametrize(
        "keys", [{"XAA": "eJxz"}, {"XAA": "no base 64"}, {"XAA": 7}, [["XAA", "XA01"]], {"X": "eJxz"}]
    )
    def test_one_that_was_changed_is_refused(
        self, sandbox: SandboxServer, target: MemoryTarget, path: Path, keys: object
    ) -> None:
        load(target, sandbox, path)
        target.state["bookmarks"]["pcodes"]["keys"] = keys

        with pytest.raises(DtmError, match="The state cannot be read: that of pcodes is damaged"):
            load(target, sandbox, path)

    def test_without_the_stream_it_goes_on_saying_what_was_sent(
        self, sandbox: SandboxServer, target: MemoryTarget, path: Path
    ) -> None:
        load(target, sandbox, path)
        before: dict[str, Any] = target.state["bookmarks"]["pcodes"]

        run_tap(target, api_url=sandbox.url, subscription_key=sandbox.key)

        assert target.state["bookmarks"]["pcodes"] == before
