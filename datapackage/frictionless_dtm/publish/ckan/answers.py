"""What CKAN's action API answers, as far as publishing asks it. Pure functions."""

from __future__ import annotations

from typing import Any

import msgspec

from frictionless_dtm.publish.shapes import as_shape


class _Named(msgspec.Struct):
    name: str


class _Extra(msgspec.Struct):
    key: str
    value: Any


class _Resource(msgspec.Struct):
    id: str
    name: str | None = None
    url: str | None = None


class _Organisation(msgspec.Struct):
    name: str


class _Dataset(msgspec.Struct):
    """A dataset. Without the list of its resources, all of them would be sent again; HDX leaves out extras."""

    id: str
    private: bool
    resources: list[_Resource]
    tags: list[_Named] = []
    groups: list[_Named] = []
    extras: list[_Extra] = []
    organization: _Organisation | None = None


class _Made(msgspec.Struct):
    id: str


_SHAPES: dict[str, Any] = {
    "package_show": _Dataset,
    "package_create": _Made,
    "package_patch": _Made,
    "resource_create": _Resource,
    "resource_patch": _Resource,
}


class _Success(msgspec.Struct):
    success: bool
    result: Any = None


def result_of(action: str, body: object, host: str) -> dict[str, Any]:
    """Return the result of an action, whole; nothing for one that has none.

    Raises:
        DtmError: It is no answer of CKAN's to this action.
    """
    what = f"What {host} answers to {action} is not an answer of CKAN's action API: check the address"
    answer = as_shape(body, _Success, what)
    if action not in _SHAPES:
        return {}
    as_shape(answer.result, _SHAPES[action], what)
    result: dict[str, Any] = answer.result
    return result
