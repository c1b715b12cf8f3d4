"""CHANGELOG.md: this version, and the entries of the versions before."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from frictionless_dtm.descriptor.markdown import Markdown
from frictionless_dtm.pages.templating import as_markdown
from tap_dtm.exact.round import Round

if TYPE_CHECKING:
    from collections.abc import Iterable

    from frictionless_dtm.descriptor.contents import Contents, RoundChange
    from frictionless_dtm.pages.front import Front

_KINDS: Final = {"added": "Added", "revised": "Revised", "withdrawn": "Withdrawn"}


def changelog(contents: Contents, front: Front) -> str:
    """Return CHANGELOG.md: this version first, then the entries that it was given."""
    text = as_markdown(
        "CHANGELOG.md.j2",
        front=front,
        is_first=contents.changes is None,
        others=contents.others if contents.changes is not None else (),
        kinds=[
            (name, _by_operation([each for each in contents.changes or () if each.kind == kind]))
            for kind, name in _KINDS.items()
            if any(each.kind == kind for each in contents.changes or ())
        ],
        history=[Markdown(each.strip("\n")) for each in contents.history],
    )
    return re.sub(r"\n{3,}", "\n\n", text.rstrip("\n")) + "\n"


def _by_operation(changes: Iterable[RoundChange]) -> list[tuple[str, str, list[str]]]:
    """Return the changes in words, the rounds of each country and operation together."""
    found: dict[tuple[str, str], list[RoundChange]] = defaultdict(list)
    for each in changes:
        found[each.country, each.operation].append(each)
    return [
        (country, operation, [_round(each) for each in sorted(rounds, key=_order)])
        for (country, operation), rounds in sorted(found.items())
    ]


def _order(change: RoundChange) -> tuple[Any, ...]:
    return Round(change.reporting_date, change.round_number, change.assessment_type).order


def _round(change: RoundChange) -> str:
    return " ".join(
        [
            "round" if change.round_number is None else f"round {change.round_number}",
            f"of {change.reporting_date}" + (f" ({change.assessment_type})" if change.assessment_type else ""),
        ]
    )
