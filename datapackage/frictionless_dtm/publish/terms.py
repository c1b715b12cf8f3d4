"""Checks whether a package may be redistributed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from frictionless_dtm.descriptor.markdown import escaped
from frictionless_dtm.descriptor.settings import PERMITTED, is_permission
from frictionless_dtm.descriptor.table_schema import PREFIX
from frictionless_dtm.target.folder import recorded_descriptor
from tap_dtm.errors import DtmError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_REDISTRIBUTION: Final = f"{PREFIX}redistribution"
_PERMISSION: Final = f"{PREFIX}permission"
_TERMS: Final = (_REDISTRIBUTION, _PERMISSION, "licenses", f"{PREFIX}terms", f"{PREFIX}creditLine")
_REFUSED: Final = "Not for redistribution"
_IN_PAGES: Final = {"README.md": f"> **{_REFUSED}.**", "index.html": f"<strong>{_REFUSED}.</strong>"}
"""The marks in the pages of a package that may not be redistributed."""
_GRANTED: Final = "> **Redistribution permitted.** "


def check_permission(descriptor: Mapping[str, Any]) -> str:
    """Return the text of the permission to redistribute a package.

    Raises:
        DtmError: There is no permission. The message gives the terms as far as the package has them.
    """
    permission = descriptor.get(_PERMISSION)
    if descriptor.get(_REDISTRIBUTION) != PERMITTED:
        licenses = descriptor.get("licenses", ())
        names = [name for each in licenses if (name := each.get("title") or each.get("name") or each.get("path"))]
        by_its_terms = f", by its terms ({', '.join(names)})" if names else ""
        reason = "does not permit redistribution" if _REDISTRIBUTION in descriptor else "names no permission"
        raise DtmError(
            f"This package may not be passed on: it {reason}{by_its_terms}. {_whom_to_ask(descriptor)}, "
            "write the package again with the settings redistribution: permitted and permission: who permitted it, "
            "when and for what."
        )
    if not is_permission(permission):
        raise DtmError(
            "This package may not be passed on: it permits redistribution, but does not name who permitted it. Write "
            "it again with the setting permission: who permitted it, when and for what."
        )
    return str(permission)


def check_witnesses(folder: Path, descriptor: Mapping[str, Any]) -> None:
    """Check that descriptor, pages and the target's record of a permitted package state the same terms.

    The descriptor and the pages can be edited by hand. The record shows what the target wrote.

    Raises:
        DtmError: Two of them contradict each other; the message names both.
    """
    permission = check_permission(descriptor)
    recorded = recorded_descriptor(folder)
    recorded = descriptor if recorded is None else recorded
    if witness := next(_contradictions(folder, descriptor, recorded, escaped(permission)), None):
        raise DtmError(
            f"This package may not be passed on: datapackage.json permits redistribution, and {witness} "
            "contradicts it. Do not edit the package. Write it again with target-datapackage and the settings "
            "redistribution and permission."
        )


def _contradictions(
    folder: Path, descriptor: Mapping[str, Any], recorded: Mapping[str, Any], permission: str
) -> Iterator[str]:
    if _REFUSED in str(descriptor.get("description", "")):
        yield "its description"
    for name in _TERMS:
        if recorded.get(name) != descriptor.get(name):
            yield f"the target's own record, where {name} is different,"
    pages = {name: page.read_text("utf-8", errors="replace") for name in _IN_PAGES if (page := folder / name).exists()}
    yield from (name for name, text in pages.items() if _IN_PAGES[name] in text)
    for line in pages.get("README.md", "").splitlines():
        if line.startswith(_GRANTED) and line.removeprefix(_GRANTED).partition(" Terms: <")[0] != permission:
            yield "README.md, which names another permission,"


def _whom_to_ask(descriptor: Mapping[str, Any]) -> str:
    """Return the beginning of a sentence, with the contact of the package if it names one."""
    for who in descriptor.get("contributors", ()):
        if "contact" in who.get("roles", ()) and (name := " ".join(filter(None, (who.get("title"), who.get("email"))))):
            return f"Ask {name}; once they agree"
    return "Once the owner of the rights to these data agrees"
