"""Checks which facts about the API hold: ``tap-dtm --check-api``.

``asking`` plans and sends the requests, ``facts`` judges the answers, and ``report`` writes the result. Only ``asking``
does I/O. May import ``exact`` and ``api``.
"""

from __future__ import annotations

from tap_dtm.apicheck.report import Report, check

__all__ = ["Report", "check"]
