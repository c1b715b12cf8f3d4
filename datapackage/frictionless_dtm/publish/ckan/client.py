"""The action API of a CKAN site. The token is sent only to that site."""

from __future__ import annotations

import json
import re
import secrets
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import SplitResult, urlsplit

import msgspec
import requests
from urllib3.exceptions import HTTPError

from frictionless_dtm.publish.folder import as_shape
from tap_dtm import redaction
from tap_dtm.api import network
from tap_dtm.api.budget import Budget, OverBudget
from tap_dtm.api.transport import Bounds, EndlessHead, Session, TooSlow, fetch
from tap_dtm.errors import DtmAccessError, DtmError
from tap_dtm.settings import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tap_dtm.api.transport import Reply

TOKEN_VARIABLE: Final = "CKAN_API_TOKEN"  # noqa: S105  the name of a variable
_API: Final = "/api/3/action/"
_READ_TIMEOUT: Final = 600.0  # seconds: a site may need long to process a file
_LONGEST: Final = 900.0  # seconds, for a whole answer
_LARGEST: Final = 16_000_000  # bytes of an answer, enough for a dataset with thousands of files


class _Named(msgspec.Struct):
    name: str


class _Extra(msgspec.Struct):
    key: str
    value: Any


class _Created(msgspec.Struct):
    """A dataset or a resource."""

    id: str
    name: str | None = None
    url: str | None = None


class _Dataset(msgspec.Struct):
    """A dataset. The resources are required: without them, all files would be sent again. HDX has no extras."""

    id: str
    private: bool
    resources: list[_Created]
    tags: list[_Named] = []
    groups: list[_Named] = []
    extras: list[_Extra] = []
    organization: _Named | None = None


class _Answer(msgspec.Struct):
    success: bool
    result: Any = None


_SHAPES: Final[Mapping[str, Any]] = {"package_show": _Dataset, "resource_delete": None}
"""The form of an action's result, if not `_Created`."""


