"""The files of one table: the same rows in each of the formats."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from frictionless_dtm.descriptor.package import DataFile, hxl_tags
from frictionless_dtm.target.csv_writer import CsvOutput
from frictionless_dtm.target.manifest import make_permanent, sha256_of

if TYPE_CHECKING:
    from pathlib import Path

    from frictionless_dtm.descriptor.profile import Resource
    from frictionless_dtm.descriptor.settings import Settings
    from frictionless_dtm.descriptor.shape import Shape
    from frictionless_dtm.target.rows import Batch


class _Output(Protocol):
    def write(self, batch: Batch) -> None: ...

    def close(self) -> None: ...


class TableFiles:
    """The files of a table that is being written.

    Args:
        building: The folder of the package in the making.
        name: The name of the table.
        shape: Its columns.
        resource: Its description in the catalogue, if any.
        settings: The checked settings.
        redistribution: Whether the package may be redistributed.
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
        self.rows = 0
        self._building, self._name = building, name
        self._outputs: dict[str, _Output] = {}
        for each in settings.formats:
            path = building / "data" / f"{name}.{each}"
            if each == "parquet":
                from frictionless_dtm.target.parquet_writer import ParquetOutput  # noqa: PLC0415  pyarrow loads slowly

                terms = {"redistribution": redistribution, "permission": settings.permission}
                self._outputs[each] = ParquetOutput(path, shape, resource, terms, largest=largest)
            else:
                tags = hxl_tags(shape, resource) if settings.include_hxl_row else None
                self._outputs[each] = CsvOutput(path, shape, tags)

    def write(self, batch: Batch) -> None:
        """Write rows."""
        self.rows += len(batch.rows)
        for output in self._outputs.values():
            output.write(batch)

    def close(self) -> tuple[DataFile, ...]:
        """Finish the files, and describe them."""
        files = []
        for each, output in self._outputs.items():
            output.close()
            name = f"data/{self._name}.{each}"
            path = self._building / name
            make_permanent(path)
            files.append(DataFile(name, each, path.stat().st_size, sha256_of(path)))
        return tuple(files)
