"""What frictionless calls. It asks every plugin about every source, so nothing is imported for those of others."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from frictionless import Adapter, Control, Parser, Resource

SCHEME = "dtm"
PARQUET_MARK = f"{SCHEME}:bytes"
"""The property that every Parquet file of a package of ours has, and no other: `descriptor` gives it."""


class DtmPlugin:
    """Makes ``dtm://`` a source like any other, and lets a changed Parquet file of a package of ours be found out.

    frictionless asks no more of a plugin than these methods, so it need not be imported for a base class.
    """

    def create_adapter(
        self,
        source: Any,  # noqa: ANN401
        *,
        control: Control | None = None,  # noqa: ARG002
        basepath: str | None = None,  # noqa: ARG002
        packagify: bool = False,
    ) -> Adapter | None:
        """Return the reader of a package such as ``dtm://v3?country=XAA``; None for a single table."""
        if isinstance(source, str) and source.lower().startswith(f"{SCHEME}://"):
            adapter: Adapter | None = _ours("adapter").create_adapter(source, packagify=packagify)
            return adapter
        return None

    def create_parser(self, resource: Resource) -> Parser | None:
        """Return the reader of a table such as ``dtm://v3/admin1?country=XAA``, or of a package's Parquet file.

        Parquet files of others are none of ours, though they may have a hash: frictionless itself writes
        ``sha256:None`` for them.
        """
        parser: Parser | None = None
        if resource.scheme == SCHEME:
            parser = _ours("parser").DtmParser(resource)
        elif resource.format == "parquet" and PARQUET_MARK in resource.custom:
            parser = _ours("parquet_parser").HashedParquetParser(resource)
        return parser

    def detect_resource(self, resource: Resource) -> None:
        """Complete a table of ``dtm://`` from the catalogue."""
        if resource.scheme == SCHEME:
            _ours("parser").complete(resource)


def _ours(module: str) -> Any:  # noqa: ANN401
    try:
        return import_module(f"frictionless_dtm.source.{module}")
    except ImportError as error:
        from frictionless import FrictionlessException  # noqa: PLC0415  see the module's docstring

        raise FrictionlessException(
            f"tap-dtm cannot read this source, because {error.name or 'a module'} is missing or damaged ({error}). "
            "Install it whole: pip install 'tap-dtm[datapackage]'."
        ) from error
