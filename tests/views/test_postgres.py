"""The views in a real Postgres: made by the command, made again, and what stands on them stays."""

from __future__ import annotations

import subprocess
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import psycopg
import pytest
import yaml
from psycopg.sql import SQL, Identifier, Literal

from tap_dtm.metadata import load_catalogue
from tap_dtm.metadata.views import load_views
from tap_dtm.sandbox import COUNTRY, INVISIBLE, VISIBLE, SandboxServer, invent, tiny
from tap_dtm.singer.tap import TapDTM
from tap_dtm.views.install import address_of
from tap_dtm.views.loader import Loader
from tap_dtm.views.script import views_of
from tests.chance import CHANCE
from tests.forked import forked
from tests.meltano import database
from tests.pipeline import Warehouse, sandbox_config
from tests.servers import ANALYST
from tests.views.databases import assert_views_answer, assert_views_are_right, place
from tests.views.odd import load, odd_rows
from tests.views.odd_areas import odd_areas
from tests.world import LEVELS

if TYPE_CHECKING:
    from demo.postgres import EmbeddedPostgres

ROOT = Path(__file__).parents[2]
TYPES = {
    "string": "text",
    "integer": "bigint",
    "date": "date",
    "number": "double precision",
    "boolean": "boolean",
    "array": "ARRAY",
}
WHOLE = {"integer": "bigint", "smallint": "bigint"}


