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
        DtmError: There is none: IOM's terms then forbid it.
    """
    permission = descriptor.get(PERMISSION)
    if descriptor.get(REDISTRIBUTION) != PERMITTED:
        raise DtmError(
            "This package may not be passed on: it says that redistribution is not permitted, as IOM's terms have it. "
            "Ask IOM (dtmdataconsolidation@iom.int); once they agree, write the package anew with the settings "
            "redistribution: permitted and permission: who permitted it, when and for what."
        )
    if not isinstance(permission, str) or not permission.strip():
        raise DtmError(
            "This package may not be passed on: it says that redistribution is permitted, but not by whom. Write it "
            "anew with the setting permission: who permitted it, when and for what."
        )
    return permission
