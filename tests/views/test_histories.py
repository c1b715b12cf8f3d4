"""On random histories, the views in DuckDB say of every run what the API served, and what DTM changed since."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
from typing_extensions import override

from tests.histories import long, quiet
from tests.views.asked import AskedHistory
from tests.views.databases import duckdb_with_views

if TYPE_CHECKING:
    from tests.views.databases import Query

__all__ = ["quiet"]


class HistoryInDuckDB(AskedHistory):
    """The same in DuckDB."""

    @override
    def load(self) -> Query:
        with tempfile.TemporaryDirectory() as folder:
            return duckdb_with_views(
                duckdb.connect(), self.target, Path(folder), self.version, has_history=True
            )


TestHistoryInDuckDB = HistoryInDuckDB.TestCase
TestHistoryInDuckDB.settings = long(60)
