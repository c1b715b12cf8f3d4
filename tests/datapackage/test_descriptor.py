"""What the descriptor of a package of DTM's data says, and that it is valid in every variant."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import shutil
import struct
import subprocess
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
from frictionless import validate
from frictionless.console.console import console
from frictionless_dtm.descriptor.package import Coverage, describe_package
from frictionless_dtm.descriptor.settings import Settings
from frictionless_dtm.target.release import Change, change, increased
from typer.testing import CliRunner
from typing_extensions import override

from tap_dtm.metadata import load_catalogue
from tests.datapackage.pipe import descriptor, problems, resource, run_target
from tests.datapackage.singer import dtm, record, schema
from tests.extent import mostly

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.target import Message

VARIANTS: dict[str, dict[str, Any]] = {
    "csv": {},
    "gzip": {"formats": ["csv.gz"]},
    "parquet": {"formats": ["parquet"]},
    "hxl": {"include_hxl_row": True},
    "all": {"formats": ["csv", "csv.gz", "parquet", "xlsx"], "include_hxl_row": True},
}


pytestmark = pytest.mark.usefixtures("no_pages_in_this_module")


@pytest.fixture(scope="module")
def messages() -> list[Message]:
    return dtm()


@pytest.fixture(scope="module")
def packages(messages: list[Message], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package in each format. Tests that change one change a copy."""
    folder = tmp_path_factory.mktemp("dtm")
    for each in ("csv", "csv.gz", "parquet"):
        run_target(messages, folder / each / "package", formats=[each])
    return folder


@pytest.fixture(scope="module")
def package(packages: Path) -> Path:
    return packages / "csv" / "package"


@pytest.fixture
def parquet(packages: Path, tmp_path: Path) -> Path:
    return shutil.copytree(packages / "parquet" / "package", tmp_path / "package")


@pytest.mark.parametrize("variant", mostly(["all"], VARIANTS))
@pytest.mark.parametrize("version", ["v3", "v2"])
def test_every_variant_is_valid(tmp_path: Path, variant: str, version: str) -> None:
    folder = tmp_path / "package"
    run_target(dtm("sandbox://?rows=200&countries=2", api_version=version), folder, **VARIANTS[variant])
    assert problems(folder) == []
    assert descriptor(folder)["sources"][0]["version"] == version


@pytest.mark.parametrize("variant", mostly(["all"], VARIANTS))
def test_figures_that_are_not_known_are_valid(tmp_path: Path, messages: list[Message], variant: str) -> None:
    keys = {"admin0_pcode", "operation", "row_number", "reporting_date"}
    unknown = [
        {**each, "record": {name: value if name in keys else None for name, value in each["record"].items()}}
        if each["type"] == "RECORD" and each["stream"] == "idp_admin1"
        else each
        for each in messages
    ]
    run_target(unknown, tmp_path / "package", **VARIANTS[variant])
    assert problems(tmp_path / "package") == []


def test_package_says_where_it_comes_from_and_on_what_terms(tmp_path: Path) -> None:
    known = load_catalogue().package
    coverage = Coverage("2020-01-31", "2024-06-30", ("HTI", "TCD"))
    created = dt.datetime(2026, 11, 21, 8, 30, tzinfo=dt.timezone.utc)
    said = describe_package(
        known, [], Settings(tmp_path), api_version="v3", coverage=coverage, created=created, version="1.0.0"
    )
    assert said["$schema"] == "https://datapackage.org/profiles/2.0/datapackage.json"
    assert (said["name"], said["title"], said["homepage"]) == (known.name, known.title, known.homepage)
    assert said["keywords"] == list(known.keywords)
    assert said["sources"][0]["path"] == known.source.url
    assert said["sources"][0]["dtm:accessed"] == said["created"][:10] == "2026-11-21"
    assert said["licenses"] == [
        {"name": known.license.name, "title": known.license.title, "path": known.license.url},
    ]
    assert said["dtm:creditLine"] == known.credit_line
    assert "2026-11-21" in said["dtm:citation"]
    assert said["dtm:redistribution"] == "not permitted"
    assert "Not for redistribution" in said["description"]
    for sentence in known.license.terms:
        assert sentence in said["description"]
    assert said["dtm:spatialCoverage"] == ["HTI", "TCD"]
    assert said["dtm:temporalCoverage"] == {"start": "2020-01-31", "end": "2024-06-30"}
    assert [each["roles"] for each in said["contributors"]][-1] == ["contact"]


