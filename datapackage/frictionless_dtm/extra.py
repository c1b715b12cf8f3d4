"""Checks whether the libraries of the extra ``tap-dtm[datapackage]`` are installed."""

from __future__ import annotations

from importlib.util import find_spec

from tap_dtm.errors import DtmError


def require(*modules: str) -> None:
    """Check that modules of the extra are installed, before a run begins.

    Raises:
        DtmError: A module is not installed.
    """
    if missing := [module for module in modules if find_spec(module) is None]:
        raise DtmError(
            f"target-datapackage needs {' and '.join(missing)}, which is not installed. Run: pip install "
            "'tap-dtm[datapackage]'"
        )
