"""CHANGELOG.md: this version, and the entries of earlier versions."""

from __future__ import annotations

import re
from itertools import groupby
from typing import TYPE_CHECKING

from frictionless_dtm.descriptor.markdown import Markdown
from frictionless_dtm.pages.templating import as_markdown
from tap_dtm.exact.round import Round

if TYPE_CHECKING:
    from frictionless_dtm.descriptor.contents import Contents, RoundChange
    from frictionless_dtm.pages.front import Front


def changelog(contents: Contents, front: Front) -> str:
    """Return CHANGELOG.md, the newest version first."""
    changes = sorted(contents.changes or (), key=lambda each: (_operation(each), _round(each).order))
    kinds = [
        (kind.capitalize(), [(*key, list(map(_words, rounds))) for key, rounds in groupby(of_kind, _operation)])
        for kind in ("added", "revised", "withdrawn")
        if (of_kind := [each for each in changes if each.kind == kind])
    ]
    text = as_markdown(
        "CHANGELOG.md.j2",
        front=front,
        is_first=contents.changes is None,
        others=contents.others if contents.changes is not None else (),
        kinds=kinds,
        history=[Markdown(each.strip("\n")) for each in contents.history],
    )
    return re.sub(r"\n{3,}", "\n\n", text.rstrip("\n")) + "\n"


def _operation(change: RoundChange) -> tuple[str, str]:
    return change.country, change.operation


def _round(change: RoundChange) -> Round:
    return Round(change.reporting_date, change.round_number, change.assessment_type)


def _words(change: RoundChange) -> str:
    number = "" if change.round_number is None else f" {change.round_number}"
    return f"round{number} of {change.reporting_date}" + (
        f" ({change.assessment_type})" if change.assessment_type else ""
    )
