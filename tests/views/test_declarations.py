"""Views are declared once, every column with its meaning; mistakes in declarations are reported with their line."""

from __future__ import annotations

from pathlib import Path

import pytest

import tap_dtm.metadata
from tap_dtm.metadata import CatalogueError
from tap_dtm.metadata.views import load_views, load_views_from
from tap_dtm.metadata.yaml_source import read_yaml
from tap_dtm.views.script import script
from tap_dtm.views.warehouse import DIALECTS
from tests.views.databases import place
from tests.world import LEVELS, Version

VIEWS_YAML = Path(tap_dtm.metadata.__file__).with_name("views.yaml").read_text("utf-8")
# BigQuery's limits for descriptions of columns and of tables, in characters.
COLUMN_LIMIT, TABLE_LIMIT = 1024, 16384


@pytest.mark.parametrize("version", ["v2", "v3"])
def test_every_view_has_warnings_and_every_description_fits(version: Version) -> None:
    views = load_views(version)

    assert len({view.name for view in views}) == len(views)
    for view in views:
        assert view.warnings
        assert len(view.full_description) <= TABLE_LIMIT
        for column in view.columns:
            assert column.description.endswith(".")
            assert len(column.description) <= COLUMN_LIMIT


def test_every_declared_column_is_used() -> None:
    views = load_views("v3")
    own = set(read_yaml(Path(tap_dtm.metadata.__file__).with_name("views.yaml")).content["columns"])

    used = {column.name for view in views for column in view.columns}
    used |= {f"{view.kind}.{column.name}" for view in views for column in view.columns}
    assert own <= used


def test_version_2_has_no_reason_sex_or_origin() -> None:
    columns = {column.name for view in load_views("v2") for column in view.columns}

    assert not {name for name in columns if "reason" in name or "males" in name or "origin" in name or "sex" in name}


def test_levels_have_their_own_area_columns() -> None:
    columns = {view.name: [column.name for column in view.columns] for view in load_views("v3")}

    for level in LEVELS:
        areas = [name for name in columns[f"latest_stock_admin{level}"] if name.startswith(("admin1", "admin2"))]
        assert len(areas) == 2 * level


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("version", ["v2", "v3"])
def test_the_same_declarations_give_the_same_script(dialect: str, version: Version) -> None:
    assert script(place(dialect, version=version)) == script(place(dialect, version=version))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("type: number", "type: decimal", "columns.sex_coverage.type: invalid enum value 'decimal'; expected"),
        ("  idps:\n", "  operation:\n", "columns.operation: a field of fields.yaml as well; expected it in one place."),
        ("levels: [1, 2]", "levels: [1, 3]", "levels[1]: invalid enum value 3; expected one of: 0, 1, 2."),
        (
            "[levels_repeat, level_not_everywhere]",
            "[be_bold]",
            "views.reconciliation.warnings[0]: unknown 'be_bold'; expected one of: ",
        ),
        (
            "*round, idps_admin0,",
            "*round, idps_admin7,",
            "views.reconciliation.columns[6]: unknown 'idps_admin7'; ",
        ),
    ],
)
def test_a_mistake_is_reported_with_its_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in VIEWS_YAML
    (tmp_path / "views.yaml").write_text(VIEWS_YAML.replace(old, new, 1), encoding="utf-8")

    with pytest.raises(CatalogueError) as caught:
        load_views_from(tmp_path, "v3")

    assert message in str(caught.value)
    assert "views.yaml, line " in str(caught.value)
