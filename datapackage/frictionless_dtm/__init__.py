"""DTM for Frictionless: ``dtm://`` sources, and the Singer target that writes data packages.

frictionless imports this module at every start. So `DtmPlugin` imports only the standard library, until somebody reads
a ``dtm://`` source or a Parquet file of the target.
"""

from __future__ import annotations

from frictionless_dtm.plugin import DtmPlugin

__all__ = ["DtmPlugin"]
