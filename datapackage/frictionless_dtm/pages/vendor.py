"""Write ``static/vega.js`` anew from vl-convert-python, for whoever wants a newer Vega: a tool for development.

python -m frictionless_dtm.pages.vendor
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Final

VL_CONVERT: Final = "1.9.0"
"""The version of vl-convert-python that the bundle is from."""

BUNDLE: Final = Path(__file__).parent / "static" / "vega.js"


def bundle() -> str:
    """Return Vega, Vega-Lite and Vega-Embed as one script."""
    # Needed by nobody who only writes packages.
    return str(import_module("vl_convert").javascript_bundle())


if __name__ == "__main__":
    BUNDLE.write_text(bundle(), encoding="utf-8")