def test_package_of_the_sandbox_says_that_it_is_invented_and_names_nobody_else(package: Path) -> None:
    said = descriptor(package)
    assert said["title"].startswith("Invented data")
    assert said["name"].endswith("-sandbox")
    assert "invented" in said["sources"][0]["title"]
    assert "not data of IOM" in said["dtm:citation"]
    assert "not data of IOM" in said["dtm:creditLine"]
    assert [each["title"] for each in said["contributors"]] == ["The tap-dtm authors"]
    assert "Not for redistribution" in said["description"]
    assert said["dtm:spatialCoverage"] == ["XAA", "XBA", "XCA"]


def test_permission_is_printed(tmp_path: Path) -> None:
    folder = tmp_path / "package"
    run_target(
        dtm("sandbox://?rows=100&countries=1"), folder, redistribution="permitted", permission="By IOM, invented."
    )
    said = descriptor(folder)
    assert said["dtm:permission"] == "By IOM, invented."
    assert "By IOM, invented." in said["description"]
    assert "Not for redistribution" not in said["description"]
    assert said["licenses"][0]["name"] == "other", "a permission is no open licence"


def test_tables_carry_the_catalogue(package: Path) -> None:
    known = load_catalogue().resources["idp_admin2"]
    said = resource(package, "idp_admin2")
    fields = {field["name"]: field for field in said["schema"]["fields"]}
    assert list(fields) == [field.name for field in known.fields if field.name != "_sdc_deleted_at"]
    count = fields["num_present_idp_ind"]
    assert (count["type"], count["dtm:unit"], count["dtm:measure"]) == ("integer", "persons", "stock")
    assert (count["dtm:hxl"], count["dtm:apiName"]) == ("#affected+idps", "numPresentIdpInd")
    assert count["constraints"] == {"minimum": 0}
    assert [name for name, field in fields.items() if field.get("constraints", {}).get("required")] == list(known.key)
    assert "Not available" in fields["idp_origin_admin1_pcode"]["missingValues"]
    assert said["schema"]["primaryKey"] == ["admin0_pcode", "operation", "row_number"]
    assert [key["reference"]["resource"] for key in said["schema"]["foreignKeys"]] == ["countries", "operations"]
    codes = {warning["code"] for warning in said["dtm:usageWarnings"]}
    assert codes == {warning.code for warning in known.warnings} - {"deleted_rows_stay"}
    assert said["bytes"] == (package / said["path"]).stat().st_size
    assert said["encoding"] == "utf-8"


def test_a_foreign_key_that_does_not_hold_is_reported_and_not_declared(tmp_path: Path, messages: list[Message]) -> None:
    folder = tmp_path / "package"
    run_target([each for each in messages if not (each["type"] == "RECORD" and each["stream"] == "operations")], folder)
    said = resource(folder, "idp_admin0")
    assert [key["reference"]["resource"] for key in said["schema"]["foreignKeys"]] == ["countries"]
    assert said["dtm:brokenForeignKeys"][0]["fields"] == ["admin0_pcode", "operation"]
    assert problems(folder) == []


def test_hxl_row_stands_below_the_header(tmp_path: Path, messages: list[Message]) -> None:
    folder = tmp_path / "package"
    run_target(messages, folder, include_hxl_row=True)
    lines = (folder / "data/countries.csv").read_text("utf-8").splitlines()
    assert lines[:2] == ["admin0_pcode,admin0_name", "#country+code,#country+name"]
    assert resource(folder, "countries")["dialect"]["commentRows"] == [2]


