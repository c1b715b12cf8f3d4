"""Values, whatever an API sends: a record that is built meets its schema and fits into the supported databases."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tap_dtm.api.answers import PassingFault, judge
from tap_dtm.api.records import RecordBuilder
from tap_dtm.api.rows import as_dict
from tap_dtm.api.transport import Reply
from tap_dtm.api.values import WrongValueError, converter
from tap_dtm.errors import DtmAnswerError
from tap_dtm.metadata import load_catalogue
from tap_dtm.metadata.model import Field
from tap_dtm.metadata.singer_schema import singer_schema
from tests.extent import EVERYTHING
from tests.guards.support import small_world

PUBLISHED = [table.name for table in load_catalogue().resources.values() if table.endpoints and not table.history_of]
EXAMPLES = 100 if EVERYTHING else 30
ADDED = {"row_number": 1, "_sdc_deleted_at": None}
DATES = st.one_of(
    st.dates().map(str),
    st.datetimes().map(str),
    st.datetimes().map(lambda moment: f"{moment.isoformat()}Z"),
    st.builds(
        "{}{}".format, st.dates(), st.sampled_from(["T00:00:00", " 00:00", "T00:00:00.0Z", "T00:00:00-01:00", "Z"])
    ),
)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers().map(str),
    st.floats(),
    st.integers(-(2**70), 2**70).map(float),
    st.text(st.characters(codec=None)),
    st.text().map(lambda text: text * 200),
    st.text("xXaAß \u00a0\n\0", max_size=6),
    DATES,
    st.lists(st.integers(), max_size=1),
    st.dictionaries(st.text(), st.integers(), max_size=1),
)


@pytest.mark.parametrize("stream", PUBLISHED)
@settings(max_examples=EXAMPLES, deadline=None)
@given(data=st.data())
def test_every_record_meets_its_schema_and_fits_into_a_database(stream: str, data: st.DataObject) -> None:
    resource = load_catalogue().resources[stream]
    row = _plain_row(stream)
    field = data.draw(st.sampled_from(sorted(row)))

    record = _built(stream, row | {field: data.draw(VALUES)})
    if record is None:
        return

    schema = singer_schema(resource, "v3")
    whole = ADDED | record
    Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(
        {each: whole[each] for each in schema["properties"]}
    )
    for value in record.values():
        assert value is None or type(value) in {int, str}
        assert type(value) is not int or -(2**63) <= value < 2**63
        assert "\0" not in str(value)


@pytest.mark.parametrize("stream", PUBLISHED)
@settings(max_examples=EXAMPLES, deadline=None)
@given(data=st.data())
def test_what_is_taken_is_taken_again_as_it_is(stream: str, data: st.DataObject) -> None:
    """A value has one form: that form of it is its own."""
    resource = load_catalogue().resources[stream]
    names = {field.name: str(field.api_name) for field in resource.fields_for("v3")}
    row = _plain_row(stream)
    field = data.draw(st.sampled_from(sorted(row)))
    record = _built(stream, row | {field: data.draw(VALUES)})

    if record is not None:
        assert _built(stream, {names[name]: value for name, value in record.items()}) == record


@pytest.mark.parametrize("stream", ["idp_admin0", "idp_admin2"])
@settings(max_examples=EXAMPLES, deadline=None)
@given(data=st.data())
def test_an_answer_is_decoded_quickly_or_value_by_value_and_nobody_can_tell(stream: str, data: st.DataObject) -> None:
    row = _plain_row(stream)
    changed = {data.draw(st.sampled_from([*row, "id", "new"])): data.draw(VALUES) for _ in range(2)}
    rows = [row, row | changed]
    body = json.dumps({"result": rows, "isSuccess": True, "statusCode": 200, "totalRecordsCount": 2})
    builder = RecordBuilder(load_catalogue().resources[stream], "v3")

    quickly, slowly = (_taken(builder, body, form) for form in (builder.published, None))

    assert quickly == slowly


def _taken(builder: RecordBuilder, body: str, form: type | None) -> list[dict[str, Any]] | str:
    """Return the rows of an answer, or what is wrong with it."""
    try:
        return list(map(as_dict, builder.build(judge(Reply(200, {}, bytearray(body, "utf-8")), "here", form).rows)))
    except (DtmAnswerError, PassingFault) as error:
        return str(error)


def _built(stream: str, row: dict[str, Any]) -> dict[str, Any] | None:
    """Return what is taken of a row of an answer; None if it is refused."""
    builder = RecordBuilder(load_catalogue().resources[stream], "v3")
    try:
        return as_dict(builder.build([row])[0])
    except DtmAnswerError:
        return None


@pytest.mark.parametrize(
    ("type_", "constraints", "good", "bad"),
    [
        ("string", {"pattern": "^[a-z]+$"}, ["abc"], ["ABC", "", "a1"]),
        ("string", {"enum": ("one", "two")}, ["one", "two"], ["three", ""]),
        ("string", {}, ["", " ", "anything"], ["\0", 1]),
        ("integer", {"minimum": -1}, [-1, "-1", 2**63 - 1], [-2, 2**63]),
        ("integer", {"maximum": 5}, [5, -(2**63)], [6, 5.5, -(2**63) - 1]),
        ("date", {}, ["2025-06-30"], ["2025-06-31", "20250630", ""]),
    ],
)
def test_the_bounds_are_those_of_the_catalogue(
    type_: Any, constraints: dict[str, Any], good: list[Any], bad: list[Any]
) -> None:
    convert = converter(_field(type_, constraints), is_key=False)

    assert [str(convert(value)) for value in good] == list(map(str, good))
    for value in bad:
        with pytest.raises(WrongValueError):
            convert(value)


def _field(type_: Any, constraints: dict[str, Any]) -> Field:
    return Field(
        name="invented",
        type=type_,
        title="",
        description="",
        hxl="",
        nullable=True,
        example="",
        api_name="invented",
        documented_name=None,
        versions=("v3",),
        constraints=constraints,
    )


def _plain_row(stream: str) -> dict[str, Any]:
    world = small_world()
    lists = {"countries": world.country_list, "operations": world.operation_list}
    rows = lists[stream]() if stream in lists else world.rows(int(stream[-1]), "v3")  # type: ignore[arg-type]
    return dict(json.loads(json.dumps(rows[0])))
