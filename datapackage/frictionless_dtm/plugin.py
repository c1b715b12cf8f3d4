"""The plugin that frictionless calls for every source. It imports a module only for its own sources."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from frictionless import Adapter, Control, Parser, Resource

SCHEME = "dtm"
PARQUET_MARK = f"{SCHEME}:bytes"
"""The property, set by `descriptor`, that marks Parquet files of our packages."""


class DtmPlugin:
    """Adds ``dtm://`` sources to frictionless, and detects changed Parquet files of our packages.

    frictionless calls only these methods of a plugin, so no base class of frictionless has to be imported.
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
            adapter: Adapter | None = _import("parser").create_adapter(source, packagify=packagify)
            return adapter
        return None

    def create_parser(self, resource: Resource) -> Parser | None:
        """Return the reader of a table such as ``dtm://v3/admin1?country=XAA``, or of a Parquet file of our packages.

        A hash does not mark a file as ours: frictionless itself writes ``sha256:None`` for Parquet files.
        """
        parser: Parser | None = None
        if resource.scheme == SCHEME:
            parser = _import("parser").DtmParser(resource)
        elif resource.format == "parquet" and PARQUET_MARK in resource.custom:
            parser = _import("parquet_parser").HashedParquetParser(resource)
        return parser

    def detect_resource(self, resource: Resource) -> None:
        """Complete a table of ``dtm://`` from the catalogue."""
        if resource.scheme == SCHEME:
            _import("parser").complete(resource)


def _import(module: str) -> Any:  # noqa: ANN401
    try:
        return import_module(f"frictionless_dtm.source.{module}")
    except ImportError as error:
        from frictionless import FrictionlessException  # noqa: PLC0415  see the module's docstring

        raise FrictionlessException(
            f"tap-dtm cannot read this source, because {error.name or 'a module'} is missing or damaged ({error}). "
            "Install all of it: pip install 'tap-dtm[datapackage]'."
        ) from error
