"""DTM for Frictionless: ``dtm://`` sources, and the Singer target that writes data packages.

frictionless imports this module at every start, on every machine that has it: `DtmPlugin` imports nothing but
the standard library until a ``dtm://`` source, or a Parquet file that the target has written, is read.
"""

from __future__ import annotations

from frictionless_dtm.plugin import DtmPlugin

__all__ = ["DtmPlugin"]
