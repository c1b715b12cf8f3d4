"""Mistakes in the catalogue's YAML: each puts one thing wrong in a sound catalogue, and is reported with its place."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

import tap_dtm.metadata
from tap_dtm.errors import DtmError
from tap_dtm.metadata import CatalogueError, load_catalogue, load_catalogue_from
from tap_dtm.metadata.singer_schema import singer_schema

SOUND = {
    "fields.yaml": """\
code:
  type: string
  title: Code
  description: A code.
  hxl: "#code"
  nullable: false
  example: X1
  api_name: code
  versions: [v2, v3]
  levels: [0]
  constraints: {pattern: "^X"}
count:
  type: integer
  title: Number
  description: A number.
  hxl: "#number"
  nullable: true
  example: "1"
  versions: [v3]
  levels: [0, 1]
  constraints: {minimum: 0}
retired:
  type: date
  title: Retired
  description: A date.
  hxl: "#date"
  nullable: true
  example: "2025-06-30"
  versions: [v3]
  levels: [0]
  omitted: It is never right.
""",
    "resources.yaml": """\
warnings:
  beware: Beware of it.
resources:
  list:
    title: List
    description: A list.
    grain: One row per code.
    key: [code]
    fields: [code]
    replication: {method: FULL_TABLE}
    endpoints: {v3: /list, v2: /List}
  table:
    title: Table
    description: A table.
    grain: One row per code.
    level: 0
    key: [code]
    fields:
      - code
      - count
    foreign_keys:
      - fields: [code]
        resource: list
        reference_fields: [code]
    replication: {method: INCREMENTAL, key: count}
    endpoints: {v3: /table}
    warnings: [beware]
