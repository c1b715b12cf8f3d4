"""The command `tap-dtm-views`: what it prints, DuckDB from a data package, and mistakes."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from tap_dtm.sandbox import world_at
from tap_dtm.views.package import tables_from_package
from tap_dtm.views.script import views_of
from tap_dtm.views.warehouse import DIALECTS
from tests.datapackage.pipe import PackageTarget, run_target, without_pages
from tests.datapackage.singer import dtm
from tests.extent import mostly
from tests.forked import forked
from tests.pages import page
from tests.pipeline import Warehouse
from tests.remembered import EVERYTHING
from tests.target import run_tap, selecting
from tests.views.databases import assert_views_are_right, place, rows_of
from tests.world import count, served

if TYPE_CHECKING:
    from demo.postgres import EmbeddedPostgres


def views(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*forked("tap-dtm-views"), *arguments], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data package of the sandbox with Parquet, in a folder whose name has blanks and an apostrophe."""
    folder = tmp_path_factory.mktemp("duckdb") / "a package's folder"
    with without_pages():
        run_target(dtm("sandbox://?publication=2"), folder, formats=["parquet"])
    return folder


def test_a_script_that_is_only_printed_needs_nothing_that_connects() -> None:
    program = "import sys; sys.modules['sqlalchemy'] = None; from tap_dtm.views.__main__ import main; sys.exit(main())"

    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert printed.stdout == views().stdout
    assert "CREATE OR REPLACE VIEW" in printed.stdout


def test_duckdb_takes_the_package_and_the_views_and_takes_them_again(package: Path) -> None:
    printed = views("--dialect", "duckdb", "--package", str(package))
    assert printed.returncode == 0, printed.stderr

    with duckdb.connect() as db:
        for _ in range(2):
            db.execute(printed.stdout)

        assert_views_are_right(lambda query: rows_of(db, query), world_at(publication=2), place("duckdb"))
        (comment,) = rows_of(db, "SELECT comment FROM duckdb_views() WHERE view_name = 'operation_rounds'")
        (column,) = rows_of(
            db,
            "SELECT comment FROM duckdb_columns() WHERE table_name = 'operation_rounds' AND column_name = 'change'",
        )
    assert comment["comment"].startswith("One row per country, operation, reporting date, round and assessment type")
    assert column["comment"].startswith("Figure of this round minus that of the round before.")


@pytest.mark.parametrize("format_", mostly(["csv"], ["csv", "parquet"]))
def test_a_package_with_histories_says_what_was_known(tmp_path: Path, format_: str) -> None:
    target = PackageTarget(tmp_path / "package", formats=[format_])
    with without_pages():
        for publication in (2, 3):
            run_tap(target, catalog=selecting(*EVERYTHING), api_url=f"sandbox://?publication={publication}")
            target.finish()

    printed = views("--dialect", "duckdb", "--package", str(target.folder), "--history")

    assert printed.returncode == 0, printed.stderr
    with duckdb.connect() as db:
        db.execute(f"{printed.stdout} USE dtm;")
        times = rows_of(db, "SELECT DISTINCT CAST(observed_at AS TEXT) AS at FROM runs ORDER BY 1")
        for publication, time in zip((2, 3), times, strict=True):
            rows = rows_of(
                db,
                "SELECT * EXCLUDE (displacement_reasons, observed_at, looked_at)"  # noqa: S608
                f" REPLACE (CAST(reporting_date AS TEXT) AS reporting_date) FROM idp_admin2_as_of('{time['at']}')",
            )
            assert count(rows) == served(world_at(publication=publication), 2)
        assert {row["event"] for row in rows_of(db, "SELECT event FROM revisions")} > {"published", "withdrawn"}


def page_line(dialect: str) -> str:
    """Return the line of the pages that makes the views of a database."""
    pattern = rf"^tap-dtm-views --dialect {dialect} .*$"
    (line,) = re.findall(pattern, page("duckdb" if dialect == "duckdb" else "views"), re.MULTILINE)
    return str(line)