@pytest.fixture(scope="module")
def loaded(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """A schema with all oddities of the sandbox, and the views, for tests that change nothing."""
    warehouse = Warehouse(postgres, "dtm_views", tmp_path_factory.mktemp("views"))
    with SandboxServer(invent(5)) as sandbox:
        warehouse.sync(sandbox_config(sandbox))
    install(warehouse)
    return warehouse


def install(warehouse: Warehouse, *arguments: str, exit_code: int = 0, **variables: str) -> str:
    """Run `tap-dtm-views --install`, and return what it says."""
    command = [*forked("tap-dtm-views"), "--schema", warehouse.schema, "--install", *arguments]
    run = subprocess.run(
        command, env=database(warehouse.server) | variables, text=True, capture_output=True, check=False
    )
    assert run.returncode == exit_code, run.stderr
    assert run.stdout == ""
    return run.stderr


def execute(warehouse: Warehouse, statement: str) -> None:
    with psycopg.connect(warehouse.server.url, options=f"-c search_path={warehouse.schema}") as connection:
        connection.execute(statement.encode())


def descriptions(warehouse: Warehouse) -> dict[tuple[str, str | None], str | None]:
    """Return the comments of all tables and views, and of their columns."""
    rows = warehouse.query(
        "SELECT relname AS name, attname AS column, col_description(pg_class.oid, attnum) AS text"
        " FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0"
        " WHERE relnamespace = current_schema::regnamespace AND relkind IN ('r', 'v')"
        " UNION ALL SELECT relname, NULL, obj_description(oid) FROM pg_class"
        " WHERE relnamespace = current_schema::regnamespace AND relkind IN ('r', 'v')"
    )
    return {(row["name"], row["column"]): row["text"] for row in rows}


def test_after_every_publication_the_views_are_right(warehouse: Warehouse) -> None:
    rng = Random(4)
    where = place("postgres", warehouse.schema)
    with SandboxServer(tiny(rng, countries=3)) as sandbox:
        for _ in range(3):
            warehouse.sync(sandbox_config(sandbox, scrub_fraction=1, accept_withdrawn_countries=["XAA", "XBA", "XCA"]))
            install(warehouse)

            assert_views_are_right(warehouse.query, sandbox.world, where)
            sandbox.world.publish(*rng.sample((*VISIBLE, *COUNTRY, *INVISIBLE), 6), rng=rng)


@pytest.mark.parametrize("seed", [CHANCE])
def test_with_rows_such_as_nobody_has_published_yet(warehouse: Warehouse, seed: int) -> None:
    where, tables = place("postgres", warehouse.schema), odd_rows(Random(seed))
    warehouse.drop()
    execute(warehouse, f"CREATE SCHEMA {warehouse.schema}; {load(tables, where, 'postgres')}")

    install(warehouse)

    assert_views_answer(warehouse.query, tables, where)


@pytest.mark.parametrize("seed", [CHANCE])
def test_with_codes_and_names_of_areas_at_random(warehouse: Warehouse, seed: int) -> None:
    where, tables = place("postgres", warehouse.schema, has_pcodes=True), odd_areas(Random(seed))
    warehouse.drop()
    execute(warehouse, f"CREATE SCHEMA {warehouse.schema}; {load(tables, where, 'postgres')}")

    install(warehouse, "--pcodes")

    assert_views_answer(warehouse.query, tables, where)
    of_one_country = warehouse.query("SELECT * FROM latest_stock_admin2 WHERE admin0_pcode = 'XBB'")
    assert {row["admin0_pcode"] for row in of_one_country} == {"XBB"}

    install(warehouse)  # without the list: the columns go, and the view

    assert_views_answer(warehouse.query, tables, place("postgres", warehouse.schema))
    with pytest.raises(psycopg.errors.UndefinedTable):
        warehouse.query("SELECT * FROM areas")


def test_every_table_view_and_column_is_described(loaded: Warehouse) -> None:
    found, where = descriptions(loaded), place("postgres", loaded.schema)

    for table in where.tables:
        assert found.pop((table.name, None)) == table.full_description
        for field in table.fields:
            assert found.pop((table.name, field.name)) == field.full_description
    for view in (*views_of(where), *load_views("v3", section="tables")):
        assert found.pop((view.name, None)) == view.full_description
        for column in view.columns:
            assert found.pop((view.name, column.name)) == column.description
    added_by_the_target = {column for _, column in found}
    assert all(str(column).startswith("_sdc_") for column in added_by_the_target)


def test_columns_have_their_declared_types_and_order(loaded: Warehouse) -> None:
    for view in views_of(place("postgres", loaded.schema)):
        columns = loaded.query(
            "SELECT column_name, data_type FROM information_schema.columns"
            " WHERE table_schema = current_schema AND table_name = %s ORDER BY ordinal_position",
            view.name,
        )
        types = [(row["column_name"], WHOLE.get(row["data_type"], row["data_type"])) for row in columns]
        assert types == [(column.name, TYPES[column.type]) for column in view.columns], view.name


def test_rights_and_views_of_others_survive_another_installation(warehouse: Warehouse) -> None:
    with SandboxServer(invent(5)) as sandbox:
        warehouse.sync(sandbox_config(sandbox))
        install(warehouse)
        execute(warehouse, "GRANT SELECT ON latest_stock_admin0 TO pg_monitor")
        execute(warehouse, "CREATE VIEW of_an_analyst AS SELECT admin0_pcode, idps FROM latest_stock_admin0")

        warehouse.sync(sandbox_config(sandbox))
        install(warehouse)

    (right,) = warehouse.query("SELECT has_table_privilege('pg_monitor', 'latest_stock_admin0', 'SELECT') AS granted")
    assert right["granted"]
    assert warehouse.query("SELECT * FROM of_an_analyst")


def test_rights_survive_new_columns(warehouse: Warehouse) -> None:
    with SandboxServer(tiny(Random(1), countries=1)) as sandbox:
        warehouse.sync(sandbox_config(sandbox))
    install(warehouse, "--api-version", "v2")
    execute(warehouse, f'CREATE ROLE "{ANALYST}"; GRANT SELECT ON operation_rounds TO "{ANALYST}" WITH GRANT OPTION')
    try:
        execute(warehouse, f"GRANT SELECT ON ALL TABLES IN SCHEMA {warehouse.schema} TO PUBLIC")
        before = rights(warehouse)

        install(warehouse, "--api-version", "v3")

        after = rights(warehouse)
        assert {view: after[view] for view in before} == before
        assert not any(right for view, right in after.items() if view not in before)
    finally:
        execute(warehouse, f'DROP OWNED BY "{ANALYST}"; DROP ROLE "{ANALYST}"')


def rights(warehouse: Warehouse) -> dict[str, set[str]]:
    """Return what others may do with each view."""
    rows = warehouse.query(
        "SELECT relname AS name, ARRAY(SELECT acl::text FROM UNNEST(relacl) AS acl"
        " WHERE NOT acl::text LIKE 'postgres=%%') AS rights FROM pg_class"
        " WHERE relnamespace = current_schema::regnamespace AND relkind = 'v'"
    )
    return {row["name"]: set(row["rights"]) for row in rows}


@pytest.mark.parametrize("fewer", [["--api-version", "v2"], ["--level", "0"], ["--level", "1", "--level", "2"]])
def test_views_of_another_version_or_other_levels_go(warehouse: Warehouse, fewer: list[str]) -> None:
    with SandboxServer(invent(5, countries=2)) as sandbox:
        warehouse.sync(sandbox_config(sandbox))
    install(warehouse)
    execute(warehouse, "CREATE VIEW of_an_analyst AS SELECT 1 AS one; CREATE TABLE latest_stock_admin3 (a int)")

    install(warehouse, *fewer)

    levels = [int(level) for level in fewer if level.isdigit()] or LEVELS
    where = place("postgres", warehouse.schema, "v2" if "v2" in fewer else "v3", levels)
    assert set(rights(warehouse)) == {view.name for view in views_of(where)} | {"of_an_analyst"}
    install(warehouse)
    assert_views_are_right(warehouse.query, sandbox.world, place("postgres", warehouse.schema))


def test_preferred_operations_are_loaded_kept_and_refused_if_unknown(warehouse: Warehouse) -> None:
    names = {"admin0_pcode": "XAA", "admin0_name": "Invented Country"}
    tables: dict[str, Any] = {name: [] for name in load_catalogue().resources}
    tables["operations"] = [{**names, "operation": name} for name in ("Invented Re\u0301ponse", "Invented Survey")]
    warehouse.drop()
    made = load(tables, place("postgres", warehouse.schema), "postgres")
    execute(warehouse, f"CREATE SCHEMA {warehouse.schema}; {made}")
    file, wrong = warehouse.folder / "preferred.csv", warehouse.folder / "wrong.csv"
    header = "admin0_pcode,operation,assessment_type\n"
    file.write_text(f"{header}XAA,Invented R\u00e9ponse,BA\n", "utf-8")
    wrong.write_text(f"{header}XAA,Invented servey,\n", "utf-8")

    install(warehouse, "--preferred-operations", str(file))
    loaded = warehouse.query("SELECT * FROM preferred_operations")
    install(warehouse)
    said = install(warehouse, DTM_VIEWS_PREFERRED_OPERATIONS=str(wrong), exit_code=1)

    assert [tuple(row.values()) for row in loaded] == [("XAA", "Invented R\u00e9ponse", "BA")]
    assert warehouse.query("SELECT * FROM preferred_operations") == loaded
    assert said == (
        'Error: The preferred operation "Invented servey" of XAA is not one of its operations. These are: Invented '
        "R\u00e9ponse; Invented Survey. Correct the file of preferred operations. Nothing was changed.\n"
    )


def test_columns_that_appear_in_the_api_appear_in_the_views(warehouse: Warehouse) -> None:
    with SandboxServer(invent(5)) as sandbox:
        warehouse.sync(sandbox_config(sandbox, api_version="v2"))
        install(warehouse, "--api-version", "v2")
        assert_views_are_right(warehouse.query, sandbox.world, place("postgres", warehouse.schema, "v2"))

        warehouse.sync(sandbox_config(sandbox, api_version="v3"))
        install(warehouse)

        assert_views_are_right(warehouse.query, sandbox.world, place("postgres", warehouse.schema, "v3"))


def test_a_view_of_others_on_changed_columns_stops_the_installation_and_nothing_changes(warehouse: Warehouse) -> None:
    with SandboxServer(invent(5)) as sandbox:
        warehouse.sync(sandbox_config(sandbox, api_version="v2"))
        install(warehouse, "--api-version", "v2")
        execute(warehouse, "CREATE VIEW of_an_analyst AS SELECT admin0_pcode, idps FROM latest_stock_admin0")
        before = warehouse.query("SELECT * FROM of_an_analyst ORDER BY 1, 2")
        warehouse.sync(sandbox_config(sandbox, api_version="v3"))

        said = install(warehouse, exit_code=1)

        assert "view of_an_analyst depends on view latest_stock_admin0" in said.replace(f"{warehouse.schema}.", "")
        assert "Traceback" not in said
        assert warehouse.query("SELECT * FROM of_an_analyst ORDER BY 1, 2") == before


def catalog_without(*columns: str, streams: tuple[str, ...]) -> dict[str, Any]:
    catalog: dict[str, Any] = TapDTM(config={}).catalog_dict
    for stream in catalog["streams"]:
        for entry in stream["metadata"]:
            if not entry["breadcrumb"]:
                entry["metadata"]["selected"] = stream["tap_stream_id"] in streams
            elif entry["breadcrumb"][-1] in columns:
                entry["metadata"]["selected"] = False
    return catalog


def test_one_level_alone(warehouse: Warehouse) -> None:
    catalog = catalog_without(streams=("countries", "operations", "idp_admin0"))
    with SandboxServer(invent(5)) as sandbox:
        warehouse.sync(sandbox_config(sandbox), catalog=catalog)

        install(warehouse, "--level", "0")

        assert_views_are_right(warehouse.query, sandbox.world, place("postgres", warehouse.schema, levels=[0]))


def test_a_column_that_was_not_loaded_is_named(warehouse: Warehouse) -> None:
    catalog = catalog_without("admin0_name", streams=("countries", "operations", "idp_admin0"))
    with SandboxServer(invent(5)) as sandbox:
        warehouse.sync(sandbox_config(sandbox), catalog=catalog)

    said = install(warehouse, "--level", "0", exit_code=1)

    assert 'column "admin0_name" does not exist. Run the tap into this schema first, with every column' in said
    assert descriptions(warehouse)["idp_admin0", None] is None, "nothing was changed"


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"TARGET_POSTGRES_DATABASE": ""}, "No database is named"),
        ({"TARGET_POSTGRES_PORT": "five"}, "a port is a number"),
        ({"TARGET_POSTGRES_SQLALCHEMY_URL": "nonsense"}, "an address looks like"),
        ({"TARGET_POSTGRES_PASSWORD": "wr0ng-s3cret"}, "password authentication failed"),
        ({"TARGET_POSTGRES_PORT": "1"}, "Connection refused"),
        ({"TARGET_POSTGRES_SSL_ENABLE": "true"}, "server does not support SSL, but SSL was required"),
        ({"TARGET_POSTGRES_HOST": "[::1]"}, "nothing was changed. The reason:"),
        ({"TARGET_POSTGRES_HOST": "secret@localhost"}, "The host has an @"),
        ({"TARGET_POSTGRES_SQLALCHEMY_URL": "postgresql://u:an@secret@h/db"}, "every @ but the one before the host"),
        ({"TARGET_POSTGRES_SQLALCHEMY_URL": "postgresql://u:an@secret/a@h/db"}, "every @ but the one before the host"),
        ({"TARGET_POSTGRES_SQLALCHEMY_URL": "postgresql://u:a secret@h/db?x=1"}, 'invalid connection option "x"'),
        ({}, "Run the tap into this schema first"),
    ],
)
def test_a_mistake_is_reported_in_a_sentence_without_the_password(
    warehouse: Warehouse, variables: dict[str, str], sentence: str
) -> None:
    said = install(warehouse, exit_code=1, **variables)

    assert sentence in said
    assert "Traceback" not in said
    assert warehouse.server.password not in said
    assert "wr0ng-s3cret" not in said
    assert "secret" not in said


