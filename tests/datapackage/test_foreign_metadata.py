"""The setting `metadata`: streams of another tap, described by a file of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tap_dtm.errors import DtmError
from tap_dtm.metadata import load_catalogue
from tests.datapackage.pipe import descriptor, problems, resource, run_target
from tests.datapackage.singer import record, schema

PROPERTIES = {
    "id": {"type": "integer"},
    "at": {"type": ["string", "null"], "format": "date-time"},
    "price": {"type": ["number", "null"]},
    "paid": {"type": ["boolean", "null"]},
}
MESSAGES = [
    schema("orders", {"properties": PROPERTIES}),
    record("orders", id=1, at="2024-01-01T10:00:00Z", price=1.5, paid=True),
]


def metadata(path: Path, **changes: Any) -> str:
    """Write a file that says only what has a meaning outside DTM."""
    column = {"description": "What it is.", "nullable": True}
    said: dict[str, Any] = {
        "fields": {
            "id": {"type": "integer", "title": "Number", "example": "1", **column},
            "at": {"type": "datetime", "title": "Time", "example": "2024-01-01T10:00:00Z", **column},
            "price": {"type": "number", "title": "Price", "example": "1.5", **column},
            "paid": {"type": "boolean", "title": "Paid", "example": "true", **column},
        },
        "warnings": {},
        "resources": {
            "orders": {
                "title": "Orders of the shop",
                "description": "All orders.",
                "grain": "One row per order.",
                "key": ["id"],
                "fields": ["id", "at", "price", "paid"],
            }
        },
        "package": {
            "name": "shop",
            "title": "A shop",
            "description": "First paragraph.\n\nSecond paragraph.",
            "homepage": "https://example.org",
            "source": {"title": "Shop", "url": "https://example.org", "documentation": "https://example.org/doc"},
            "license": {
                "name": "CC-BY-4.0",
                "title": "CC BY 4.0",
                "url": "https://creativecommons.org/licenses/by/4.0/",
                "stated_by": "The shop",
                "commercial_use": True,
                "redistribution": True,
                "derivative_works": True,
                "credit_required": True,
                "terms": ["Share freely."],
            },
            "credit_line": "The shop",
            "citation": "The shop, {access_date}.",
            "contact": {"title": "The shop", "email": "shop@example.org"},
            "keywords": ["shop"],
            "contributors": [{"title": "The shop", "url": "https://example.org", "roles": ["creator"]}],
        },
    }
    for name, change in changes.items():
        said[name] |= change
    path.write_text(yaml.safe_dump(said), "utf-8")
    return str(path)


def test_what_has_no_meaning_outside_dtm_may_be_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "package"
    run_target(MESSAGES, folder, metadata=metadata(tmp_path / "shop.yaml"), formats=["csv", "parquet"])
    said = resource(folder, "orders")
    assert said["title"] == "Orders of the shop"
    fields = {field["name"]: (field["type"], field["title"]) for field in said["schema"]["fields"]}
    assert fields["price"] == ("number", "Price")
    assert fields["paid"] == ("boolean", "Paid")
    assert problems(folder) == []


def test_the_licence_says_in_one_place_whether_data_may_be_passed_on(tmp_path: Path) -> None:
    folder = tmp_path / "package"
    run_target(MESSAGES, folder, metadata=metadata(tmp_path / "shop.yaml"))
    assert descriptor(folder)["dtm:redistribution"] == "permitted"
    for name in ("README.md", "index.html", "CITATION.cff", "datapackage.json"):
        text = (folder / name).read_text("utf-8")
        assert "Share freely." in text
        assert "Second paragraph." in text
        assert "Not for redistribution" not in text


def test_the_streams_own_type_wins(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "package"
    wrong = {"id": "integer", "at": "date", "price": "integer", "paid": "boolean"}
    examples = {"id": "1", "at": "2024-01-01", "price": "3", "paid": "true"}
    fields = {
        name: {"type": kind, "title": name, "description": name, "nullable": True, "example": examples[name]}
        for name, kind in wrong.items()
    }
    run_target(MESSAGES, folder, metadata=metadata(tmp_path / "shop.yaml", fields=fields))
    types = {field["name"]: field["type"] for field in resource(folder, "orders")["schema"]["fields"]}
    assert types == {"id": "integer", "at": "datetime", "price": "number", "paid": "boolean"}
    assert "The column price of orders has the type number, and the metadata has integer" in caplog.text
    assert problems(folder) == []


def test_metadata_of_other_streams_are_warned_about(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run_target(
        [schema("bills"), record("bills", id=1)], tmp_path / "package", metadata=metadata(tmp_path / "shop.yaml")
    )
    assert "It describes orders, and the input has bills" in caplog.text


def test_mistakes_are_reported_with_their_line(tmp_path: Path) -> None:
    wrong = {"id": {"type": "whole", "title": "x", "description": "x", "nullable": True, "example": "1"}}
    with pytest.raises(DtmError, match=r"line \d+: fields.id.type: invalid enum value 'whole'; expected one of"):
        run_target(MESSAGES, tmp_path / "package", metadata=metadata(tmp_path / "shop.yaml", fields=wrong))


def test_a_field_that_is_declared_twice_is_named_with_both_lines(tmp_path: Path) -> None:
    path = tmp_path / "shop.yaml"
    metadata(path)
    text = path.read_text("utf-8")
    first = next(line for line in text.splitlines() if line.startswith("  ") and line.endswith(":"))
    path.write_text(text.replace(f"{first}\n", f"{first}\n    title: Lost\n{first}\n", 1), encoding="utf-8")

    with pytest.raises(DtmError, match=r"line 4: fields: '\w+' is declared twice, first on line 2"):
        run_target(MESSAGES, tmp_path / "package", metadata=str(path))


def test_streams_of_other_taps_are_described_by_the_metadata_that_is_named(tmp_path: Path) -> None:
    catalogue = Path(str(load_catalogue.__wrapped__.__globals__["__file__"])).parent
    parts = {name: (catalogue / f"{name}.yaml").read_text("utf-8") for name in ("fields", "resources", "package")}
    for name, text in parts.items():
        (tmp_path / f"{name}.yaml").write_text(text.replace("countries", "lands"), "utf-8")
    indented = {name: "".join(f"  {line}" for line in parts[name].splitlines(keepends=True)) for name in parts}
    one = tmp_path / "one.yaml"
    one.write_text(
        f"fields:\n{indented['fields']}\npackage:\n{indented['package']}\n{parts['resources']}".replace(
            "countries", "lands"
        ),
        "utf-8",
    )
    properties = {name: {"type": "string"} for name in ("admin0_pcode", "admin0_name")}
    messages = [schema("lands", {"properties": properties}, ["admin0_pcode"]), record("lands", admin0_pcode="XAA")]
    for number, metadata in enumerate([tmp_path, one]):
        folder = tmp_path / str(number) / "package"
        run_target(messages, folder, metadata=str(metadata))
        assert resource(folder, "lands")["title"] == "Countries"


def test_wrong_metadata_is_reported_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "fields.yaml").write_text("- nothing", "utf-8")
    with pytest.raises(DtmError, match=r"fields\.yaml, line 1"):
        run_target([], tmp_path / "package", metadata=str(tmp_path))
