"""The one family of errors of this project.

Each message is for an operator who reads it at night: what happened, for which endpoint and country, and what to do. It
passes through ``redaction``, so that it never holds a secret.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_dtm.redaction import shown

if TYPE_CHECKING:
    from collections.abc import Mapping


class DtmError(Exception):
    """An expected error.

    It is raised directly for mistakes in settings and files. Callers treat its subclasses differently.
    """

    def __init__(self, message: str = "") -> None:
        """Keep the message without secrets and control characters."""
        super().__init__(shown(message))


class DtmAccessError(DtmError):
    """The API refuses the key: it is missing or invalid, or its quota is used up.

    The error affects every request, so a run stops at the first one.
    """


class DtmQuotaError(DtmAccessError):
    """The key's quota is used up. The API names the time at which it is filled again."""


class DtmRequestError(DtmError):
    """One request failed: it was refused or not answered, or another server answered it.

    The error affects one country; the others continue.
    """


class DtmRefusedError(DtmRequestError):
    """The request has a wrong address, or a user agent that the firewall refuses.

    The error stays until a setting is changed.
    """


class DtmUnknownError(DtmRequestError):
    """The API reports that it does not know the requested country, operation or area."""


class DtmAnswerError(DtmError):
    """An answer cannot be trusted: wrong country, wrong count, missing fields, not JSON.

    Its rows are never used. The error affects one country; the others continue.
    """


class DtmWithdrawnError(DtmError):
    """A country that had rows has left the list or answers without any rows.

    Its rows are kept until the operator lists it in ``accept_withdrawn_countries``.
    """


class DtmPartialSyncError(DtmError):
    """Some countries failed; all others were delivered and bookmarked. ``failures`` has the reasons by country code."""

    def __init__(self, message: str, failures: Mapping[str, DtmError]) -> None:
        """Keep the message and the failures that it sums up."""
        super().__init__(message)
        self.failures = dict(failures)


class DtmOutputError(DtmError):
    """The output cannot be written: its reader has ended, or the disk is full. All up to the last STATE is safe."""