class Client:
    """A client of a site, whose address is like ``https://data.example.org``. Without a token, it reads public data."""

    def __init__(self, url: str, token: str | None) -> None:  # noqa: D107
        parts = _split(url)
        if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname or re.search(r"[?#@\s]", url):
            raise DtmError("The address of the site must look like https://data.example.org, without parameters.")
        if parts.scheme == "http" and parts.hostname not in LOOPBACK:
            raise DtmError(f"{url} would send the token unencrypted: use https://.")
        if token and not re.fullmatch(r"[!-~]+", token):
            raise DtmAccessError(f"{TOKEN_VARIABLE} has blanks or characters that no token has: copy it again.")
        self.url = url.rstrip("/")
        self.host = parts.netloc
        self.has_token = bool(token)
        network.check_environment(url)
        redaction.guard(token)
        self._budget = Budget(_LARGEST)
        self._session = Session(trust_env=True)
        self._session.headers.update({"User-Agent": "tap-dtm", **({"Authorization": token} if token else {})})
        self.close = self._session.close

    def dataset(self, name: str) -> dict[str, Any] | None:
        """Return the dataset of this name on the site, if there is one.

        Raises:
            DtmError: The site refuses, does not answer, or answers in another form.
        """
        status, body = self._request("GET", "package_show", params={"id": name})
        if status == requests.codes.not_found and _is_failure(body):
            return None
        return self._result("package_show", status, body)

    def act(self, action: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Run an action, and return its result, which may be empty. Raises the errors of `dataset`."""
        return self._post(action, json.dumps(fields, ensure_ascii=False).encode(), "application/json")

    def upload(self, action: str, fields: Mapping[str, str], name: str, content: Iterable[bytes]) -> dict[str, Any]:
        """Send a file. Its ``size`` and ``mimetype`` are among the fields. The rest is as in `act`."""
        form = _Form(fields, name, content)
        return self._post(action, form, form.content_type)

    def _post(self, action: str, data: bytes | _Form, content_type: str) -> dict[str, Any]:
        return self._result(action, *self._request("POST", action, data=data, headers={"Content-Type": content_type}))

    def _request(self, method: str, action: str, **options: Any) -> tuple[int, Any]:  # noqa: ANN401
        """Return the status and the JSON of the answer, None for one that is not JSON."""
        try:
            with self._budget.share() as share:
                # Redirects are not followed: they would get the token, and a POST would become a GET.
                bounds = Bounds(share, _READ_TIMEOUT, _LONGEST)
                reply = fetch(self._session, method, f"{self.url}{_API}{action}", bounds, **options)
        except OverBudget:
            raise DtmError(
                f"{self.host} answers with more than {_LARGEST // 1_000_000} MB, which cannot be an answer of its API. "
                "Check the address."
            ) from None
        except (TooSlow, EndlessHead):
            raise DtmError(f"{self.host} does not finish its answer. Check the address, and run again.") from None
        except (requests.RequestException, HTTPError, HTTPException, OSError, ValueError) as error:
            where = f"{self.host} cannot be reached"
            why = network.explain(error, where, self.url, "the address of the site", trust_env=True)
            raise DtmError(f"{why} Then run again.") from None
        if reply.is_redirect:
            raise self._redirected(reply, action)
        try:
            # Some sites repeat what they receive, so the token is removed from the answer.
            return reply.status, json.loads(redaction.masked(reply.body.decode()))
        except (ValueError, RecursionError):
            return reply.status, None

    def _redirected(self, reply: Reply, action: str) -> DtmError:
        target = _split(redaction.quoted(reply.headers["location"]))
        where = target.netloc.rpartition("@")[2] if target else ""
        if where == self.host:
            return DtmError(f"{self.host} reports that {_API}{action} has moved: use the new name or address.")
        return DtmError(f"{self.host} redirects to {where or 'another page'}: use its final address.")

    def _result(self, action: str, status: int, body: Any) -> dict[str, Any]:  # noqa: ANN401
        if status == requests.codes.unauthorized or (status == requests.codes.forbidden and not self.has_token):
            what = "refuses the token in" if self.has_token else "needs a token: put one into"
            raise DtmAccessError(f"{self.host} {what} {TOKEN_VARIABLE} ({status}).")
        if status >= requests.codes.bad_request:
            raise DtmError(f"{self.host} {_reason(action, status, body)}.")
        if body is None:
            raise DtmError(f"{self.host} answers {action} with something that is not JSON: check the address.")
        what = f"The answer of {self.host} to {action} is not from CKAN's action API: check the address"
        result = as_shape(body, _Answer, what).result
        shape = _SHAPES.get(action, _Created)
        if shape is None:
            return {}
        as_shape(result, shape, what)
        return result  # type: ignore[no-any-return]


def _reason(action: str, status: int, body: Any) -> str:  # noqa: ANN401
    """Return CKAN's reason for a failure in one sentence. CKAN has another form for each kind of failure."""
    reasons = body.get("error") if _is_failure(body) else None
    named = reasons if isinstance(reasons, dict) else {}
    if status == requests.codes.forbidden:
        why = redaction.quoted(named.get("message") or "no reason given")
        return f"does not allow this token to run {action} ({why}): ask for an editor's role"
    if named:
        texts = [
            f"{name}: {'; '.join(map(str, reason)) if isinstance(reason, list) else reason}"
            for name, reason in named.items()
            if name != "__type"
        ]
        return f"refuses {action}: {redaction.quoted(', '.join(texts).rstrip('.'))}"
    return f"answers {action} with HTTP {status}{f' ({redaction.quoted(reasons)})' if reasons else ''}"


def _is_failure(body: Any) -> bool:  # noqa: ANN401
    """Return whether CKAN itself reports a failure, not a program in front of it."""
    return isinstance(body, dict) and body.get("success") is False


def _split(url: str) -> SplitResult | None:
    """Return the parts of an address, None if it is invalid."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  the property refuses an invalid port
    except ValueError:
        return None
    return parts


class _Form:
    """A form with one file, which is read while it is sent."""

    def __init__(self, fields: Mapping[str, str], name: str, content: Iterable[bytes]) -> None:
        boundary = secrets.token_hex(16)
        self.content_type = f"multipart/form-data; boundary={boundary}"
        part = f"--{boundary}\r\nContent-Disposition: form-data; name="
        head = "".join(f'{part}"{field}"\r\n\r\n{value}\r\n' for field, value in fields.items())
        file_name = name.replace('"', "%22")
        head += f'{part}"upload"; filename="{file_name}"\r\nContent-Type: {fields["mimetype"]}\r\n\r\n'
        self._head = head.encode()
        self._tail = f"\r\n--{boundary}--\r\n".encode()
        self._size = int(fields["size"])
        self._content = content

    def __len__(self) -> int:
        return len(self._head) + self._size + len(self._tail)

    def __iter__(self) -> Iterator[bytes]:
        yield self._head
        yield from self._content
        yield self._tail