def shell(line: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a line of a page as it is printed, with this project's programs, and those of the folder before them."""
    path = os.pathsep.join([str(folder), str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, **variables, "PATH": path}
    return subprocess.run(
        ["/bin/sh", "-c", line], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def program(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)


def test_the_page_s_line_for_duckdb_makes_a_database(package: Path, tmp_path: Path) -> None:
    (tmp_path / "package").symlink_to(package)

    run = shell(page_line("duckdb"), tmp_path)

    assert run.returncode == 0, run.stderr
    with duckdb.connect(tmp_path / "displacement.duckdb", read_only=True) as db:
        made = rows_of(db, "SELECT view_name FROM duckdb_views() WHERE NOT internal")
        loaded = rows_of(db, "SELECT COUNT(*) AS rows FROM dtm.idp_admin2_current")
    assert {each["view_name"] for each in made} == {view.name for view in views_of(place("duckdb"))}
    assert loaded == [{"rows": served(world_at(publication=2), 2).total()}]


def test_the_page_s_line_for_postgres_makes_the_views(postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    warehouse = Warehouse(postgres, "dtm", tmp_path)
    warehouse.drop()
    warehouse.sync({"api_url": "sandbox://?publication=2"})
    (tmp_path / "psql").symlink_to(postgres.program("psql"))
    line = page_line("postgres")
    try:
        run = shell(line, tmp_path, DATABASE_URL=postgres.url)

        assert run.returncode == 0, run.stderr
        assert_views_are_right(warehouse.query, world_at(publication=2), place("postgres"))
    finally:
        warehouse.drop()
    assert shell(line, tmp_path, DATABASE_URL=postgres.url).returncode != 0


def test_the_page_s_line_for_bigquery_hands_the_script_to_bq(tmp_path: Path) -> None:
    program(tmp_path / "bq", "cat > taken.sql")

    run = shell(page_line("bigquery"), tmp_path)

    assert run.returncode == 0, run.stderr
    printed = views("--dialect", "bigquery", "--schema", "my-project.dtm").stdout
    assert (tmp_path / "taken.sql").read_text("utf-8") == printed


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_page_s_line_fails_when_no_script_is_made(tmp_path: Path, dialect: str) -> None:
    program(tmp_path / "tap-dtm-views", "echo no >&2; exit 1")
    for name in ("psql", "bq", "python3"):
        program(tmp_path / name, "touch started")

    run = shell(page_line(dialect), tmp_path, DATABASE_URL="")

    assert run.returncode == 1
    assert not (tmp_path / "started").exists()


def test_a_table_that_cannot_be_loaded_leaves_the_database_as_it_was(package: Path, tmp_path: Path) -> None:
    broken = tmp_path / "package"
    shutil.copytree(package, broken)
    replace(broken, "data/idp_admin2.parquet", b"PAR1")
    path = tmp_path / "displacement.duckdb"
    with duckdb.connect(path) as db:
        db.execute("CREATE SCHEMA dtm; CREATE TABLE dtm.countries AS SELECT 'kept' AS admin0_name")

    with duckdb.connect(path) as db, pytest.raises(duckdb.Error, match=r"idp_admin2\.parquet"):
        db.execute(views("--dialect", "duckdb", "--package", str(broken)).stdout)

    with duckdb.connect(path) as db:
        assert rows_of(db, "SELECT table_name FROM duckdb_tables()") == [{"table_name": "countries"}]
        assert rows_of(db, "SELECT * FROM dtm.countries") == [{"admin0_name": "kept"}]


def replace(package: Path, path: str, content: bytes) -> None:
    """Put other bytes in the place of a file, and their hash into the descriptor."""
    (package / path).write_bytes(content)
    descriptor = json.loads((package / "datapackage.json").read_text("utf-8"))
    (resource,) = [each for each in descriptor["resources"] if each["path"] == path]
    resource["hash"] = f"sha256:{hashlib.sha256(content).hexdigest()}"
    (package / "datapackage.json").write_text(json.dumps(descriptor), "utf-8")


def test_a_damaged_file_is_refused_before_anything_is_printed(package: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "package"
    shutil.copytree(package, damaged)
    path = damaged / "data" / "idp_admin1.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)

    run = views("--dialect", "duckdb", "--package", str(damaged))

    assert (run.returncode, run.stdout) == (1, "")
    assert f"{path} is not the file that datapackage.json describes: its hash differs." in run.stderr


@pytest.mark.parametrize(
    "form", [{}, {"formats": ["csv.gz"]}, {"include_hxl_row": True}, {"formats": ["csv", "parquet"]}], ids=str
)
def test_packages_of_every_form_give_the_same_tables(package: Path, tmp_path: Path, form: dict[str, Any]) -> None:
    with without_pages():
        run_target(dtm("sandbox://?publication=2"), tmp_path / "package", **form)

    loaded = tables_of(tables_from_package(place("duckdb"), tmp_path / "package"))

    assert loaded == tables_of(tables_from_package(place("duckdb"), package))


@pytest.mark.parametrize(
    "name",
    [
        "a blank",
        "données",
        "l'été",
        'a "quote"',
        "#1",
        "a;b -- c",
        "back\\slash",
        "%41",
        "~",
        "operation=Hacked",
        "admin0_pcode=ZZZ",
        "year=2024",
        "_sdc_deleted_at=1",
        "pkg[12]",
        "[!a]",
        "[",
        "]",
        "p?kg",
        "*",
        "**",
        "{a,b}",
    ],
)
def test_any_name_of_a_folder_is_a_name_alone(package: Path, tmp_path: Path, name: str) -> None:
    folder = tmp_path / name / "package"
    folder.mkdir(parents=True)
    (folder / "data").symlink_to(package / "data")
    shutil.copy(package / "datapackage.json", folder)
    for other in ("pkg1", "pkg2", "p1kg", "a", "b"):  # what a pattern would find as well, or instead
        shutil.copytree(package / "data", tmp_path / other / "package" / "data")

    loaded = tables_of(tables_from_package(place("duckdb"), folder))

    assert loaded == tables_of(tables_from_package(place("duckdb"), package))
    assert all(loaded.values())


def tables_of(statements: str) -> dict[str, list[dict[str, Any]]]:
    with duckdb.connect() as db:
        db.execute(statements)
        return {table.name: rows_of(db, f"SELECT * FROM dtm.{table.name}") for table in place("duckdb").tables}  # noqa: S608


@pytest.mark.parametrize("name", [b"a\nb", b"a\rb", b"latin-1 \xe9", b"a\\[b]", b"[a]\\b"])
def test_a_folder_that_no_script_can_name_is_refused_in_a_sentence(package: Path, tmp_path: Path, name: bytes) -> None:
    folder = tmp_path / os.fsdecode(name)
    shutil.copytree(package, folder)

    run = views("--dialect", "duckdb", "--package", str(folder))

    assert run.returncode == 1
    assert run.stdout == ""
    assert "DuckDB cannot read the path" in run.stderr
    assert "Give the folder another name." in run.stderr
    assert len(run.stderr.splitlines()) == 1


@pytest.mark.parametrize("descriptor", [None, "", "[]", '{"resources": [{}]}'])
def test_a_folder_without_a_package_is_refused_in_a_sentence(tmp_path: Path, descriptor: str | None) -> None:
    if descriptor is not None:
        (tmp_path / "datapackage.json").write_text(descriptor)

    run = views("--dialect", "duckdb", "--package", str(tmp_path))

    assert (run.returncode, run.stdout) == (1, "")
    assert f"{tmp_path / 'datapackage.json'} cannot be read as the descriptor of a data package" in run.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--dialect", "oracle"], "'oracle' is not one of 'postgres', 'bigquery', 'duckdb'"),
        (["--schema", 'x"; DROP TABLE y'], "is not a name of a schema in Postgres"),
        (["--schema", "project.dataset"], "is not a name of a schema in Postgres"),
        (["--schema", "s" * 64], "use letters, digits, _ and -, 63 at most"),
        (["--install", "--schema", "s" * 64], "63 at most"),
        (["--dialect", "duckdb", "--schema", "a.b"], "is not a name of a schema in DuckDB"),
        (["--dialect", "bigquery", "--schema", "a.b.c"], "is not a name of a dataset in BigQuery"),
        (["--package", "."], "--package needs --dialect duckdb"),
        (["--dialect", "duckdb", "--install"], "--install needs --dialect postgres"),
        (["--level", "3"], "3 is not in the range 0<=x<=2"),
        (["--pcodes", "yes"], "Got unexpected extra argument (yes)"),
        (["--dialect", "duckdb", "--package", "/no/such/folder"], "'/no/such/folder' does not exist"),
    ],
)
def test_mistakes_are_reported_in_a_sentence(arguments: list[str], sentence: str) -> None:
    run = views(*arguments)

    assert run.returncode == 2
    assert sentence in run.stderr
    assert "Traceback" not in run.stderr
    assert run.stdout == ""


def test_what_reads_the_pcodes_is_made_where_they_are_loaded() -> None:
    made = {name: views(*arguments).stdout for name, arguments in {"with": ["--pcodes"], "without": []}.items()}

    assert '"dtm".areas' in made["with"]
    assert "cod_pcode" in made["with"]
    assert "cod_pcode" not in made["without"]


def test_a_package_without_the_pcodes_is_refused_in_a_sentence(package: Path) -> None:
    run = views("--dialect", "duckdb", "--pcodes", "--package", str(package))

    assert run.returncode == 1
    assert run.stderr.strip().endswith("has no table pcodes: write it with that stream, or omit --pcodes.")
    assert run.stdout == ""


def test_a_schema_may_be_as_long_as_postgres_allows() -> None:
    assert views("--schema", "s" * 63).returncode == 0
    assert views("--schema", "s" * 64, "--dialect", "duckdb").returncode == 0


def test_nothing_of_a_database_is_imported_for_printing() -> None:
    code = "import sys; import tap_dtm.views.command; print('psycopg' in sys.modules, 'duckdb' in sys.modules)"

    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert run.stdout.split() == ["False", "False"]