@pytest.mark.parametrize("damage", ["byte", "row", "figure"])
@pytest.mark.parametrize("variant", ["csv", "csv.gz"])
def test_damage_is_found(tmp_path: Path, packages: Path, damage: str, variant: str) -> None:
    folder = shutil.copytree(packages / variant / "package", tmp_path / "package")
    path = folder / f"data/idp_admin1.{variant}"
    pack, unpack = (gzip.compress, gzip.decompress) if variant == "csv.gz" else (bytes, bytes)
    lines = unpack(path.read_bytes()).splitlines(keepends=True)
    if damage == "row":
        lines.pop()
    elif damage == "figure":
        lines[5] = lines[5].replace(b",BA,", b",SA,").replace(b"1", b"2")
    else:
        lines[0] = lines[0].replace(b"admin0_name", b"admin0_nama")
    path.write_bytes(pack(b"".join(lines)))
    assert problems(folder) != []


def test_removed_row_is_found_in_parquet(parquet: Path) -> None:
    import pyarrow.parquet as pq  # noqa: PLC0415

    path = parquet / "data/idp_admin1.parquet"
    table = pq.read_table(path)
    pq.write_table(table.slice(1), path)
    assert problems(parquet) != []


@pytest.mark.parametrize("place", [0.2, 0.5, 0.8])
def test_changed_byte_is_found_in_parquet(parquet: Path, place: float) -> None:
    path = parquet / "data/idp_admin1.parquet"
    content = bytearray(path.read_bytes())
    (length,) = struct.unpack("<I", content[-8:-4])  # of the footer, behind the data
    content[round((len(content) - length) * place)] ^= 0b100
    path.write_bytes(content)
    assert problems(parquet) != []


WITHOUT_PANDAS = """
import sys
from frictionless.__main__ import console

class Finder:
    def find_spec(name, *_):
        if name.partition(".")[0] == "pandas":
            raise ModuleNotFoundError(f"No module named '{name}'")

sys.meta_path.insert(0, Finder)
console()
"""


@pytest.mark.programs
def test_parquet_is_validated_where_only_the_extra_is_installed(packages: Path) -> None:
    descriptor = packages / "parquet" / "package" / "datapackage.json"

    command = [sys.executable, "-c", WITHOUT_PANDAS, "validate", str(descriptor)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)

    assert run.returncode == 0, run.stdout
    assert run.stdout.count("VALID") == 5


def test_wrong_figure_is_found_in_parquet(tmp_path: Path, messages: list[Message]) -> None:
    folder = tmp_path / "package"
    run_target(messages, folder, formats=["csv", "parquet"])
    raise_a_figure(folder / "data/idp_admin1.parquet")

    (problem,) = problems(folder)
    said = resource(folder, "idp_admin1-parquet")["hash"].removeprefix("sha256:")
    assert problem[1] == "hash-count"
    assert f'expected is "{said}" and actual is' in problem[2]
    done = CliRunner().invoke(console, ["validate", str(folder / "datapackage.json")])
    assert (done.exit_code, done.stdout.count("INVALID"), "hash-count" in done.stdout) == (1, 1, True)


def test_wrong_figure_is_found_in_parquet_on_the_web_by_one_request(parquet: Path) -> None:
    raise_a_figure(parquet / "data/idp_admin1.parquet")
    asked: list[str] = []

    class Web(SimpleHTTPRequestHandler):
        @override
        def do_GET(self) -> None:
            asked.append(self.path)
            super().do_GET()

        @override
        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Web, directory=str(parquet))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        report = validate(f"http://127.0.0.1:{server.server_port}/datapackage.json", name="idp_admin1")
        server.shutdown()

    assert report.flatten(["type"]) == [["hash-count"]]
    assert asked.count("/data/idp_admin1.parquet") == 1


