"""The one family of errors of this project.

Each message is a whole sentence for the operator who reads it at night: what happened, for which
endpoint and country, and what to do. It passes through ``redaction``, so that none ever holds a secret.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_dtm.redaction import shown

if TYPE_CHECKING:
    from collections.abc import Mapping


class DtmError(Exception):
    """Anything that goes wrong in a way this project foresees.

    Raised directly for what the operator set wrongly; subclasses tell apart what callers treat differently.
    """

    def __init__(self, message: str = "") -> None:
        """Keep the sentence as it may be shown."""
        super().__init__(shown(message))


class DtmAccessError(DtmError):
    """The API refuses this key: missing, invalid, or its quota is used up.

    It concerns every request, so a run stops at the first one.
    """


class DtmQuotaError(DtmAccessError):
    """The key's quota is used up. It passes by itself, at the time that the API names."""


class DtmRequestError(DtmError):
    """One request failed: refused, unanswered, or answered by something that is not the API.

    Concerns one country; the others go on.
    """


class DtmRefusedError(DtmRequestError):
    """The request went to the wrong place, or as somebody whom the firewall refuses.

    It does not pass until somebody changes a setting.
    """


class DtmUnknownError(DtmRequestError):
    """The API says that it does not know the country, operation or area that it was asked for."""


class DtmAnswerError(DtmError):
    """An answer arrived but cannot be trusted: wrong country, wrong count, missing fields, not JSON.

    It is never taken as data. Concerns one country; the others go on.
    """


class DtmWithdrawnError(DtmError):
    """A country that had rows has left the list or answers with nothing at all.

    Its rows are kept until the operator lists it in ``accept_withdrawn_countries``.
    """


class DtmPartialSyncError(DtmError):
    """Some countries failed; all others were delivered and bookmarked. ``failures`` tells why, by country code."""

    def __init__(self, message: str, failures: Mapping[str, DtmError]) -> None:
        """Keep the sentence and what it sums up."""
        super().__init__(message)
        self.failures = dict(failures)


class DtmOutputError(DtmError):
    """What reads the messages has gone, or the disk is full; everything up to the last STATE is safe."""
