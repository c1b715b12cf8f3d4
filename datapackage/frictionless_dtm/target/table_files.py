"""The files of one table: the same rows in each of the formats."""

from __future__ import annotations

from typing import TYPE_CHECKING

from frictionless_dtm.descriptor.package import DataFile, hxl_tags
from frictionless_dtm.target.csv_writer import CsvOutput

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from frictionless_dtm.descriptor.profile import Resource
    from frictionless_dtm.descriptor.settings import Settings
    from frictionless_dtm.descriptor.shape import Shape
    from frictionless_dtm.target.csv_writer import Output
    from frictionless_dtm.target.rows import Batch


class TableFiles:
    """The files of a table that is being written.

    Args:
        building: The folder of the package in the making.
        name: The name of the table.
        shape: Its columns.
        resource: What the catalogue says of them, if anything.
        settings: The checked settings.
        redistribution: Whether the package may be passed on.
        largest: The bytes of the largest row.
    """

    def __init__(  # noqa: D107, PLR0913
        self,
        building: Path,
        name: str,
        shape: Shape,
        resource: Resource | None,
        settings: Settings,
        *,
        redistribution: str,
        largest: int = 0,
    ) -> None:
        self._terms = {"redistribution": redistribution, "permission": settings.permission}
        self._has_hxl_row = settings.include_hxl_row
        self._largest = largest
        self._outputs = {
            f"data/{name}.{each}": (each, self._output(building / "data" / f"{name}.{each}", each, shape, resource))
            for each in settings.formats
        }
        self.rows = 0

    def _output(self, path: Path, file_format: str, shape: Shape, resource: Resource | None) -> Output:
        if file_format == "parquet":
            from frictionless_dtm.target.parquet_writer import ParquetOutput  # noqa: PLC0415  pyarrow takes its time to load

            return ParquetOutput(path, shape, resource, self._terms, largest=self._largest)
        return CsvOutput(path, shape, hxl_tags(shape, resource) if self._has_hxl_row else None)

    def write(self, batch: Batch) -> None:
        """Write rows."""
        self.rows += len(batch.rows)
        for _, output in self._outputs.values():
            output.write(batch)

    def close(self) -> tuple[DataFile, ...]:
        """Finish the files, and describe them."""
        written: Mapping[str, tuple[str, Output]] = self._outputs
        files = []
        for path, (file_format, output) in written.items():
            done = output.close()
            files.append(DataFile(path, file_format, done.bytes, done.sha256))
        return tuple(files)
