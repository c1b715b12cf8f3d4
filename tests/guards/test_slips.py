"""Slips of an operator in the settings: understood, or refused in one sentence, never silent."""

from __future__ import annotations

import json
import os
import subprocess
import unicodedata
from typing import TYPE_CHECKING, Any

import pytest

from tap_dtm.errors import DtmError
from tap_dtm.settings import SETTINGS, Settings
from tap_dtm.singer.config_files import read_environment
from tap_dtm.singer.tap import TapDTM
from tests.forked import forked
from tests.guards.support import (
    a_round,
    an_operation,
    put_operations,
    sync,
    warnings,
)
from tests.meltano import MeltanoProject

if TYPE_CHECKING:
    from pathlib import Path

    from tap_dtm.sandbox import SandboxServer
    from tests.target import MemoryTarget


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
        self, sandbox: SandboxServer, loaded: MemoryTarget, caplog: pytest.LogCaptureFixture
    ) -> None:
        sync(sandbox, loaded, start_date="2025-01-01")

        assert (
            "All 16 rows of Invented XAA (XAA) are removed, because none passes the settings start_date." in caplog.text
        )
        assert len(warnings(caplog)) == 3

    def test_an_operation_in_another_unicode_form_is_named_as_such(
        self, sandbox: SandboxServer, loaded: MemoryTarget
    ) -> None:
        name = "Opération inventée"
        put_operations(sandbox.world, "XAA", an_operation(name, a_round(1, 2022, 3)))

        with pytest.raises(DtmError, match=r"in another Unicode form \(NFD\) than DTM, which writes it in NFC"):
            sync(sandbox, loaded, operations=[unicodedata.normalize("NFD", name)])

    def test_the_nearest_codes_begin_alike(self, sandbox: SandboxServer, loaded: MemoryTarget) -> None:
        with pytest.raises(DtmError, match=r"names XAB, which DTM does not list\. The nearest: XAA"):
            sync(sandbox, loaded, countries=["XAB"])


class TestVariablesOfTheEnvironment:
    def run(self, folder: Path, **variables: str) -> tuple[int, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TAP_DTM_")}
        done = subprocess.run(
            [*forked("tap-dtm"), "--config=ENV", "--discover"],
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

    @pytest.mark.programs
    def test_that_are_nearly_settings_are_named_where_meltano_passes_the_settings(self, tmp_path: Path) -> None:
        """Meltano reads them from .env, passes those that it knows in a file, and ignores the others."""
        project = MeltanoProject(tmp_path / "project")
        other = "TAP_DTM_OF_THE_OPERATOR=1\n"
        codes = {}
        for text in (other, f"{other}TAP_DTM_COUNTRY=XAA\n"):
            (project.folder / ".env").write_text(text, encoding="utf-8")

            done = project.run("invoke", "tap-dtm", "--about")

            codes[text] = done.returncode

        assert list(codes.values()) == [0, 1]
        assert "a variable TAP_DTM_COUNTRY, which is not a setting. The nearest: TAP_DTM_COUNTRIES" in done.stderr

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
        properties = SETTINGS
        variables = {
            "TAP_DTM_OPERATIONS": "Invented Survey, Border & Coast",
            "TAP_DTM_COUNTRIES": "xaa,XBA",
            "TAP_DTM_MAX_RETRIES": "3",
            "TAP_DTM_SCRUB_RESENDS": "Yes",
        }

        settings = Settings.from_config({"api_url": "sandbox://"} | read_environment(properties, "TAP_DTM_", variables))

        assert settings.operations == frozenset({"Invented Survey, Border & Coast"})
        assert settings.countries == ("XAA", "XBA")
        assert (settings.max_retries, settings.scrub_resends) == (3, True)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    project = MeltanoProject(tmp_path_factory.mktemp("meltano") / "project")
    done = project.run(
        "config", "print", "tap-dtm",
        TAP_DTM_MAX_RETRIES="",
        TAP_DTM_REQUEST_TIMEOUT="60",
        TAP_DTM_COUNTRIES="HTI",
        TAP_DTM_OPERATIONS="",
        TAP_DTM_START_DATE="01/06/2022",
        TAP_DTM_END_DATE="",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    handed_over: dict[str, Any] = json.loads(done.stdout)
    return handed_over


@pytest.mark.programs
class TestMeltano:
    """What Meltano makes of the variables in .env, as the tap then has it."""

    def test_hands_over_what_was_written(self, config: dict[str, Any]) -> None:
        settings = Settings.from_config(config | {"api_url": "sandbox://", "start_date": None})

        assert settings.countries == ("HTI",)
        assert (settings.operations, settings.end_date) == (None, None)
        assert (settings.max_retries, settings.request_timeout) == (5, 60)

    def test_does_not_guess_dates(self, config: dict[str, Any]) -> None:
        """6 January or 1 June? A misread date removes rows."""
        with pytest.raises(DtmError, match="The setting start_date is '01/06/2022', not a valid date"):
            Settings.from_config(config | {"api_url": "sandbox://"})
