"""Mistakes in the catalogue's YAML: each puts one thing wrong in a sound catalogue, and is reported with its place."""

from __future__ import annotations

from pathlib import Path

import msgspec
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
  constraints: {pattern: "^X"}
count:
  type: integer
  title: Number
  description: A number.
  hxl: "#number"
  nullable: true
  example: "1"
  versions: [v3]
  from_level: 0
  constraints: {minimum: 0}
retired:
  type: date
  title: Retired
  description: A date.
  hxl: "#date"
  nullable: true
  example: "2025-06-30"
  versions: [v3]
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
    replication_key: count
    endpoints: {v3: /table}
    warnings: [beware]
""",
    "package.yaml": Path(tap_dtm.metadata.__file__).with_name("package.yaml").read_text("utf-8"),
}

# What is written, what stands there instead, and the complaint about its last line.
MISTAKES = {
    "fields.yaml": [
        ("hxl: ", "hlx: ", "code.hlx: object contains unknown field `hlx`."),
        ("string\n  title: Code", "string", "code: object missing required field `title`."),
        ("false", "never", "code.nullable: expected `bool`, got `str`."),
        ('"1"', "1", "count.example: expected `str`, got `int`."),
        ('"2025-06-30"', "2025-06-30", "retired.example: expected `str`, got `date`."),
        ("[v2, v3]", "v3", "code.versions: expected `array`, got `str`."),
        ("[v2, v3]", "[]", "code.versions: expected `array` of length >= 1."),
        ("minimum: 0", "minimum: none", "count.constraints.minimum: expected `int`, got `str`."),
        ('{pattern: "^X"}', "strict", "code.constraints: expected `object`, got `str`."),
        ("title: Code", "title: ''", "code.title: expected `str` of length >= 1."),
        (
            "integer",
            "whole",
            "count.type: invalid enum value 'whole'; expected one of: string, integer, date, datetime,",
        ),
        ("[v2, v3]", "[v2, v4]", "code.versions[1]: invalid enum value 'v4'; expected one of: v2, v3."),
        (
            "from_level: 0",
            "levels: [0]",
            "count.levels: object contains unknown field `levels`; write from_level instead.",
        ),
        ("from_level: 0", "from_level: 7", "count.from_level: invalid enum value 7; expected one of: 0, 1, 2."),
        ("count:", "code:", "'code' is declared twice, first on line 1."),
        ("title: Code", "title: A\n  title: B", "code: 'title' is declared twice, first on line 3."),
        ("title: Code", "title: Code\n  no: Norway", "code: the key no is not text in YAML: put quotes around it."),
        ("api_name: code", "api_name: theCode", "expected the field to be called 'the_code'"),
        ("{minimum: 0}", "{pattern: X}", "unknown for the type integer; expected one of: minimum, maximum."),
        (
            "title: Retired",
            "title: Retired\n  constraints: {minimum: 0}",
            "for the type date; expected no constraint",
        ),
        ("^X", "[", "'[' is not a regular expression"),
        ("title: Code", "title: Code: again", "not valid YAML, mapping values are not allowed here."),
        ("title: Code", "title: Code\x07", "not valid YAML, special characters are not allowed."),
    ],
    "resources.yaml": [
        ("- count", "- cuont", "table.fields[1]: unknown 'cuont'; expected one of: code, count, "),
        ("- count", "- count\n      - retired", "expected 'retired' in no resource: It is never right."),
        ("- count", "- count\n      - code", "resources.table.fields: lists 'code' twice; expected once."),
        ("level: 0", "level: 3", "table.level: invalid enum value 3; expected one of: 0, 1, 2."),
        ("key: [code]", "key: [count]", "list.key[0]: unknown 'count'; expected in v3 one of: code."),
        (
            "replication_key: count",
            "replication: {method: FULL_TABLE}",
            "replication: object contains unknown field `replication`; write replication_key instead.",
        ),
        ("_key: count", "_key: retired", "replication_key: unknown 'retired'; expected in v3 one of: code, count."),
        (
            "resource: list",
            "resource: lists",
            "[0].resource: unknown 'lists'; expected one of: list, table.",
        ),
        (
            "- fields: [code]",
            "- fields: [cod]",
            "[0].fields[0]: unknown 'cod'; expected one of: code, count.",
        ),
        ("reference_fields: [code]", "reference_fields: [title]", "expected the key of list, ['code'], and as"),
        ("{v3: /table}", "{v4: /table}", "table.endpoints: invalid enum value 'v4'; expected one of: v2, v3."),
        ("[beware]", "[be_bold]", "table.warnings[0]: unknown 'be_bold'; expected one of: beware."),
        ("[beware]", "[[beware], be_bold]", "table.warnings[1]: unknown 'be_bold'; expected one of: beware."),
    ],
    "package.yaml": [
        (">-\n  International Organization for Migration (IOM). Accessed on {access_date}", "None", "placeholder"),
        (
            "other\n  title: IOM DTM terms and conditions",
            "other",
            "license: object missing required field `title`.",
        ),
        ("redistribution: false", "redistribution: ask", "license.redistribution: expected `bool`, got `str`."),
        ("- title: The", "- name: The", "contributors[1].name: object contains unknown field `name`."),
        (
            "url: https://dtm.iom.int/terms-and-conditions",
            "url: javascript:alert(1)",
            "license.url: 'javascript:alert(1)'; expected an address with http:// or https://.",
        ),
        ("url: https://dtmapi.iom.int", "url: //dtmapi.iom.int", "source.url: '//dtmapi.iom.int'"),
        ("documentation: https://", "documentation: ftp://", "expected an address with http:// or https://."),
        (
            "url: https://github.com/",
            "url: https://github.com/> <img src=x> ",
            "contributors[1].url: ",
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


def test_alternatives_in_a_name_declare_one_for_each(tmp_path: Path) -> None:
    resources = SOUND["resources.yaml"].replace("  table:", "  '{first|second}_table':")
    resources = resources.replace("title: Table", "title: '{Old|New} table'").replace(
        "level: 0", 'level: !!int "{0|1}"'
    )
    fields = SOUND["fields.yaml"].replace("levels: [0]", "levels: [0, 1]", 1)

    tables = load_catalogue_from(
        write(tmp_path, {**SOUND, "resources.yaml": resources, "fields.yaml": fields})
    ).resources

    found = [(each.name, each.title, each.level) for each in tables.values()]
    assert found == [("list", "List", None), ("first_table", "Old table", 0), ("second_table", "New table", 1)]


def test_a_text_without_enough_alternatives_is_reported_with_its_line(tmp_path: Path) -> None:
    fields = SOUND["fields.yaml"].replace("retired:", "'{a|b|c}':").replace("title: Retired", "title: '{A|B}'")
    write(tmp_path, {**SOUND, "fields.yaml": fields})

    with pytest.raises(CatalogueError, match=r"fields.yaml, line 23: '\{A\|B\}' has fewer alternatives than the name"):
        load_catalogue_from(tmp_path)


def test_an_enum_allows_null_where_a_tombstone_has_it(tmp_path: Path) -> None:
    fields = SOUND["fields.yaml"].replace('pattern: "^X"', "enum: [X1, X2]")
    resource = load_catalogue_from(write(tmp_path, {**SOUND, "fields.yaml": fields})).resources["list"]

    as_key = singer_schema(resource, "v3")["properties"]["code"]
    as_value = singer_schema(msgspec.structs.replace(resource, key=()), "v3")["properties"]["code"]

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


def test_a_field_that_the_level_does_not_have_is_left_out(tmp_path: Path) -> None:
    write(tmp_path, {**SOUND, "fields.yaml": SOUND["fields.yaml"].replace("from_level: 0", "from_level: 1")})
    rewritten = SOUND["resources.yaml"].replace("    replication_key: count\n", "")
    (tmp_path / "resources.yaml").write_text(rewritten, "utf-8")

    catalogue = load_catalogue_from(tmp_path)

    assert [field.name for field in catalogue.resources["table"].fields] == ["code"]


def test_a_key_that_one_version_lacks_is_refused(tmp_path: Path) -> None:
    resources = SOUND["resources.yaml"].replace("fields: [code]\n    e", "fields: [code, count]\n    e")
    write(tmp_path, {**SOUND, "resources.yaml": resources.replace("key: [code]", "key: [count]", 1)})

    with pytest.raises(CatalogueError, match=r"line 8: .*list\.key\[0\]: unknown 'count'; expected in v2 one of: code"):
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
        (b"- code\n", "line 1: the file does not begin with a key; expected a mapping."),
    ],
    ids=["empty", "a list"],
)
def test_a_file_that_is_no_catalogue_is_refused(tmp_path: Path, content: bytes, complaint: str) -> None:
    write(tmp_path, SOUND)
    (tmp_path / "fields.yaml").write_bytes(content)

    with pytest.raises(CatalogueError, match=f"fields.yaml, {complaint}"):
        load_catalogue_from(tmp_path)


def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    write(tmp_path, SOUND)
    (tmp_path / "fields.yaml").write_bytes(b"a:\n  title: caf\xe9\n")

    with pytest.raises(DtmError, match=r"fields.yaml is not encoded in UTF-8 \(line 2\). Save it as UTF-8: "):
        load_catalogue_from(tmp_path)
