"""The command ``tap-dtm-views``."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from tap_dtm import console
from tap_dtm.errors import DtmError
from tap_dtm.metadata.model import API_VERSIONS, LEVELS
from tap_dtm.views.loader import IN_MELTANO, Loader, find_loader
from tap_dtm.views.package import preferences_in, tables_from_package
from tap_dtm.views.preferences import read_preferences
from tap_dtm.views.script import script
from tap_dtm.views.warehouse import DIALECTS, Warehouse

if TYPE_CHECKING:
    from collections.abc import Collection

SECRETS = ("TARGET_POSTGRES_PASSWORD", "TARGET_POSTGRES_SQLALCHEMY_URL")
_SCHEMAS = {
    # Postgres cuts off longer names, so the views would be in another schema.
    "postgres": (r"[A-Za-z_][\w-]{0,62}", "a schema in Postgres: use letters, digits, _ and -, 63 at most"),
    "duckdb": (r"[A-Za-z_][\w-]*", "a schema in DuckDB: use letters, digits, _ and -"),
    "bigquery": (
        r"([A-Za-z][\w-]*\.)?\w+",
        "a dataset in BigQuery: use letters, digits and _, or project.dataset",
    ),
}
"""The valid names of a schema of each dialect, as a pattern and in words."""


@click.command(context_settings={"auto_envvar_prefix": "DTM_VIEWS", "show_default": True})
@click.option("--dialect", type=click.Choice([*DIALECTS]), default="postgres", help="The database.")
# Meltano passes all variables of .env, and those of the tap and of the loader take precedence over those of dtm-views.
@click.option(
    "--schema",
    default="dtm",
    envvar=["TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA", "DTM_VIEWS_SCHEMA"],
    help="The schema of the tables and of the views; project.dataset in BigQuery.",
)
@click.option(
    "--api-version",
    type=click.Choice(API_VERSIONS),
    default=API_VERSIONS[-1],
    envvar=["TAP_DTM_API_VERSION", "DTM_VIEWS_API_VERSION"],
    help="The tap's api_version.",
)
@click.option(
    "--level",
    "levels",
    type=click.IntRange(0, 2),
    multiple=True,
    default=LEVELS,
    help="An administrative level that is loaded; repeat for each.",
)
@click.option(
    "--history",
    "has_history",
    is_flag=True,
    envvar="DTM_VIEWS_HISTORY",
    help="Make the views about the past as well. They need the histories of these levels, and runs.",
)
@click.option(
    "--pcodes",
    "has_pcodes",
    is_flag=True,
    envvar="DTM_VIEWS_PCODES",
    help="Make the view areas, and show the P-codes of OCHA's list in other views. They need the table pcodes.",
)
@click.option(
    "--package",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="With --dialect duckdb: load the tables from this data package first.",
)
@click.option(
    "--preferred-operations",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Replace the rows of the table preferred_operations with those of this CSV file: admin0_pcode, operation, "
    "assessment_type. Without the option, the table stays as it is.",
)
@click.option(
    "--install",
    "is_install",
    is_flag=True,
    envvar="DTM_VIEWS_INSTALL",
    help="With --dialect postgres: run the script in the database of the loader, instead of printing it.",
)
@click.option(
    "--loader",
    "loader_name",
    default="target-postgres",
    envvar="DTM_VIEWS_LOADER",
    help="With --install: the loader that fills the tables. In a run of Meltano, Meltano provides its settings and its "
    "schema. Without Meltano, set the variables TARGET_POSTGRES_SQLALCHEMY_URL, or TARGET_POSTGRES_HOST, _PORT, _USER, "
    "_PASSWORD and _DATABASE.",
)
def command(  # noqa: PLR0913 - one for each option
    *,
    dialect: str,
    schema: str,
    api_version: str,
    levels: Collection[int],
    has_history: bool,
    has_pcodes: bool,
    package: Path | None,
    preferred_operations: Path | None,
    is_install: bool,
    loader_name: str,
) -> None:
    """Print SQL that describes the tables of tap-dtm, and makes views that answer the usual questions.

    Run it with psql, bq or duckdb, as often as you like.
    """
    if package is not None and dialect != "duckdb":
        raise click.UsageError("--package needs --dialect duckdb: a Singer target loads the other databases.")
    if is_install and dialect != "postgres":
        raise click.UsageError("--install needs --dialect postgres: run the script with the program of your database.")
    try:
        loader = find_loader(loader_name, os.environ) if is_install else None
        schema = _schema_of(loader, schema) if loader else schema
        pattern, in_words = _SCHEMAS[dialect]
        if not re.fullmatch(pattern, schema, re.ASCII):
            raise click.UsageError(f"{schema!r} is not a name of {in_words}.")
        where, loaded = DIALECTS[dialect](schema), tuple(sorted(set(levels)))
        warehouse = Warehouse(where, api_version, loaded, has_pcodes=has_pcodes, has_history=has_history)
        preferences = preferences_in(package) if package is not None else None
        if preferred_operations is not None:
            preferences = read_preferences(preferred_operations)
        tables = tables_from_package(warehouse, package) if package is not None else ""
        text = script(warehouse, tables, preferences)
        if loader:
            from tap_dtm.views.install import install  # noqa: PLC0415  SQLAlchemy takes half of the start-up time

            install(text, loader)
            click.echo(f"tap-dtm-views: the views in the schema {schema} are up to date.", err=True)
        else:
            sys.stdout.write(text)
    except DtmError as error:
        raise click.ClickException(str(error)) from error


def _schema_of(loader: Loader, schema: str) -> str:
    """Return the schema of the command line, or else that of the loader, or else that of a variable or the default."""
    source = click.get_current_context().get_parameter_source("schema")
    if source is ParameterSource.COMMANDLINE:
        return schema
    found = loader.get("default_target_schema")
    if not found and source is ParameterSource.DEFAULT and IN_MELTANO in os.environ:
        raise DtmError(
            f"The loader {loader.name} names no schema: set {loader.variable('default_target_schema')}, or set "
            "DTM_VIEWS_SCHEMA to the schema of its tables."
        )
    return found or schema


def main() -> None:
    """Run the command."""
    console.run("tap-dtm-views", command, secrets=SECRETS)
