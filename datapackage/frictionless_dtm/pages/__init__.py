"""The part of a data package that people read: README, citation, change log, quality report and the page."""

from __future__ import annotations

from frictionless_dtm.pages.rendering import render

__all__ = ["render"]
