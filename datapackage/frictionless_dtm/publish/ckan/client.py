"""The action API of a CKAN site, addressed with a token that goes nowhere else."""

from __future__ import annotations

import json
import re
import secrets
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import SplitResult, urlsplit

import msgspec
import requests
from typing_extensions import override
from urllib3.exceptions import HTTPError

from frictionless_dtm.publish.descriptor import as_shape
from tap_dtm import redaction
from tap_dtm.api import network
from tap_dtm.api.budget import Budget, OverBudget
from tap_dtm.api.transport import Bounds, Session, TooMuchAround, TooSlow, fetch
from tap_dtm.errors import DtmAccessError, DtmError
from tap_dtm.settings import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tap_dtm.api.transport import Reply

TOKEN_VARIABLE: Final = "CKAN_API_TOKEN"  # noqa: S105  the name of a variable
_API: Final = "/api/3/action/"
_READ_TIMEOUT: Final = 600.0  # seconds, in which a site may be busy with a file that it was sent
_LONGEST: Final = 900.0  # seconds, for a whole answer
_LARGEST: Final = 16_000_000  # bytes of an answer: that of a dataset with thousands of files


class _Named(msgspec.Struct):
    name: str


class _Extra(msgspec.Struct):
    key: str
    value: Any


class _Made(msgspec.Struct):
    """A dataset or a resource."""

    id: str
    name: str | None = None
    url: str | None = None


class _Dataset(msgspec.Struct):
    """A dataset. Without the list of its resources, all of them would be sent again; HDX leaves out extras."""

    id: str
    private: bool
    resources: list[_Made]
    tags: list[_Named] = []
    groups: list[_Named] = []
    extras: list[_Extra] = []
    organization: _Named | None = None


class _Answer(msgspec.Struct):
    success: bool
    result: Any = None


_SHAPES: Final[Mapping[str, Any]] = {"package_show": _Dataset, "resource_delete": None}
"""What an action answers, if not `_Made`."""