def test_names_and_passwords_with_any_characters_work(warehouse: Warehouse) -> None:
    user, password, database = "o'neil & co", "p@ss/w:rd #%ä\\'", "a base of [data]"
    with psycopg.connect(warehouse.server.url, autocommit=True) as connection:
        connection.execute(
            SQL("CREATE ROLE {} LOGIN SUPERUSER PASSWORD {}").format(Identifier(user), Literal(password))
        )
        connection.execute(SQL("CREATE DATABASE {}").format(Identifier(database)))
        names = {"USER": user, "PASSWORD": password, "DATABASE": database}
        by_parts = {f"TARGET_POSTGRES_{name}": value for name, value in names.items()}
        address = f"{quote(user, '')}:{quote(password, '')}@{warehouse.server.host}:{warehouse.server.port}"
        by_url = {"TARGET_POSTGRES_SQLALCHEMY_URL": f"postgresql+psycopg://{address}/{database}"}

        said = [install(warehouse, exit_code=1, **variables) for variables in (by_parts, by_url)]

        connection.execute(SQL("DROP DATABASE {}").format(Identifier(database)))
        connection.execute(SQL("DROP ROLE {}").format(Identifier(user)))
    assert all("Run the tap into this schema first" in each for each in said), said
    assert not [each for each in said if password in each]


def test_without_a_host_the_database_is_on_this_machine_as_for_the_loader() -> None:
    (host,) = (setting["value"] for setting in loader_settings() if setting["name"] == "host")

    address = address_of(Loader("target-postgres", {"database": "d"}))

    assert address == {"host": host, "dbname": "d"}


def loader_settings() -> list[dict[str, Any]]:
    plugins = yaml.safe_load((ROOT / "meltano.yml").read_text("utf-8"))["plugins"]
    (loader,) = (each for each in plugins["loaders"] if each["name"] == "target-postgres")
    return list(loader["settings"])


def test_the_database_s_refusal_is_one_sentence_without_the_sql(warehouse: Warehouse) -> None:
    with SandboxServer(tiny(Random(1), countries=1)) as sandbox:
        warehouse.sync(sandbox_config(sandbox))
    execute(warehouse, "CREATE TABLE stock_by_sex (a int)")

    said = install(warehouse, exit_code=1)

    assert said == (
        'Error: Postgres refuses the views, and nothing was changed. The reason: "stock_by_sex" is not a view\n'
    )
