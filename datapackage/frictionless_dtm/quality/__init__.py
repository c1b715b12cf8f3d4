"""What is odd in the data, as published: counted and shown, never repaired."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from frictionless_dtm.quality.observer import QualityObserver
from frictionless_dtm.quality.reporting import compose
from frictionless_dtm.quality.runs import read

if TYPE_CHECKING:
    from frictionless_dtm.descriptor.contents import Contents

__all__ = ["QualityObserver", "compose", "read", "report"]


def report(contents: Contents) -> dict[str, Any]:
    """Return the quality report of a package, as it stands in ``quality.json``.

    Packages without displacement figures get a report that says so.
    """
    observer = QualityObserver()
    statuses = read(contents, observer)
    return compose(observer, statuses, contents)
