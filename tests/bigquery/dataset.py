"""A dataset that the tap fills through the loader for BigQuery: the twin of pipeline.Warehouse."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from tests.bigquery.emulator import PYTHON
from tests.environments import environment
from tests.pipeline import Loaded

if TYPE_CHECKING:
    from tests.bigquery.emulator import BigQueryEmulator


@dataclass
class Dataset(Loaded):
    """A dataset of the emulator, and the last state that the target confirmed."""

    emulator: BigQueryEmulator
    name: str
    folder: Path
    state: dict[str, Any] = field(default_factory=dict)

    @override
    def target_command(self) -> list[str]:
        """Return the command that starts the target."""
        python = environment("target-bigquery", python=PYTHON) / "python"
        return [str(python), str(Path(__file__).with_name("target_on_emulator.py"))]

    @override
    def target_config(self) -> dict[str, Any]:
        """Return the target's settings."""
        return {"project": self.emulator.project, "dataset": self.name, "denormalized": True, "upsert": True}

    @override
    def target_environment(self) -> dict[str, str]:
        """Tell the target where the emulator is."""
        return {
            "BIGQUERY_EMULATOR_HOST": self.emulator.url,
            "BIGQUERY_EMULATOR_GRPC": self.emulator.grpc,
            "PYTHONWARNINGS": "ignore",
        }

    def query(self, sql: str) -> list[dict[str, Any]]:
        """Ask BigQuery; `{dataset}` stands for the name of this dataset."""
        return self.emulator.query(sql.format(dataset=self.name))

    @override
    def undeleted(self, stream: str) -> list[dict[str, Any]]:
        """Return the rows of a table that are not deleted, as BigQuery gives them."""
        return self.query(f"SELECT * FROM {{dataset}}.{stream} WHERE _sdc_deleted_at IS NULL")  # noqa: S608

    def everything(self) -> dict[str, list[dict[str, Any]]]:
        """Return all rows of all tables, bookkeeping included."""
        tables = sorted(self.emulator.tables(self.name))
        return {name: self.query(f"SELECT * FROM {{dataset}}.`{name}` ORDER BY 1, 2, 3") for name in tables}  # noqa: S608