def raise_a_figure(path: Path) -> None:
    """Write a Parquet file again, with one figure that is 1,000 higher."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    table = pq.read_table(path)
    position = table.schema.get_field_index("num_present_idp_ind")
    figures = table.column(position).to_pylist()
    figures[7] += 1000
    table = table.set_column(position, table.schema.field(position), pa.array(figures))
    pq.write_table(table, path, compression="gzip")


def test_data_of_unknown_terms_get_none_invented(tmp_path: Path) -> None:
    run_target([schema(), record(id=1)], tmp_path / "package")
    said = descriptor(tmp_path / "package")
    assert "licenses" not in said
    assert "Not for redistribution" in said["description"]


def test_recipe() -> None:
    def of(**fields: str) -> dict[str, Any]:
        described = [{"name": name, "type": kind} for name, kind in fields.items()]
        return {"resources": [{"name": "a", "hash": json.dumps(fields), "schema": {"fields": described}}]}

    assert change(of(a="string"), of(a="string"), rows_added=False) is Change.NONE
    assert change(of(a="string"), of(a="integer"), rows_added=True) is Change.MAJOR
    assert change(of(a="string"), of(b="string"), rows_added=True) is Change.MAJOR
    assert change(of(a="string"), of(a="string", b="string"), rows_added=True) is Change.MAJOR
    assert [increased("1.2.3", each) for each in Change] == ["1.2.3", "1.2.4", "1.3.0", "2.0.0"]


def mapped(messages: list[Message], stream: str, change: Callable[[Message], None]) -> list[Message]:
    """Return messages as a stream map makes them: changed copies of those of one stream."""
    copies: list[Message] = json.loads(json.dumps(messages))
    for each in copies:
        if each.get("stream") == stream:
            change(each)
    return copies


def test_a_column_more_takes_nothing_from_the_package(tmp_path: Path, messages: list[Message], package: Path) -> None:
    def add(message: Message) -> None:
        if message["type"] == "SCHEMA":
            message["schema"]["properties"]["mine"] = {"type": ["boolean", "null"], "title": "Mine"}

    folder = tmp_path / "package"
    run_target(mapped(messages, "idp_admin1", add), folder)

    said, before = resource(folder, "idp_admin1"), resource(package, "idp_admin1")
    assert said["schema"]["fields"] == [
        *before["schema"]["fields"],
        {"name": "mine", "type": "boolean", "title": "Mine"},
    ]
    assert said["dtm:usageWarnings"] == before["dtm:usageWarnings"]
    for name in ("licenses", "dtm:terms", "description", "sources"):
        assert descriptor(folder)[name] == descriptor(package)[name]
    assert problems(folder) == []


def test_the_type_of_the_stream_wins_and_is_logged(
    tmp_path: Path, messages: list[Message], caplog: pytest.LogCaptureFixture
) -> None:
    def as_text(message: Message) -> None:
        if message["type"] == "SCHEMA":
            message["schema"]["properties"]["round_number"] = {"type": ["string", "null"]}
        elif message["type"] == "RECORD":
            message["record"]["round_number"] = f"no. {message['record']['round_number']}"

    folder = tmp_path / "package"
    run_target(mapped(messages, "idp_admin1", as_text), folder)

    (said,) = [f for f in resource(folder, "idp_admin1")["schema"]["fields"] if f["name"] == "round_number"]
    assert (said["type"], said["title"]) == ("string", load_catalogue().fields["round_number"].title)
    assert "round_number of idp_admin1 has the type string, and the metadata has integer" in caplog.text
    assert problems(folder) == []


def test_a_stream_of_our_name_with_another_key_is_another_taps(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "package"
    properties = {name: {"type": "string"} for name in ("code", "name")}
    messages = [schema("countries", {"properties": properties}, ["code"]), record("countries", code="XX", name="X")]
    run_target([*messages, schema(), record(id=1)], folder)
    assert "The stream countries has the key code, and in the metadata it is admin0_pcode" in caplog.text
    assert "licenses" not in descriptor(folder)
    assert problems(folder) == []


def test_our_rows_refer_to_no_table_of_another_tap(tmp_path: Path, messages: list[Message]) -> None:
    def rekey(message: Message) -> None:
        if message["type"] == "SCHEMA":
            message["key_properties"] = ["admin0_name"]

    folder = tmp_path / "package"
    run_target(mapped(messages, "countries", rekey), folder)
    references = [key["reference"]["resource"] for key in resource(folder, "idp_admin0")["schema"]["foreignKeys"]]
    assert references == ["operations"]
    assert problems(folder) == []
