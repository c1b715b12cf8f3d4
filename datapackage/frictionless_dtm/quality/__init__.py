"""What is odd in the data, as published: counted and shown, never repaired."""

from __future__ import annotations

from frictionless_dtm.quality.reporting import report

__all__ = ["report"]
