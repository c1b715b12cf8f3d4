"""What an answer of the DTM API means.

How the API behaves was collected from published clients, an OpenAPI description and recorded answers: it says
"nothing found" with HTTP 200 and a ``statusCode`` of 204, reports mistakes of the caller with HTTP 200, and
sits behind a gateway (keys, quotas: JSON) and a firewall (HTML).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final

from requests import codes

from tap_dtm.api.envelope import NUL, Envelope, NotJsonError, read_envelope, said, whole_number
from tap_dtm.errors import (
    DtmAccessError,
    DtmAnswerError,
    DtmQuotaError,
    DtmRefusedError,
    DtmRequestError,
    DtmUnknownError,
)
from tap_dtm.redaction import quoted
from tap_dtm.settings import HOW_TO_GET_A_KEY

if TYPE_CHECKING:
    from msgspec import Struct

    from tap_dtm.api.transport import Reply
    from tap_dtm.errors import DtmError

LONGEST_WAIT: Final = 600.0  # seconds
# 520 to 529 are those of Cloudflare, and of gateways that follow it.
PASSING_STATUSES: Final = {408, 425, 429, 500, 502, 503, 504, *range(520, 530)}
_SERVER_ERRORS: Final = 500


@dataclass(frozen=True)
class Answer:
    """The rows of an answer, as published: not even that they are rows is checked, unless they have the form asked for.

    ``message`` is what the API said of an empty one.
    """

    rows: list[Any]
    message: str = ""


class PassingFault(Exception):  # noqa: N818
    """Worth another try. ``failure`` is what to raise when no try is left; ``wait`` are seconds to wait at least."""

    def __init__(self, failure: DtmRequestError | DtmAnswerError, wait: float = 0.0) -> None:  # noqa: D107
        super().__init__(str(failure))
        self.failure = failure
        self.wait = wait


def judge(reply: Reply, where: str, form: type[Struct] | None = None, key: str = "the subscription key") -> Answer:
    """Return the rows of an answer.

    Args:
        reply: The answer as it arrived.
        where: What was asked for, for messages.
        form: The form of the rows, if they can have it. A text with NUL, which no form can refuse, cannot.
        key: What messages call the key that was sent.

    Raises:
        DtmError: The answer reports a failure.
        PassingFault: The same, or it cannot be trusted, and may be better next time.
    """
    status = reply.status
    if status == codes.no_content:
        return Answer([])
    try:
        envelope, is_json = read_envelope(reply.body), True
        if status != codes.ok:
            raise _of_status(reply, where, said(envelope.value("message")) if envelope else "", key, is_json=True)
        return _unwrap(envelope, where, None if NUL in reply.body else form)
    except NotJsonError:
        is_json = False
    if status != codes.ok:
        raise _of_status(reply, where, "", key, is_json=is_json)
    kind = quoted(reply.headers.get("content-type", "unknown type").split(";")[0])
    raise PassingFault(
        DtmAnswerError(
            f"{where}: the answer (HTTP 200, {kind}) is not valid JSON: cut off, or a page of somebody else's. "
            "Nothing was taken; the next run asks again."
        )
    )


def _of_status(reply: Reply, where: str, message: str, key: str, *, is_json: bool) -> Exception:
    status = reply.status
    if status == codes.unauthorized:
        return DtmAccessError(f"The DTM API refuses {key} (401: {message}). {HOW_TO_GET_A_KEY}")
    if status == codes.forbidden:
        return _forbidden(where, message, key, is_json=is_json)
    if status in PASSING_STATUSES:
        return passing_status(reply, where, message)
    if status == codes.not_found or (status < _SERVER_ERRORS and not message):
        words = f"{message.rstrip('.')}. " if message else ""
        return DtmRefusedError(f"{where}: HTTP {status}. {words}Check the settings api_url and api_version.")
    return DtmRequestError(f"{where}: HTTP {status}. {message}")


def _forbidden(where: str, message: str, key: str, *, is_json: bool) -> DtmError:
    if not is_json:
        return DtmRefusedError(
            f"{where}: the firewall in front of the DTM API refuses the request (403, HTML). "
            "Set user_agent to something else; if that does not help, ask dtmdataconsolidation@iom.int."
        )
    if "quota" in message.casefold():
        return DtmQuotaError(f"The DTM API refuses {key} for now (403: {message}). Wait, or ask IOM for more.")
    return DtmAccessError(f"The DTM API refuses {key} (403: {message}). Ask IOM what it is for. {HOW_TO_GET_A_KEY}")


def passing_status(reply: Reply, where: str, message: str = "", asker: str = "The API") -> Exception:
    """Return what a status of `PASSING_STATUSES` means: worth another try, unless the wait would be too long."""
    seconds = _retry_after(reply.headers.get("retry-after", ""))
    failure = DtmRequestError(f"{where}: HTTP {reply.status}{f': {message}' if message else '.'}")
    if seconds > LONGEST_WAIT:
        return DtmRequestError(f"{failure} {asker} asks to wait {seconds:g} s: run again after that.")
    return PassingFault(failure, wait=seconds)


def _retry_after(header: str) -> float:
    """Return the seconds of a Retry-After header, which holds a number or a date; 0 without a usable one."""
    if header.isascii() and header.isdecimal():
        return float(header)
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
    except (ValueError, OverflowError):
        return 0.0


def _unwrap(envelope: Envelope | None, where: str, form: type[Struct] | None) -> Answer:
    """Take the rows out of the envelope.

    ``statusCode`` 204 means "no rows": with ``isSuccess`` true for a filter that matches nothing, an empty
    answer; with false for a name or code that the API does not know.

    Whatever has exactly one meaning is taken with it: no rows with a ``statusCode`` of 200, null in the place of
    no rows, numbers as texts.
    """
    if envelope is None or not envelope.has("result"):
        raise PassingFault(
            DtmAnswerError(f"{where}: the answer is JSON, but not the DTM API's. Check the setting api_url.")
        )
    try:
        rows = envelope.rows(form) or []
    except DtmAnswerError as error:
        raise PassingFault(
            DtmAnswerError(
                f"{where}: the answer is JSON, but not the DTM API's: {error}. "
                "Nothing was taken. Check the setting api_url."
            )
        ) from None
    message = said(envelope.value("errorMessages"))
    announced, status = envelope.value("totalRecordsCount"), envelope.value("statusCode")
    if whole_number(announced) != len(rows):
        raise PassingFault(
            DtmAnswerError(
                f"{where}: the answer announces {quoted(announced)} rows and holds {len(rows)}. "
                "Nothing was taken; the next run asks again."
            )
        )
    code = whole_number(status)
    if envelope.value("isSuccess") is True and (code == codes.ok or (code == codes.no_content and not rows)):
        return Answer(rows, message)
    kind = DtmUnknownError if not rows and code == codes.no_content else DtmRequestError
    raise kind(f"{where}: the API reports a failure: {message or f'statusCode {quoted(status)}'}")
