"""The streams: the kind of each. What a kind has is in its module, and what a stream holds is in the catalogue."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from tap_dtm.metadata.model import LEVELS
from tap_dtm.singer.base import ListStream
from tap_dtm.singer.countries import CountryListStream
from tap_dtm.singer.figures import IdpStream
from tap_dtm.singer.history import HistoryStream, RunStream
from tap_dtm.singer.pcodes import PcodeListStream

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_dtm.singer.base import DtmStream

_KINDS: Final[dict[type[DtmStream], list[str]]] = {
    CountryListStream: ["countries"],
    ListStream: ["operations"],
    IdpStream: [f"idp_admin{level}" for level in LEVELS],
    HistoryStream: [f"idp_admin{level}_history" for level in LEVELS],
    RunStream: ["runs"],
    PcodeListStream: ["pcodes"],
}
STREAMS: Final[tuple[Callable[..., DtmStream], ...]] = tuple(
    partial(kind, name) for kind, names in _KINDS.items() for name in names
)
"""What makes the streams. A country's children deliver in this order: ``runs`` says what came of the others."""
