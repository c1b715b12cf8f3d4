"""Whether a package may be passed on at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from frictionless_dtm.tableschema import PREFIX
from tap_dtm.errors import DtmError

if TYPE_CHECKING:
    from collections.abc import Mapping

REDISTRIBUTION: Final = f"{PREFIX}redistribution"
PERMISSION: Final = f"{PREFIX}permission"
PERMITTED: Final = "permitted"


def check_permission(descriptor: Mapping[str, Any]) -> str:
    """Return the text of the permission to pass a package on.

    Raises:
        DtmError: There is none; the message says no more of the terms than the package does.
    """
    permission = descriptor.get(PERMISSION)
    if descriptor.get(REDISTRIBUTION) != PERMITTED:
        says = "says that redistribution is not permitted" if REDISTRIBUTION in descriptor else "permits it to nobody"
        raise DtmError(
            f"This package may not be passed on: it {says}{_by_which_terms(descriptor)}. {_whom_to_ask(descriptor)}, "
            "write the package anew with the settings redistribution: permitted and permission: who permitted it, when "
            "and for what."
        )
    if not isinstance(permission, str) or not permission.strip():
        raise DtmError(
            "This package may not be passed on: it says that redistribution is permitted, but not by whom. Write it "
            "anew with the setting permission: who permitted it, when and for what."
        )
    return permission


def _by_which_terms(descriptor: Mapping[str, Any]) -> str:
    names = [entry.get("title") or entry.get("name") or entry.get("path") for entry in descriptor.get("licenses", ())]
    return f", by its terms ({', '.join(filter(None, names))})" if any(names) else ""


def _whom_to_ask(descriptor: Mapping[str, Any]) -> str:
    """Begin a sentence with whom the package names as its contact, if anybody."""
    for who in descriptor.get("contributors", ()):
        if "contact" in who.get("roles", ()) and (name := " ".join(filter(None, (who.get("title"), who.get("email"))))):
            return f"Ask {name}; once they agree"
    return "Once whoever has the rights to these data agrees"
