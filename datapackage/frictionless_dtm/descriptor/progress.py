"""Reads from a state of tap-dtm which rows the target has. The states of other taps are ignored.

A stream is recognised by its columns, because a stream map can rename it. The state has tap-dtm's own name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from frictionless_dtm.descriptor.profile import Profile
from tap_dtm.exact.bookmarks import positions
from tap_dtm.exact.state import unpacked

__all__ = ["announces_deliveries", "api_version", "bookmarks", "delivered", "listed_keys", "positions"]

if TYPE_CHECKING:
    from frictionless_dtm.descriptor.shape import Shape
    from tap_dtm.metadata import Resource


def bookmarks(shape: Shape, state: Any) -> Any:  # noqa: ANN401  any JSON value
    """Return the bookmarks of an IDP stream in a state; an empty mapping for other streams.

    The first STATE of a run has the bookmarks with which the run began.
    """
    resource = _resource(shape)
    return bookmark(resource.name, state) if resource and announces_deliveries(shape) else {}


def announces_deliveries(shape: Shape) -> bool:
    """Return whether a STATE message precedes and follows each delivery, as in the IDP streams of tap-dtm."""
    resource = _resource(shape)
    return resource is not None and resource.level is not None and not resource.history_of


def delivered(shape: Shape, state: Any) -> int:  # noqa: ANN401
    """Return how many rows of an IDP stream are delivered according to a state."""
    countries = positions(bookmarks(shape, state)).values()
    return sum(rows for _, operations in countries for content, rows in operations.values() if content)


def listed_keys(shape: Shape, state: Any) -> list[tuple[str, ...]] | None:  # noqa: ANN401
    """Return the keys of a list of tap-dtm according to a state; None for other streams."""
    resource = _resource(shape)
    if resource is None or resource.level is not None:
        return None
    keys = bookmark(resource.name, state).get("keys")
    if not isinstance(keys, dict) and not (isinstance(keys, list) and all(isinstance(key, list) for key in keys)):
        return None
    try:
        return unpacked(keys)
    except (TypeError, ValueError):
        return None


def api_version(state: Any) -> str | None:  # noqa: ANN401
    """Return the version of the API in a state, if it has one."""
    stated = bookmark("countries", state).get("api_version")
    return str(stated) if stated else None


def bookmark(stream: str, state: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return the bookmark of a stream in a state; an empty mapping if the value has another form."""
    return _mapping(_mapping(_mapping(state).get("bookmarks")).get(stream))


def _resource(shape: Shape) -> Resource | None:
    return Profile.at(None).resource_of(shape)


def _mapping(value: Any) -> dict[str, Any]:  # noqa: ANN401
    return value if isinstance(value, dict) else {}
