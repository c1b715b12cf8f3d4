"""Programs of other people read the package, and find what the API serves."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
import sysconfig
import warnings
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from tap_dtm.sandbox import SandboxServer, tiny
from tests.datapackage.pipe import PackageTarget, resource, without_pages
from tests.target import run_tap

if TYPE_CHECKING:
    from collections.abc import Iterator

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


def test_datapackage_to_datasette(package: tuple[Path, World], tmp_path: Path) -> None:
    folder, world = package
    program = Path(sysconfig.get_path("scripts")) / "datapackage-to-datasette"
    # It loads every resource into a table of its name, and takes no compressed ones.
    csv_only = _csv_only(folder, tmp_path / "csv")
    run = subprocess.run(
        [program, tmp_path / "dtm.db", csv_only / "datapackage.json", tmp_path / "metadata.json"],
        capture_output=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr.decode()
    database = sqlite3.connect(tmp_path / "dtm.db")
    for table in TABLES:
        sums = ", ".join(f"coalesce(sum({name}), 0)" for name in SUMS)
        found = database.execute(f'SELECT count(*), {sums} FROM "{table}"').fetchone()  # noqa: S608
        assert found == expected(world, table)
    database.close()
    assert "Displaced persons" in (tmp_path / "metadata.json").read_text("utf-8")


def _csv_only(folder: Path, to: Path) -> Path:
    shutil.copytree(folder, to)
    path = to / "datapackage.json"
    said = json.loads(path.read_text("utf-8"))
    said["resources"] = [each for each in said["resources"] if each["path"].endswith(".csv")]
    path.write_text(json.dumps(said), "utf-8")
    assert resource(to, "countries")
    return to
