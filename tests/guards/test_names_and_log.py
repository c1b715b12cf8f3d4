"""What the operator writes and reads: names in the settings, and the log."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tap_dtm.errors import DtmError, DtmPartialSyncError
from tap_dtm.sandbox import Fault, SandboxServer
from tests.guards.support import DROUGHT, FLOOD, a_round, an_operation, asked, assert_exact, put_operations, sync

if TYPE_CHECKING:
    from tests.target import MemoryTarget


class TestNamesInTheSettings:
    @pytest.mark.parametrize(
        ("setting", "nearest"),
        [
            (["XAB"], "XAA (Invented XAA)"),
            (["xab"], "XAA (Invented XAA)"),
            (["XAA", "XCB"], "XCA (Invented XCA)"),
            (["invented xba"], "XBA (Invented XBA)"),
            (["Invented XCA"], "XCA (Invented XCA)"),
        ],
    )
    def test_an_unknown_country_is_an_error_that_names_the_nearest(
        self, sandbox: SandboxServer, target: MemoryTarget, setting: list[str], nearest: str
    ) -> None:
        with pytest.raises(DtmError) as caught:
            sync(sandbox, target, countries=setting)
        said = str(caught.value)
        assert said.startswith(f"The setting countries names {setting[-1].upper()}, which DTM does not list.")
        assert nearest in said.partition("The nearest: ")[2]
        assert asked(sandbox) == []

    def test_one_like_no_other_is_answered_with_what_is_wanted(
        self, sandbox: SandboxServer, target: MemoryTarget
    ) -> None:
        with pytest.raises(DtmError, match=r"names 1234567, which DTM does not list\. Write ISO 3166-1 alpha-3 codes"):
            sync(sandbox, target, countries=["1234567"])

    def test_an_unknown_operation_is_an_error_that_names_the_nearest(
        self, sandbox: SandboxServer, target: MemoryTarget
    ) -> None:
        with pytest.raises(DtmError) as caught:
            sync(sandbox, target, operations=[FLOOD, "Invented Floods"])
        assert str(caught.value).startswith('The setting operations names "Invented Floods", which DTM does not list')
        assert f'The nearest: "{FLOOD}"' in str(caught.value)
        assert asked(sandbox) == []

    def test_an_operation_like_no_other_is_sent_to_the_list(self, sandbox: SandboxServer, target: MemoryTarget) -> None:
        with pytest.raises(DtmError, match=r'names "9876".*The stream operations lists them'):
            sync(sandbox, target, operations=["9876"])

    def test_rows_stay_when_an_operation_leaves_the_list(self, sandbox: SandboxServer, target: MemoryTarget) -> None:
        sync(sandbox, target, operations=[FLOOD])
        before = {stream: dict(rows) for stream, rows in target.tables.items() if "idp" in stream}
        for country in sandbox.world.countries:
            put_operations(sandbox.world, country.pcode, country.operations[1])
        sync(sandbox, target, operations=[FLOOD], error=DtmError)
        assert {stream: rows for stream, rows in target.tables.items() if "idp" in stream} == before


class TestTheLog:
    """One line per country, one for the run."""

    @staticmethod
    def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
        said = (record.getMessage() for record in caplog.records if record.name == "tap-dtm")
        return [line for line in said if line.startswith(("Invented X", "Read "))]

    def test_says_what_is_new(
        self, sandbox: SandboxServer, target: MemoryTarget, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.INFO):
            sync(sandbox, target)
        new = "operations 2 new, 0 with new rounds, 0 revised, 0 withdrawn, 0 unchanged"
        assert self.lines(caplog) == [
            *(
                f"Invented {code} ({code}): {new}; rows idp_admin0 4, idp_admin1 6, idp_admin2 6; 0 removed; read whole"
                for code in ("XAA", "XBA", "XCA")
            ),
            f"Read 3 countries in 11 requests: {new.replace('2', '6', 1)}; 48 rows, 0 removed",
        ]

    def test_says_what_has_changed(
        self, sandbox: SandboxServer, loaded: MemoryTarget, caplog: pytest.LogCaptureFixture
    ) -> None:
        flood, drought = sandbox.world.countries[0].operations
        put_operations(sandbox.world, "XAA", replace(flood, rounds=(*flood.rounds, a_round(3, 2024, 1, 2, 3))), drought)
        shorter = an_operation(DROUGHT, a_round(1, 2020, 31))
        put_operations(sandbox.world, "XBA", shorter, an_operation("Invented Storm", a_round(1, 2024, 1)))

        caplog.clear()
        with caplog.at_level(logging.INFO):
            sync(sandbox, loaded)

        assert self.lines(caplog) == [
            (
                "Invented XAA (XAA): operations 0 new, 1 with new rounds, 0 revised, 0 withdrawn, 1 unchanged; "
                "rows idp_admin0 1, idp_admin1 3, idp_admin2 3; 0 removed"
            ),
            (
                "Invented XBA (XBA): operations 1 new, 0 with new rounds, 1 revised, 1 withdrawn, 0 unchanged; "
                "rows idp_admin0 2, idp_admin1 2, idp_admin2 2; 13 removed"
            ),
            (
                "Invented XCA (XCA): operations 0 new, 0 with new rounds, 0 revised, 0 withdrawn, 2 unchanged; "
                "rows idp_admin0 0, idp_admin1 0, idp_admin2 0; 0 removed"
            ),
            (
                f"Read 3 countries in {len(sandbox.requests)} requests: operations 1 new, 1 with new rounds, "
                "1 revised, 1 withdrawn, 3 unchanged; 13 rows, 13 removed"
            ),
        ]
        assert_exact(sandbox.world, loaded)

    def test_says_which_country_was_read_whole(
        self, sandbox: SandboxServer, loaded: MemoryTarget, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.clear()
        with caplog.at_level(logging.INFO):
            sync(sandbox, loaded, scrub_fraction=1)
        lines = self.lines(caplog)[:3]
        assert len(lines) == 3
        assert all(line.endswith("; 0 removed; read whole") for line in lines)

    def test_has_a_summary_when_countries_failed(
        self, sandbox: SandboxServer, target: MemoryTarget, caplog: pytest.LogCaptureFixture
    ) -> None:
        sandbox.faults.add(Fault("status", country="XBA"))
        with caplog.at_level(logging.INFO):
            sync(sandbox, target, error=DtmPartialSyncError)
        assert [line.split(":")[0] for line in self.lines(caplog)] == [
            "Invented XAA (XAA)",
            "Invented XCA (XCA)",
            f"Read 2 countries in {len(sandbox.requests)} requests",
        ]
