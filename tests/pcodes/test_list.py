"""A list of P-codes is taken as a whole, or refused in one sentence while the figures are loaded all the same."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tap_dtm.api import download
from tap_dtm.api.pcodes import PcodeList
from tap_dtm.errors import DtmError
from tap_dtm.metadata import load_catalogue
from tap_dtm.sandbox.visible import add_round
from tap_dtm.settings import Settings
from tests.pcodes.support import HEADER, HXL, READ, ROWS, cells_of, load, text_of
from tests.world import count, served

if TYPE_CHECKING:
    from tap_dtm.sandbox import SandboxServer
    from tests.target import MemoryTarget

REAL = Path(__file__).parents[2].parent / "shared" / "pcodes" / "global_pcodes.csv"


@pytest.mark.parametrize(
    "content",
    [
        text_of().encode("utf-8-sig"),
        text_of().encode(),
        text_of().replace(f"{HXL}\r\n", "").encode(),
        text_of().replace("\r\n", "\n").rstrip("\n").encode(),
        text_of().replace("XA01,Invented Province", 'XA01,"Invented Province"').encode(),
        "".join(
            f"{','.join(reversed(line.split(',')))},more\r\n" for line in (HEADER, *ROWS)
        ).encode(),  # other columns, in another order
    ],
    ids=["as HDX publishes it", "without BOM", "without HXL", "LF, none at the end", "quoted", "other order"],
)
def test_the_list_is_loaded_for_the_countries_that_dtm_lists(
    sandbox: SandboxServer, target: MemoryTarget, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(content)

    load(target, sandbox, path)

    assert cells_of(target.live("pcodes")) == sorted(READ)


def test_the_setting_countries_limits_it(sandbox: SandboxServer, target: MemoryTarget, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text(text_of(), encoding="utf-8")

    load(target, sandbox, path, countries=["XBA", "XCA"])

    assert {row["pcode"] for row in target.live("pcodes")} == {"XBA01"}


LINES = (HEADER, HXL, *ROWS)
WRONG = {
    "a web page": (b"\n<!DOCTYPE html><html>Invented page</html>", "it is a web page, not CSV"),
    "JSON": (b'{"help": "invented"}', "it is JSON, not CSV"),
    "a workbook": (b"PK\x03\x04 invented", "it is a zip archive or a workbook, not CSV"),
    "no CSV": (b"Invented text.\n", "its first line, Invented text., lacks Location, Admin Level, P-Code, Name"),
    "nothing": (b"", "it is empty"),
    "nothing but a BOM": (b"\xef\xbb\xbf\n", "it is empty"),
    "a column less": (
        "\n".join(line.rpartition(",")[0] for line in LINES).encode(),
        "lacks Valid from date",
    ),
    "a column renamed": (text_of(header=HEADER.replace("P-Code,Name", "Code,Name")).encode(), "lacks P-Code"),
    "no rows": (f"{HEADER}\n{HXL}\n".encode(), "it is empty"),
    "cut in a line": (text_of()[:-20].encode(), "line 7 has 4 cells of 6, as if it were cut off"),
    "cut in a date": (
        text_of()[:-3].encode(),
        "line 7 has '2019-01-3' where Valid from date needs a value of type date",
    ),
    "cut in quotes": (
        text_of(*ROWS[:4], ROWS[4].replace(",Invented", ',"Invented'))[:-9].encode(),
        "line 7 is not valid CSV (unexpected end of data)",
    ),
    "a code twice": (text_of(*ROWS, ROWS[1]).encode(), "lines 4 and 8 both have XAA XA0101"),
    "a level": (text_of(ROWS[0].replace(",1,", ",one,")).encode(), "line 3 has 'one' where Admin Level needs"),
    "level 0": (text_of(ROWS[0].replace(",1,", ",0,")).encode(), "line 3 has '0' where Admin Level needs"),
    "a date": (
        text_of(ROWS[0].replace("2020-01-31", "31/01/2020")).encode(),
        "line 3 has '31/01/2020' where Valid from",
    ),
    "a day": (
        text_of(ROWS[0].replace("2020-01-31", "2020-02-31")).encode(),
        "line 3 has '2020-02-31' where Valid from",
    ),
    "a country": (text_of(ROWS[0].replace("XAA,1", "XA,1")).encode(), "line 3 has 'XA' where Location needs"),
    "no name": (text_of(ROWS[0].replace("Invented Province", " ")).encode(), "line 3 has no Name"),
    "no code": (text_of(ROWS[0].replace("XA01", "")).encode(), "line 3 has no P-Code"),
    "no parent": (text_of(ROWS[1]).encode(), "line 3 has the parent XA01, which is no area of XAA at level 1"),
    "another's parent": (text_of(ROWS[0].replace("XAA,2020", "XBA,2020")).encode(), "line 3 has the parent XBA"),
    "a parent of its level": (
        text_of(ROWS[0], ROWS[1], ROWS[2].replace("XA01,2020", "XA0101,2020")).encode(),
        "line 5 has the parent XA0101, which is no area of XAA at level 1",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_list_with_anything_wrong_in_it_is_refused_in_one_sentence(
    sandbox: SandboxServer, target: MemoryTarget, tmp_path: Path, caplog: pytest.LogCaptureFixture, case: str
) -> None:
    content, words = WRONG[case]
    path = tmp_path / "list.csv"
    path.write_bytes(content)

    load(target, sandbox, path, error=DtmError)

    (failure,) = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert failure.startswith(f"pcodes failed and keeps its rows: {path} is not OCHA's global P-code list: ")
    assert words in failure
    assert failure.endswith("Check the setting pcodes.")
    assert target.live("pcodes") == []
    assert count(target.live("idp_admin2")) == served(sandbox.world, 2)


def test_what_was_loaded_before_a_list_is_refused_stays(
    sandbox: SandboxServer, target: MemoryTarget, tmp_path: Path
) -> None:
    path = tmp_path / "list.csv"
    path.write_text(text_of(), encoding="utf-8")
    load(target, sandbox, path)
    sandbox.world.publish(add_round)
    path.write_text(text_of()[:-20], encoding="utf-8")

    load(target, sandbox, path, error=DtmError)
    assert cells_of(target.live("pcodes")) == sorted(READ)
    assert count(target.live("idp_admin2")) == served(sandbox.world, 2)

    path.write_text(text_of(*ROWS[:2], ROWS[3]), encoding="utf-8")
    load(target, sandbox, path)
    assert {row["pcode"] for row in target.live("pcodes")} == {"XA01", "XA0101", "XBA01"}


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "cp1252"])
def test_another_encoding_is_refused(
    sandbox: SandboxServer, target: MemoryTarget, tmp_path: Path, encoding: str
) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(text_of().encode(encoding))

    with pytest.raises(DtmError, match=r"list\.csv is (encoded in UTF-16|not encoded in UTF-8 \(line 5\))"):
        load(target, sandbox, path)


def test_a_file_that_is_too_large_is_refused(
    sandbox: SandboxServer, target: MemoryTarget, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "LARGEST", 100)
    path = tmp_path / "list.csv"
    path.write_text(text_of(), encoding="utf-8")

    with pytest.raises(DtmError, match=r"list\.csv is larger than .* MB, which is not plausible"):
        load(target, sandbox, path)


def test_a_file_that_is_missing(
    sandbox: SandboxServer, target: MemoryTarget, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    load(target, sandbox, tmp_path / "list.csv", error=DtmError)

    assert f"The setting pcodes names {tmp_path / 'list.csv'}, which cannot be read: No such file" in caplog.text
    assert count(target.live("idp_admin2")) == served(sandbox.world, 2)


def test_the_log_says_what_was_read(
    sandbox: SandboxServer, target: MemoryTarget, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "list.csv"
    path.write_text(text_of(), encoding="utf-8")

    with caplog.at_level(logging.INFO, logger="tap-dtm"):
        load(target, sandbox, path)

    assert (
        "5 codes of 3 countries, the newest valid from 2024-05-31; 4 codes are of countries that are read"
        in caplog.text
    )


@pytest.mark.skipif(not REAL.exists(), reason="OCHA's list is not part of the project")
def test_the_list_as_hdx_publishes_it_is_taken_whole() -> None:
    settings = Settings.from_config({"api_url": "sandbox://", "pcodes": str(REAL)})
    lines = REAL.read_text("utf-8-sig").splitlines()[2:]

    entries = PcodeList(settings, load_catalogue().resources["pcodes"]).entries({line[:3] for line in lines})

    assert len(entries) == len(lines)
    assert {entry["admin_level"] for entry in entries} == {1, 2}
