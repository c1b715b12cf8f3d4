"""What an answer of the DTM API means.

Published clients, an OpenAPI description and recorded answers show how the API behaves. It reports "nothing found" with
HTTP 200 and a ``statusCode`` of 204, and mistakes of the caller with HTTP 200. A gateway in front of it checks keys and
quotas and answers in JSON. A firewall in front of the gateway answers in HTML.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final

from requests import codes

from tap_dtm.api.envelope import NUL, Envelope, NotJsonError, message_of, read_envelope, whole_number
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
    """The rows of an answer, as published. They are unchecked, and may be something else, unless they have a form.

    ``message`` is the API's explanation of an empty answer.
    """

    rows: list[Any]
    message: str = ""


class PassingFault(Exception):  # noqa: N818
    """A fault that may pass. ``failure`` is raised when no try is left; ``wait`` is the shortest pause in seconds."""

    def __init__(self, failure: DtmRequestError | DtmAnswerError, wait: float = 0.0) -> None:  # noqa: D107
        super().__init__(str(failure))
        self.failure = failure
        self.wait = wait


def judge(reply: Reply, where: str, form: type[Struct] | None = None, key: str = "the subscription key") -> Answer:
    """Return the rows of an answer, if possible in a form. Messages name the request and the key.

    Raises:
        DtmError: The answer reports a failure.
        PassingFault: The answer reports a failure that may pass, or it cannot be trusted.
    """
    status = reply.status
    if status == codes.no_content:
        return Answer([])
    try:
        # A struct would accept NUL, which no database does.
        envelope = read_envelope(reply.body, None if status != codes.ok or NUL in reply.body else form)
    except NotJsonError:
        if status != codes.ok:
            raise _of_status(reply, where, "", key, is_json=False) from None
        kind = quoted(reply.headers.get("content-type", "unknown type").split(";")[0])
        raise PassingFault(
            DtmAnswerError(
                f"{where}: the answer (HTTP 200, {kind}) is not valid JSON. It was cut off, or another server sent it. "
                "It was discarded; the next run asks again."
            )
        ) from None
    except DtmAnswerError as error:
        raise _of_another(where, f": {error}. It was discarded") from None
    if status != codes.ok:
        raise _of_status(reply, where, message_of(envelope.message) if envelope else "", key, is_json=True)
    return _unwrap(envelope, where)


def _of_another(where: str, why: str = "") -> PassingFault:
    return PassingFault(
        DtmAnswerError(f"{where}: the answer is JSON, but not from the DTM API{why}. Check the setting api_url.")
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
            "Change the setting user_agent. If this does not help, ask dtmdataconsolidation@iom.int."
        )
    if "quota" in message.casefold():
        return DtmQuotaError(f"The DTM API refuses {key} for now (403: {message}). Wait, or ask IOM for a larger one.")
    return DtmAccessError(f"The DTM API refuses {key} (403: {message}). Ask IOM why. {HOW_TO_GET_A_KEY}")


def passing_status(reply: Reply, where: str, message: str = "", asker: str = "The API") -> Exception:
    """Return what a status of `PASSING_STATUSES` means: worth another try, unless the wait would be too long."""
    seconds = _retry_after(reply.headers.get("retry-after", ""))
    failure = DtmRequestError(f"{where}: HTTP {reply.status}{f': {message}' if message else '.'}")
    if seconds > LONGEST_WAIT:
        return DtmRequestError(f"{failure} {asker} asks for a pause of {seconds:g} s. Run again after it.")
    return PassingFault(failure, wait=seconds)


def _retry_after(header: str) -> float:
    """Return the seconds of a Retry-After header, which is a number or a date; 0 if it is neither."""
    if header.isascii() and header.isdecimal():
        return float(header)
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
    except (ValueError, OverflowError):
        return 0.0


def _unwrap(envelope: Envelope | None, where: str) -> Answer:
    """Return the rows of an envelope.

    ``statusCode`` 204 means "no rows". With ``isSuccess`` true, a filter matches nothing, and the answer is empty. With
    false, the API does not know a name or code.

    Other spellings with exactly one meaning are accepted: an empty list with 200, null for it, numbers as texts.
    """
    if envelope is None or not (envelope.result is None or isinstance(envelope.result, list)):
        raise _of_another(where)
    rows = envelope.result or []
    if whole_number(envelope.totalRecordsCount) != len(rows):
        raise PassingFault(
            DtmAnswerError(
                f"{where}: the answer announces {quoted(envelope.totalRecordsCount)} rows and holds {len(rows)}. "
                "It was discarded; the next run asks again."
            )
        )
    message = message_of(envelope.errorMessages)
    code = whole_number(envelope.statusCode)
    if envelope.isSuccess is True and (code == codes.ok or (code == codes.no_content and not rows)):
        return Answer(rows, message)
    kind = DtmUnknownError if not rows and code == codes.no_content else DtmRequestError
    raise kind(f"{where}: the API reports a failure: {message or f'statusCode {quoted(envelope.statusCode)}'}")
