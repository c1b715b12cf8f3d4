"""Which facts hold of the API that is there: ``tap-dtm --check-api``.

``questions`` says what is asked, ``asking`` asks, ``facts`` judges, ``report`` writes. All but ``asking`` are pure.
May import ``exact`` and ``api``.
"""

from __future__ import annotations

from tap_dtm.apicheck.report import Report, check

__all__ = ["Report", "check"]
