"""Checks which facts about the API hold: ``tap-dtm --check-api``.

``questions`` plans the requests, ``asking`` sends them, and ``report`` writes the result. Facts are in ``envelopes``,
``rows``, ``levels`` and ``filters``. Only ``asking`` does I/O. May import ``exact`` and ``api``.
"""

from __future__ import annotations

from tap_dtm.apicheck.report import Report, check

__all__ = ["Report", "check"]
