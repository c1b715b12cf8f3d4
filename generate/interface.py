"""Writes ``docs/interface.md`` from the code: the names that other programs may rely on."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from frictionless_dtm.descriptor.settings import SETTINGS as TARGET_SETTINGS
from frictionless_dtm.source.address import BY_NAME, TABLES

from generate import write
from tap_dtm.exact.state import FORM
from tap_dtm.metadata import load_catalogue
from tap_dtm.metadata.model import API_VERSIONS
from tap_dtm.metadata.views import load_views
from tap_dtm.settings import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Iterable

PAGE: Final = Path(__file__).parents[1] / "docs" / "interface.md"
_COMMANDS: Final = {
    "tap-dtm": ["tap_dtm"],
    "tap-dtm-views": ["tap_dtm.views"],
    "dtm-sandbox": ["tap_dtm.sandbox"],
    "target-datapackage": ["frictionless_dtm.command"],
    "target-datapackage publish": ["frictionless_dtm.command", "publish"],
    "target-datapackage datasette": ["frictionless_dtm.command", "datasette"],
    "source-dtm spec": ["tap_dtm.airbyte", "spec"],
    "source-dtm check": ["tap_dtm.airbyte", "check"],
    "source-dtm discover": ["tap_dtm.airbyte", "discover"],
    "source-dtm read": ["tap_dtm.airbyte", "read"],
}


def text() -> str:
    """Return the page."""
    return f"""# The public interface

<!-- Generated: python3 make.py generate -->

Other programs may rely on this page. While the version begins with 0, a new minor version may change what is
listed here. After that, only a new major version may do so. The [changelog](../CHANGELOG.md) lists each name that was
removed, and its replacement. A removed name causes a message with its replacement. Everything else may change at
any time: Python modules, log lines, and the words of messages.

## Commands

| Command | Options |
| --- | --- |
{_rows((name, _listed(_options(command))) for name, command in _COMMANDS.items())}
`python -m tap_dtm` is `tap-dtm`, and `frictionless_dtm.target:main` is `target-datapackage`. The exit code of a command
is 0 only if it has done everything.

## Settings

* of `tap-dtm` and `source-dtm`: {_listed(SETTINGS)}
* of `target-datapackage`: {_listed(TARGET_SETTINGS)}

The names of environment variables begin with `TAP_DTM_` and `TARGET_DATAPACKAGE_`. The keys are also read from
`DTMAPI_SUBSCRIPTION_KEY` and `DTMAPI_SECONDARY_SUBSCRIPTION_KEY`. The settings are described on the page of the
[tap](settings.md), and on the page of [`target-datapackage`](data-packages.md#settings).

## Streams

| Stream | Key | Columns |
| --- | --- | --- |
{_streams()}
Deselected by default: {_deselected()}.

Except in the histories and `runs`, every record also has `_sdc_deleted_at`: null, or the time of the run that found
that the row is gone. Except in the histories, `row_number` counts from 1 without gaps within a country and an
operation.

## State

A state is one JSON object with `bookmarks`. `bookmarks.countries.form` is the number of its form. The present form is
{FORM}; states of 0.1.0 have no number. This and every later version reads all earlier forms, and loses, doubles or
leaves behind no row. A later form is refused. Everything else in a state is internal.

## A data package

`datapackage.json` (Data Package v2), `data/<stream>.csv`, `.csv.gz` or `.parquet`, `README.md`, `CHANGELOG.md`,
`CITATION.cff`, `quality.json` and `index.html`. The format `xlsx` adds `<package>.xlsx`, and the property
`dtm:workbook` with its path, bytes and hash. Corrected or withdrawn rows raise the last number of a package's version,
new rows and tables the middle one, and removed tables and changed columns or keys the first one.
`index.html#charts&country=XAA&operation=NAME&type=BA` opens the page with these figures.

## `dtm://` addresses

`dtm://[sandbox/]VERSION[/TABLE][?FILTER=VALUE&...]`

* versions: {_listed(API_VERSIONS)}
* tables: {_listed(TABLES)}
* filters: {_listed(BY_NAME)}

## Views

| View | Columns |
| --- | --- |
{_views("views")}
## Tables that you fill

| Table | Columns |
| --- | --- |
{_views("tables")}"""


def _options(command: list[str]) -> list[str]:
    module, *arguments = command
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments, "--help"],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    )
    return sorted(set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", done.stdout + done.stderr)) - {"--help"})


def _streams() -> str:
    resources = load_catalogue().resources.values()
    return _rows(
        (each.name, _listed(each.key), _listed(field.name for field in each.fields if not field.name.startswith("_")))
        for each in resources
    )


def _deselected() -> str:
    return _listed(each.name for each in load_catalogue().resources.values() if not each.selected_by_default)


def _views(section: str) -> str:
    views = {view.name: view for version in API_VERSIONS for view in load_views(version, section=section)}
    return _rows(
        (name + ("(moment)" if view.is_function else ""), _listed(column.name for column in view.columns))
        for name, view in sorted(views.items())
    )


def _rows(rows: Iterable[tuple[str, ...]]) -> str:
    return "".join(f"| {' | '.join([f'`{first}`', *others])} |\n" for first, *others in rows)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "none"


if __name__ == "__main__":
    write({PAGE: text()})
