"""The files of one table: the same rows in each of the formats."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Protocol

from frictionless_dtm.descriptor.package import DataFile, hxl_tags
from frictionless_dtm.target.csv_writer import CsvOutput
from frictionless_dtm.target.manifest import make_permanent, sha256_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from frictionless_dtm.descriptor.profile import Resource
    from frictionless_dtm.descriptor.settings import Settings
    from frictionless_dtm.descriptor.shape import Shape
    from frictionless_dtm.target.rows import Batch


class _Output(Protocol):
    def write(self, batch: Batch) -> None: ...

    def close(self) -> None: ...


def write_files(  # noqa: PLR0913
    table: Path,
    shape: Shape,
    resource: Resource | None,
    batches: Iterable[Batch],
    *,
    settings: Settings,
    redistribution: str,
    largest: int = 0,
) -> tuple[int, tuple[DataFile, ...]]:
    """Write the files of a table, and return the number of its rows and the files.

    ``table`` is their path without the ending, and ``largest`` the size of the largest row.
    """
    paths = {each: table.with_name(f"{table.name}.{each}") for each in settings.formats}
    outputs: list[_Output] = []
    rows = 0
    with ExitStack() as closing:
        for each, path in paths.items():
            if each == "parquet":
                from frictionless_dtm.target.parquet_writer import ParquetOutput  # noqa: PLC0415  pyarrow loads slowly

                terms = {"redistribution": redistribution, "permission": settings.permission}
                outputs.append(ParquetOutput(path, shape, resource, terms, largest=largest))
            else:
                tags = hxl_tags(shape, resource) if settings.include_hxl_row else None
                outputs.append(CsvOutput(path, shape, tags))
            closing.callback(outputs[-1].close)
        for batch in batches:
            rows += len(batch.rows)
            for output in outputs:
                output.write(batch)
    files = []
    for each, path in paths.items():
        make_permanent(path)
        files.append(DataFile(f"data/{path.name}", each, path.stat().st_size, sha256_of(path)))
    return rows, tuple(files)