class Client:
    """A client of one site.

    Args:
        url: Where the site is, such as ``https://data.example.org``.
        token: What identifies the user; None to ask for what everybody may see.
    """

    def __init__(self, url: str, token: str | None) -> None:  # noqa: D107
        parts = _split(url)
        if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname or re.search(r"[?#@\s]", url):
            raise DtmError("The address of the site must look like https://data.example.org, without anything behind.")
        if parts.scheme == "http" and parts.hostname not in LOOPBACK:
            raise DtmError(f"{url} would send the token unencrypted: use https://.")
        if token and not re.fullmatch(r"[!-~]+", token):
            raise DtmAccessError(f"{TOKEN_VARIABLE} holds blanks or characters that no token has: copy it again.")
        self.url = url.rstrip("/")
        self.host = parts.netloc
        self.has_token = bool(token)
        network.check_environment(url)
        redaction.guard(token)
        self._budget = Budget(_LARGEST)
        self._session = Session(trust_env=True)
        self._session.headers["User-Agent"] = "tap-dtm"
        self._auth = _Token(token)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def dataset(self, name: str) -> dict[str, Any] | None:
        """Return the dataset of this name as the site has it, None if there is none.

        Raises:
            DtmError: The site refuses, does not answer, or answers with something else.
        """
        status, body = self._ask("GET", "package_show", params={"id": name})
        if status == requests.codes.not_found and _is_failure(body):
            return None
        return self._result("package_show", status, body)

    def act(self, action: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Do something, and return the result, which is empty for an action without one; raises as `dataset` does."""
        body = json.dumps(fields, ensure_ascii=False).encode()
        return self._post(action, body, "application/json")

    def upload(self, action: str, fields: Mapping[str, str], name: str, content: Iterable[bytes]) -> dict[str, Any]:
        """Send a file whose ``size`` and ``mimetype`` are among the fields; returns and raises as `act` does."""
        form = _Form(fields, name, content)
        return self._post(action, form, form.content_type)

    def _post(self, action: str, data: bytes | _Form, content_type: str) -> dict[str, Any]:
        return self._result(action, *self._ask("POST", action, data=data, headers={"Content-Type": content_type}))

    def _ask(self, method: str, action: str, **options: Any) -> tuple[int, Any]:  # noqa: ANN401
        """Return the status and the JSON of the answer, None for one that is not JSON."""
        try:
            with self._budget.share() as share:
                # Redirects are not followed: the token would go along, and a POST would become a GET.
                reply = fetch(
                    self._session,
                    method,
                    f"{self.url}{_API}{action}",
                    Bounds(share, _READ_TIMEOUT, _LONGEST),
                    auth=self._auth,
                    **options,
                )
        except OverBudget:
            raise DtmError(
                f"{self.host} answers with more than {_LARGEST // 1_000_000} MB: that is not an answer of its API. "
                "Check the address."
            ) from None
        except (TooSlow, TooMuchAround):
            raise DtmError(
                f"{self.host} does not come to the end of its answer. Check the address, and run again."
            ) from None
        except (requests.RequestException, HTTPError, HTTPException, OSError, ValueError) as error:
            failure = network.explain(error, self.url, self.host, "the address of the site", trust_env=True)
            raise DtmError(f"{self.host} cannot be reached: {failure.words} Then run again.") from None
        if reply.is_redirect:
            raise self._redirected(reply, action)
        try:
            # Some sites repeat what they were sent: nothing of the answer is shown or kept with the token in it.
            return reply.status, _masked(json.loads(reply.body))
        except (ValueError, RecursionError):
            return reply.status, None

    def _redirected(self, reply: Reply, action: str) -> DtmError:
        target = _split(redaction.quoted(reply.headers["location"]))
        where = target.netloc.rpartition("@")[2] if target else ""
        if where == self.host:
            return DtmError(f"{self.host} says that {_API}{action} has moved: give its new name or address.")
        return DtmError(f"{self.host} redirects to {where or 'another page'}: give its final address.")

    def _result(self, action: str, status: int, body: Any) -> dict[str, Any]:  # noqa: ANN401
        if status == requests.codes.unauthorized or (status == requests.codes.forbidden and not self.has_token):
            what = "refuses the token in" if self.has_token else "wants a token: put one into"
            raise DtmAccessError(f"{self.host} {what} {TOKEN_VARIABLE} ({status}).")
        if status >= requests.codes.bad_request:
            raise DtmError(f"{self.host} {_reason(action, status, body)}.")
        if body is None:
            raise DtmError(f"{self.host} answers {action} with something that is not JSON: check the address.")
        what = f"What {self.host} answers to {action} is not an answer of CKAN's action API: check the address"
        result = as_shape(body, _Answer, what).result
        shape = _SHAPES.get(action, _Made)
        if shape is None:
            return {}
        as_shape(result, shape, what)
        whole: dict[str, Any] = result
        return whole


def _reason(action: str, status: int, body: Any) -> str:  # noqa: ANN401
    """Say in one sentence what CKAN says of a failure in a form of its own for each kind."""
    reasons = body.get("error") if _is_failure(body) else None
    if status == requests.codes.forbidden:
        said = reasons.get("message") if isinstance(reasons, dict) else None
        why = redaction.quoted(said or "no reason given")
        return f"does not let this token do {action} ({why}): ask for an editor's role"
    if isinstance(reasons, dict):
        texts = [
            f"{name}: {'; '.join(map(str, said)) if isinstance(said, list) else said}"
            for name, said in reasons.items()
            if name != "__type"
        ]
        return f"refuses {action}: {redaction.quoted(', '.join(texts).rstrip('.'))}"
    return f"answers {action} with HTTP {status}{f' ({redaction.quoted(reasons)})' if reasons else ''}"


def _is_failure(body: Any) -> bool:  # noqa: ANN401
    """Tell a failure that CKAN reports from one of a program in front of it."""
    return isinstance(body, dict) and body.get("success") is False


def _split(url: str) -> SplitResult | None:
    """Return the parts of an address, None if it is invalid."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  a property that refuses what is no number
    except ValueError:
        return None
    return parts


def _masked(value: Any) -> Any:  # noqa: ANN401
    """Return a JSON value with no text that holds a secret."""
    if isinstance(value, str):
        return redaction.masked(value)
    if isinstance(value, list):
        return [_masked(each) for each in value]
    if isinstance(value, dict):
        return {_masked(name): _masked(each) for name, each in value.items()}
    return value


class _Token(requests.auth.AuthBase):
    def __init__(self, value: str | None) -> None:
        self._value = value

    @override
    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._value:
            request.headers["Authorization"] = self._value
        return request


class _Form:
    """A form with one file, read while it is sent."""

    def __init__(self, fields: Mapping[str, str], name: str, content: Iterable[bytes]) -> None:
        boundary = secrets.token_hex(16)
        self.content_type = f"multipart/form-data; boundary={boundary}"
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'
            for field, value in fields.items()
        ]
        file_name = name.replace('"', "%22").replace("\r", "").replace("\n", "")
        parts.append(
            f'--{boundary}\r\nContent-Disposition: form-data; name="upload"; filename="{file_name}"\r\n'
            f"Content-Type: {fields['mimetype']}\r\n\r\n"
        )
        self._head = "".join(parts).encode()
        self._tail = f"\r\n--{boundary}--\r\n".encode()
        self._size = int(fields["size"])
        self._content = content

    def __len__(self) -> int:
        return len(self._head) + self._size + len(self._tail)

    def __iter__(self) -> Iterator[bytes]:
        yield self._head
        yield from self._content
        yield self._tail
