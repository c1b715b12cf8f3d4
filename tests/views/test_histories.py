"""On random histories, the views in DuckDB say of every run what the API served, and what DTM changed since."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from typing_extensions import override

from tests.histories import long, quiet
from tests.pages import blocks, section
from tests.views.asked import AskedHistory
from tests.views.databases import SCHEMA, duckdb_with_views, rows_of
from tests.world import LEVELS

if TYPE_CHECKING:
    from tests.views.databases import Query

__all__ = ["quiet"]

pytestmark = pytest.mark.everything

(FORGET,) = blocks(section("what-dtm-said-then", "Delete what is older than a date"), "sql")


class HistoryInDuckDB(AskedHistory):
    """The same in DuckDB; and what is older than a date is deleted in the end, as the page says."""

    @override
    def load(self) -> Query:
        self.db = duckdb.connect()
        with tempfile.TemporaryDirectory() as folder:
            return duckdb_with_views(self.db, self.target, Path(folder), self.version, has_history=True)

    @override
    def ask(self, query: Query) -> None:
        super().ask(query)
        date = self.rng.choice(self.whole)
        before = self.revisions_after(date)
        self.db.execute(f"USE {SCHEMA}")

        for level in LEVELS:
            self.db.execute(forgetting(date, level))

        self.assert_rows_are_those_of(query, [at for at in self.whole if at >= date])
        assert self.revisions_after(date) == before

    def revisions_after(self, date: str) -> list[dict[str, Any]]:
        later = f"valid_from > TIMESTAMP '{date[:23]}' AND event <> 'back' AND event <> 'published'"
        return rows_of(self.db, f"SELECT * FROM {SCHEMA}.revisions WHERE {later} ORDER BY ALL")  # noqa: S608


def forgetting(date: str, level: int) -> str:
    """Return the statements of the page for a level and a date."""
    text = FORGET.replace("2025-12-31 23:59:59", date[:23])
    text = re.sub(r"admin2", f"admin{level}", text)
    return text.replace("admin_level = 2", f"admin_level = {level}")


TestHistoryInDuckDB = HistoryInDuckDB.TestCase
TestHistoryInDuckDB.settings = long(5)
