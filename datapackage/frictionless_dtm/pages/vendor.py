"""Replace ``static/vega.js`` by the Vega of the installed vl-convert-python. A tool for development.

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
    # Imported here: writing packages does not need it.
    return str(import_module("vl_convert").javascript_bundle())


if __name__ == "__main__":
    BUNDLE.write_text(bundle(), encoding="utf-8")
