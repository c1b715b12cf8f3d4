"""Stream maps that would make the tables wrong are refused before anything is requested."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tap_dtm.errors import DtmError
from tap_dtm.singer.tap import TapDTM
from tests.guards.support import (
    FLOOD,
    sync,
    warnings,
)
from tests.target import MemoryTarget, selecting

if TYPE_CHECKING:
    from tap_dtm.sandbox import SandboxServer


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
