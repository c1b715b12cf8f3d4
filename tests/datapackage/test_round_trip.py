"""Programs of other people read the package, and find what the API serves."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import warnings
from html import unescape
from random import Random
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from click.testing import CliRunner
from frictionless_dtm import datasette

from tap_dtm.errors import DtmError
from tap_dtm.sandbox import SandboxServer, tiny
from tests.datapackage.pipe import PackageTarget, descriptor, resource, without_pages
from tests.target import run_tap

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

from tap_dtm.sandbox import World

pytestmark = pytest.mark.skipif(sys.version_info < (3, 11), reason="the readers need a newer Python")
TABLES = ("idp_admin0", "idp_admin1", "idp_admin2")
_SEXES = ("numberMales", "numberFemales")
SUMS = ("num_present_idp_ind", "number_males", "number_females")


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, World]]:
    server = SandboxServer(tiny(Random(11)))
    target = PackageTarget(tmp_path_factory.mktemp("trip") / "package", formats=["csv", "csv.gz", "parquet"])
    with without_pages():
        run_tap(target, api_url=server.url, subscription_key=server.key)
        target.finish()
    yield target.folder, server.world
    server.close()


def expected(world: World, table: str) -> tuple[int, ...]:
    """Return the number of rows that the API serves, and their sums."""
    rows = world.rows(int(table[-1]))  # type: ignore[arg-type]
    return (len(rows), *(sum(int(row[name] or 0) for row in rows) for name in ("numPresentIdpInd", *_SEXES)))


@pytest.mark.parametrize("table", TABLES)
def test_pandas(package: tuple[Path, World], table: str) -> None:
    import pandas as pd  # noqa: PLC0415

    folder, world = package
    for frame in (
        pd.read_csv(folder / f"data/{table}.csv"),
        pd.read_csv(folder / f"data/{table}.csv.gz"),
        pd.read_parquet(folder / f"data/{table}.parquet"),
    ):
        assert (len(frame), *(int(frame[name].sum()) for name in SUMS)) == expected(world, table)


@pytest.mark.parametrize("file_format", ["csv", "csv.gz", "parquet"])
@pytest.mark.parametrize("table", TABLES)
def test_duckdb(package: tuple[Path, World], table: str, file_format: str) -> None:
    import duckdb  # noqa: PLC0415

    folder, world = package
    sums = ", ".join(f"coalesce(sum({name}), 0)::BIGINT" for name in SUMS)
    read = "read_parquet" if file_format == "parquet" else "read_csv"
    query = f"SELECT count(*), {sums} FROM {read}(?, hive_partitioning = FALSE)"  # noqa: S608
    (found,) = duckdb.connect().execute(query, [f"{folder}/data/{table}.{file_format}"]).fetchall()
    assert found == expected(world, table)


def test_parquet_carries_types_and_metadata(package: tuple[Path, World]) -> None:
    import pyarrow.parquet as pq  # noqa: PLC0415

    schema = pq.read_schema(package[0] / "data/idp_admin0.parquet")
    assert str(schema.field("reporting_date").type) == "date32[day]"
    figure = schema.field("num_present_idp_ind")
    assert (str(figure.type), figure.metadata[b"dtm:unit"]) == ("int64", b"persons")
    assert schema.metadata[b"redistribution"] == b"not permitted"


@pytest.mark.parametrize("name", TABLES)
def test_frictionless(package: tuple[Path, World], name: str) -> None:
    from frictionless import Package  # noqa: PLC0415

    folder, world = package
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        opened: Any = Package(str(folder / "datapackage.json"))
        rows = opened.get_resource(name).read_rows()
    found = (len(rows), *(sum(row[column] or 0 for row in rows) for column in SUMS))
    assert found == expected(world, name)
    assert all(row["idp_origin_admin1_name"] != "Not available" for row in rows)


@pytest.mark.programs
def test_datasette(package: tuple[Path, World], tmp_path: Path) -> None:
    folder, world = package
    database = tmp_path / "dtm.db"
    metadata = tmp_path / "dtm-metadata.json"
    made = CliRunner().invoke(datasette.datasette, [str(folder), str(database)])
    assert f"Look at them: datasette {database} --metadata {metadata}\n" in made.output

    def page(address: str) -> str:
        command = [sys.executable, "-W", "ignore", "-m", "datasette", str(database), "--metadata", str(metadata)]
        done = subprocess.run([*command, "--get", address], capture_output=True, check=True, encoding="utf-8")
        return done.stdout

    listed = json.loads(page("/dtm.json"))
    assert {table["name"]: table["count"] for table in listed["tables"]} == {
        each["name"]: each["rows"] for each in descriptor(folder)["resources"] if "dtm:sameDataAs" not in each
    }
    sums = ", ".join(f"coalesce(sum({name}), 0)" for name in SUMS)
    query = " UNION ALL ".join(f"SELECT count(*), {sums} FROM {table}" for table in TABLES)  # noqa: S608
    rows = json.loads(page(f"/dtm.json?{urlencode({'sql': query, '_shape': 'arrays'})}"))["rows"]
    assert [tuple(row) for row in rows] == [expected(world, table) for table in TABLES]
    shown = unescape(page("/dtm/idp_admin1"))
    fields = {field["name"]: field["description"] for field in resource(folder, "idp_admin1")["schema"]["fields"]}
    for name, description in fields.items():
        assert f"<dt>{name}</dt><dd>{description}</dd>" in shown
    assert "never add up rounds, dates or months" in shown


def test_a_database_for_datasette_replaces_the_one_before_it(package: tuple[Path, World], tmp_path: Path) -> None:
    for _ in range(2):
        datasette.write_database(package[0], tmp_path / "dtm.db")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dtm-metadata.json", "dtm.db"]


def test_a_package_with_a_changed_file_reaches_no_database(package: tuple[Path, World], tmp_path: Path) -> None:
    damaged = tmp_path / "package"
    shutil.copytree(package[0], damaged)
    (damaged / "data" / "idp_admin0.parquet").write_bytes(b"PAR1")
    with pytest.raises(DtmError, match="its hash differs"):
        datasette.write_database(damaged, tmp_path / "dtm.db")
    with pytest.raises(DtmError, match=r"choose a name that ends with \.db"):
        datasette.write_database(damaged, tmp_path / "dtm.sqlite")
    assert [path.name for path in tmp_path.iterdir()] == ["package"]
