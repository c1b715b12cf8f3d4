"""Whether a package may be passed on at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from frictionless_dtm.descriptor.markdown import escaped
from frictionless_dtm.descriptor.table_schema import PREFIX
from frictionless_dtm.descriptor.terms import is_permission
from frictionless_dtm.target.record import recorded_descriptor
from tap_dtm.errors import DtmError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

REDISTRIBUTION: Final = f"{PREFIX}redistribution"
PERMISSION: Final = f"{PREFIX}permission"
PERMITTED: Final = "permitted"
_TERMS: Final = (REDISTRIBUTION, PERMISSION, "licenses", f"{PREFIX}terms", f"{PREFIX}creditLine")
_REFUSED: Final = "Not for redistribution"
_IN_PAGES: Final = {"README.md": f"> **{_REFUSED}.**", "index.html": f"<strong>{_REFUSED}.</strong>"}
"""How the pages of a package say that it may not be passed on."""
_GRANTED: Final = "> **Redistribution permitted.** "


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
            "write the package again with the settings redistribution: permitted and permission: who permitted it, "
            "when and for what."
        )
    if not is_permission(permission):
        raise DtmError(
            "This package may not be passed on: it says that redistribution is permitted, but not by whom. Write it "
            "again with the setting permission: who permitted it, when and for what."
        )
    return str(permission)


def check_witnesses(folder: Path, descriptor: Mapping[str, Any]) -> None:
    """Check that everything which states the terms of a permitted package states the same.

    The descriptor can be edited by hand, and so can the pages. The target's own record shows what it wrote.

    Raises:
        DtmError: Two of them contradict each other; the message names both.
    """
    permission = check_permission(descriptor)
    if _REFUSED in str(descriptor.get("description", "")):
        raise _contradiction("its description")
    recorded = recorded_descriptor(folder)
    for name in _TERMS if recorded is not None else ():
        if recorded is not None and recorded.get(name) != descriptor.get(name):
            raise _contradiction(f"the target's own record, where {name} is different,")
    for page, refusal in _IN_PAGES.items():
        text = _text(folder / page)
        if refusal in text:
            raise _contradiction(page)
    for line in _text(folder / "README.md").splitlines():
        if line.startswith(_GRANTED) and line.removeprefix(_GRANTED).partition(" Terms: <")[0] != escaped(permission):
            raise _contradiction("README.md, which names another permission,")


def _contradiction(witness: str) -> DtmError:
    return DtmError(
        f"This package may not be passed on: datapackage.json says that redistribution is permitted, and {witness} "
        "contradicts it. Do not edit the package: write it again with target-datapackage and the settings "
        "redistribution and permission."
    )


def _text(page: Path) -> str:
    """Return the text of a page; nothing where it is missing."""
    try:
        return page.read_text("utf-8", errors="replace")
    except FileNotFoundError:
        return ""


def _by_which_terms(descriptor: Mapping[str, Any]) -> str:
    names = [entry.get("title") or entry.get("name") or entry.get("path") for entry in descriptor.get("licenses", ())]
    return f", by its terms ({', '.join(filter(None, names))})" if any(names) else ""


def _whom_to_ask(descriptor: Mapping[str, Any]) -> str:
    """Begin a sentence with whom the package names as its contact, if anybody."""
    for who in descriptor.get("contributors", ()):
        if "contact" in who.get("roles", ()) and (name := " ".join(filter(None, (who.get("title"), who.get("email"))))):
            return f"Ask {name}; once they agree"
    return "Once whoever has the rights to these data agrees"
