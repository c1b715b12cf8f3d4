"""A package chooses one figure per country as the views of a warehouse do, and prints what its operator prefers."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from frictionless_dtm import quality
from frictionless_dtm.quality.database import database_of

from tap_dtm.errors import DtmError
from tap_dtm.metadata import load_catalogue
from tap_dtm.views.command import command
from tests.datapackage.pages_world import contents_of
from tests.datapackage.pipe import descriptor, problems, run_target, without_pages
from tests.datapackage.singer import dtm
from tests.extent import mostly
from tests.views.odd import odd_rows
from tests.views.reference import Reference

if TYPE_CHECKING:
    from pathlib import Path

    from frictionless_dtm.descriptor.contents import Contents

    from tests.target import Message

HEADER = "admin0_pcode,operation,assessment_type\n"
OPERATION = "Réponse inventée à la sécheresse & aux inondations"
DAY = dt.date(2024, 9, 1)


@pytest.fixture(scope="module")
def messages() -> list[Message]:
    return dtm("sandbox://")


def prefer(folder: Path, *lines: str) -> str:
    path = folder / "preferred.csv"
    path.write_text(HEADER + "".join(f"{line}\n" for line in lines), encoding="utf-8")
    return str(path)


def _in_file(value: Any) -> Any:
    return str(value) if isinstance(value, dt.date) else value


def some_contents(seed: int) -> tuple[dict[str, list[dict[str, Any]]], Contents]:
    """Return odd rows as a file has them, where no text is empty, and a package of them that was read on a day."""
    tables = {
        name: [
            {column: None if value == "" else value for column, value in row.items()} | {"row_number": number}
            for number, row in enumerate(rows, start=1)
        ]
        for name, rows in odd_rows(Random(seed)).items()
    }
    preferred = tables["preferred_operations"]
    files = {
        name: [{column: _in_file(value) for column, value in row.items()} for row in rows]
        for name, rows in tables.items()
        if rows and name != "preferred_operations"
    }
    names = ("admin0_pcode", "operation", "assessment_type")
    said = {
        "sources": [{"dtm:accessed": str(DAY)}],
        "dtm:preferredOperations": [{name: row[name] for name in names if row[name]} for row in preferred],
    }
    contents = contents_of(files)
    return tables, dataclasses.replace(contents, descriptor={**contents.descriptor, **said})


@pytest.mark.parametrize("seed", mostly([0, 1], range(6)))
def test_the_headline_of_a_package_is_that_of_a_warehouse(seed: int) -> None:
    tables, contents = some_contents(seed)
    columns = ("admin0_pcode", "operation", "num_present_idp_ind", "age_days", "chosen_by", "alternatives", "freshness")

    with database_of(contents) as database:
        got = [{name: row[name] for name in columns} for row in database.rows("FROM dtm.headline_stock_admin0")]

    expected = [{name: row[name] for name in columns} for row in Reference(tables, DAY).headline_stock_admin0()]
    assert sorted(got, key=str) == sorted(expected, key=str)


def test_the_package_prints_what_its_operator_prefers_and_the_views_on_it_prefer_the_same(
    messages: list[Message], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "package"

    run_target(messages, folder, preferred_operations=prefer(tmp_path, f"XAA,{OPERATION},SA"))
    printed = CliRunner().invoke(command, ["--dialect", "duckdb", "--package", str(folder)])

    preferred = {"admin0_pcode": "XAA", "operation": OPERATION, "assessment_type": "SA"}
    assert descriptor(folder)["dtm:preferredOperations"] == [preferred]
    assert not problems(folder)
    assert without_effect(caplog) == []
    assert "XAA: Réponse inventée" in (folder / "README.md").read_text("utf-8")
    assert f"CAST('{OPERATION}' AS VARCHAR) AS operation" in printed.output


def test_another_preference_is_another_version_and_the_same_one_is_not(
    messages: list[Message], tmp_path: Path, no_pages: None
) -> None:
    del no_pages
    folder = tmp_path / "package"

    versions = []
    for lines in ([], ["XAA,Invented Countrywide Monitoring,"], ["XAA,Invented Countrywide Monitoring,"]):
        run_target(messages, folder, preferred_operations=prefer(tmp_path, *lines))
        versions.append(descriptor(folder)["version"])

    assert versions == ["1.0.0", "1.0.1", "1.0.1"]


def test_an_unknown_operation_is_an_error_and_the_package_stays(messages: list[Message], tmp_path: Path) -> None:
    folder = tmp_path / "package"
    with without_pages():
        run_target(messages, folder)
    before = (folder / "datapackage.json").read_bytes()

    with pytest.raises(DtmError) as caught:
        run_target(messages, folder, preferred_operations=prefer(tmp_path, "XAA,Invented Country Monitoring,"))

    assert "of XAA is not one of its operations. These are: Invented Countrywide Monitoring; " in str(caught.value)
    assert (folder / "datapackage.json").read_bytes() == before


def test_a_file_that_is_wrong_is_named_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(DtmError, match=r"preferred\.csv, line 2: write 3 values"):
        run_target([], tmp_path / "package", preferred_operations=prefer(tmp_path, "XAA"))


def test_the_report_names_the_reasons_that_have_no_class() -> None:
    nothing: dict[str, Any] = {field.name: None for field in load_catalogue().resources["idp_admin0"].fields}
    rows = [
        {**nothing, "admin0_pcode": "XAA", "reporting_date": "2024-01-31", "displacement_reason": reason}
        for reason in ("Conflict", "conflict; Invented reason", "INVENTED REASON", None)
    ]

    with database_of(contents_of({"idp_admin0": rows})) as database:
        said = quality.report(database)["reasons"]

    assert said.pop("about")
    assert json.loads(json.dumps(said)) == {
        "checked": 2,
        "found": 1,
        "by_country": [{"country": "XAA", "word": "invented reason", "rows": 2}],
    }


def test_a_preference_without_effect_is_named(
    messages: list[Message], folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [message["record"] for message in messages if message.get("stream") == "operations" and "record" in message]
    country, name = next(
        (row["admin0_pcode"], row["operation"]) for row in rows if row["operation_status"] == "Inactive"
    )
    preferred = [
        f"XAA,{OPERATION},ba",
        f'{country},"{name}",',
        "XYZ,Invented operation of a country that is not loaded,BA",
    ]

    run_target(messages, folder, preferred_operations=prefer(folder.parent, *preferred))

    closed, unknown = sorted(without_effect(caplog), key=lambda each: "assessment type" in each)
    assert f'preferred operation "{name}" of {country} has no effect, because it is closed' in closed
    assert 'preferred assessment type "ba" of XAA' in unknown


def test_a_preference_of_any_type_has_an_effect(
    messages: list[Message], folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run_target(messages, folder, preferred_operations=prefer(folder.parent, f"XAA,{OPERATION},"))

    assert without_effect(caplog) == []


def without_effect(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [message for message in caplog.messages if "has no effect" in message]