""",
    "package.yaml": Path(tap_dtm.metadata.__file__).with_name("package.yaml").read_text("utf-8"),
}

# What is written, what stands there instead, and the complaint about its last line.
MISTAKES = {
    "fields.yaml": [
        ("hxl: ", "hlx: ", "the field 'code' has the unknown key 'hlx'; expected one of: type, title, "),
        ("string\n  title: Code", "string", "the field 'code' lacks the key 'title'; expected it here."),
        ("false", "never", "'nullable' of the field 'code' is text; expected true or false."),
        ('"1"', "1", "'example' of the field 'count' is a whole number; expected text."),
        ('"2025-06-30"', "2025-06-30", "is a date (put quotes around it); expected text."),
        ("[v2, v3]", "v3", "'versions' of the field 'code' is text; expected a list."),
        ("[v2, v3]", "[]", "'versions' of the field 'code' is an empty list; expected an entry, or no such key"),
        ("minimum: 0", "minimum: none", "'minimum' of 'constraints' of the field 'count' is text; expected a"),
        ('{pattern: "^X"}', "strict", "'constraints' of the field 'code' is text; expected a mapping."),
        ("title: Code", "title: ''", "'title' of the field 'code' is empty; expected text."),
        ("integer", "number", "'type' of the field 'count' is 'number'; expected one of: string, integer, "),
        ("[v2, v3]", "[v2, v4]", "'versions' of the field 'code' is 'v4'; expected one of: v2, v3."),
        ("[0, 1]", "[0, 7]", "'levels' of the field 'count' is [0, 7]; expected some of 0, 1, 2."),
        ("count:", "code:", "'code' is declared twice in the file, first on line 1; expected once."),
        ("title: Code", "title: A\n  title: B", "'title' is declared twice in the field 'code', first on line 3"),
        ("title: Code", "title: Code\n  no: Norway", "a key of the field 'code' is true or false; expected text"),
        ("api_name: code", "api_name: theCode", "expected the field to be called 'the_code'"),
        ("{minimum: 0}", "{pattern: X}", "has the unknown key 'pattern'; expected one of: minimum, maximum."),
        ("title: Retired", "title: Retired\n  constraints: {minimum: 0}", "unknown key 'minimum'; expected no keys"),
        ("^X", "[", "'[' is no regular expression"),
        ("title: Code", "title: Code: again", "not valid YAML, mapping values are not allowed here."),
        ("title: Code", "title: Code\x07", "not valid YAML, special characters are not allowed."),
    ],
    "resources.yaml": [
        ("- count", "- cuont", "'fields' of the resource 'table' is 'cuont'; expected one of: code, count, "),
        ("- count", "- count\n      - retired", "expected it in no resource: It is never right."),
        ("- count", "- count\n      - code", "'fields' of the resource 'table' lists 'code' twice; expected"),
        ("level: 0", "level: 3", "'level' of the resource 'table' is 3; expected 0, 1 or 2."),
        ("key: [code]", "key: [count]", "names 'count'; expected one of its fields in v3: code."),
        ("key: count", "key: retired", "replication key of the resource 'table' is 'retired'; expected one of"),
        (", key: count", "", "is INCREMENTAL without a key; expected a key with INCREMENTAL, and none with FULL"),
        ("FULL_TABLE", "LOG_BASED", "is 'LOG_BASED'; expected one of: FULL_TABLE, INCREMENTAL."),
        ("resource: list", "resource: lists", "is 'lists'; expected one of: list, table."),
        ("- fields: [code]", "- fields: [cod]", "is 'cod'; expected one of: code, count."),
        ("reference_fields: [code]", "reference_fields: [title]", "expected the key of list, ['code'], and as"),
        ("{v3: /table}", "{v4: /table}", "has the unknown key 'v4'; expected one of: v3, v2."),
        ("[beware]", "[be_bold]", "'warnings' of the resource 'table' is 'be_bold'; expected one of: beware."),
    ],
    "package.yaml": [
        (">-\n  International Organization for Migration (IOM). Accessed on {access_date}", "None", "placeholder"),
        (
            "other\n  title: IOM DTM terms and conditions",
            "other",
            "'license' of the file lacks the key 'title'; expected it here.",
        ),
        ("redistribution: false", "redistribution: ask", "is text; expected true or false."),
        ("- title: The", "- name: The", "an entry of 'contributors' of the file has the unknown key 'name'"),
        (
            "url: https://dtm.iom.int/terms-and-conditions",
            "url: javascript:alert(1)",
            "'url' of 'license' of the file is 'javascript:alert(1)'; expected an address with http:// or https://.",
        ),
        ("url: https://dtmapi.iom.int", "url: //dtmapi.iom.int", "'url' of 'source' of the file is '//dtmapi.iom.int'"),
        ("documentation: https://", "documentation: ftp://", "expected an address with http:// or https://."),
        (
            "url: https://github.com/",
            "url: https://github.com/> <img src=x> ",
            "an entry of 'contributors' of the file",
        ),
        ("email: dtm", "email: <img src=x onerror=alert(1)> dtm", "expected an e-mail address."),
    ],
}


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).write_text(text, "utf-8")
    return folder


def test_a_sound_catalogue_is_read_from_any_folder(tmp_path: Path) -> None:
    catalogue = load_catalogue_from(write(tmp_path, SOUND))

    assert [field.name for field in catalogue.resources["table"].fields_for("v3")] == ["code", "count"]
    assert catalogue.fields["code"].documented_name == "code"
    assert catalogue.package == load_catalogue().package


def test_an_enum_allows_null_where_a_tombstone_has_it(tmp_path: Path) -> None:
    fields = SOUND["fields.yaml"].replace('pattern: "^X"', "enum: [X1, X2]")
    resource = load_catalogue_from(write(tmp_path, {**SOUND, "fields.yaml": fields})).resources["list"]

    as_key = singer_schema(resource, "v3")["properties"]["code"]
    as_value = singer_schema(dataclasses.replace(resource, key=()), "v3")["properties"]["code"]

    assert as_key["enum"] == ["X1", "X2"]
    assert as_value["enum"] == ["X1", "X2", None]


@pytest.mark.parametrize(
    ("file", "sound", "broken", "complaint"),
    [(file, *mistake) for file, mistakes in MISTAKES.items() for mistake in mistakes],
)
def test_a_mistake_is_reported_with_file_line_and_remedy(
    tmp_path: Path,
    file: str,
    sound: str,
    broken: str,
    complaint: str,
) -> None:
    before, found, after = SOUND[file].partition(sound)
    assert found
    write(tmp_path, {**SOUND, file: before + broken + after})

    with pytest.raises(CatalogueError) as caught:
        load_catalogue_from(tmp_path)

    line = (before + broken).count("\n") + 1
    assert str(caught.value).startswith(f"{tmp_path / file}, line {line}: ")
    assert complaint in str(caught.value)


def test_a_field_that_the_level_does_not_carry_is_refused(tmp_path: Path) -> None:
    resources = SOUND["resources.yaml"].replace("level: 0", "level: 1")
    write(tmp_path, {**SOUND, "resources.yaml": resources})

    with pytest.raises(CatalogueError, match=r"line 19: the resource 'table' lists 'code', which level 1 does"):
        load_catalogue_from(tmp_path)


def test_a_key_that_one_version_lacks_is_refused(tmp_path: Path) -> None:
    resources = SOUND["resources.yaml"].replace("fields: [code]\n    r", "fields: [code, count]\n    r")
    write(tmp_path, {**SOUND, "resources.yaml": resources.replace("key: [code]", "key: [count]", 1)})

    with pytest.raises(CatalogueError, match=r"line 8: .* names 'count'; expected one of its fields in v2: code"):
        load_catalogue_from(tmp_path)


def test_mistakes_belong_to_the_family_of_errors_that_the_commands_report() -> None:
    assert issubclass(CatalogueError, DtmError)


@pytest.mark.parametrize("file", SOUND)
def test_an_absent_file_is_named(tmp_path: Path, file: str) -> None:
    write(tmp_path, {name: text for name, text in SOUND.items() if name != file})

    with pytest.raises(CatalogueError, match=f"{file}, line 1: the file cannot be read"):
        load_catalogue_from(tmp_path)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "line 1: the file is empty; expected a mapping."),
        (b"- code\n", "line 1: the file is a list; expected a mapping."),
        (b"a:\n  title: caf\xe9\n", "line 2: not encoded in UTF-8. Save it as UTF-8: "),
    ],
    ids=["empty", "a list", "Latin-1"],
)
def test_a_file_that_is_no_catalogue_is_refused(tmp_path: Path, content: bytes, complaint: str) -> None:
    write(tmp_path, SOUND)
    (tmp_path / "fields.yaml").write_bytes(content)

    with pytest.raises(CatalogueError, match=f"fields.yaml, {complaint}"):
        load_catalogue_from(tmp_path)
