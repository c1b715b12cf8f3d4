"""A web site that takes packages, addressed with a token that goes nowhere else."""

from __future__ import annotations

import base64
import json
import re
import secrets
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import SplitResult, urlsplit

import requests
from typing_extensions import override
from urllib3.exceptions import HTTPError

from tap_dtm import redaction
from tap_dtm.api import network
from tap_dtm.api.budget import Budget, OverBudget
from tap_dtm.api.transport import Bounds, Session, TooMuchAround, TooSlow, fetch
from tap_dtm.errors import DtmAccessError, DtmError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from frictionless_dtm.publish.upload import Upload
    from tap_dtm.api.transport import Reply

_READ_TIMEOUT: Final = 600.0  # seconds, in which a site may be busy with a file that it was sent
_LONGEST: Final = 900.0  # seconds, for a whole answer
_LARGEST: Final = 16_000_000  # bytes of an answer: that of a dataset with thousands of files
_LOOPBACK: Final = {"127.0.0.1", "localhost", "::1"}


class SiteError(DtmError):
    """The site refuses a request. ``status`` is that of HTTP; ``body`` the JSON of the answer, None without any."""

    def __init__(self, message: str, status: int, body: Any) -> None:  # noqa: ANN401, D107
        super().__init__(message)
        self.status = status
        self.body = body


class Site:
    """A client of one site.

    Args:
        url: Where its API is, such as ``https://data.example.org``.
        token: What identifies the user; None to ask for what everybody may see.
        scheme: What stands before the token in the header Authorization, if anything.
        token_variable: Where the token comes from, for messages.
    """

    def __init__(self, url: str, token: str | None, *, scheme: str = "", token_variable: str) -> None:  # noqa: D107
        parts = _split(url)
        if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname or re.search(r"[?#@\s]", url):
            raise DtmError("The address of the site must look like https://data.example.org, without anything behind.")
        if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
            raise DtmError(f"{url} would send the token unencrypted: use https://.")
        if token and not re.fullmatch(r"[!-~]+", token):
            raise DtmAccessError(f"{token_variable} holds blanks or characters that no token has: copy it again.")
        self.url = url.rstrip("/")
        self.host = parts.netloc
        self.has_token = bool(token)
        self._token_variable = token_variable
        network.check_environment(url)
        redaction.guard(token)
        self._budget = Budget(_LARGEST)
        self._session = Session(trust_env=True)
        self._session.headers["User-Agent"] = "tap-dtm"
        self._auth = _Token(f"{scheme} {token}".strip() if token else None)

    def close(self) -> None:
        """Hang up."""
        self._session.close()

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Any:  # noqa: ANN401
        """Ask for something, and return the JSON of the answer.

        Raises:
            SiteError: The site refuses.
            DtmError: The site does not answer, or with something else.
        """
        return self._send("GET", path, params=params)

    def send(self, method: str, path: str, content: Mapping[str, Any]) -> Any:  # noqa: ANN401
        """Send JSON, and return that of the answer; raises as `get` does."""
        body = json.dumps(content, ensure_ascii=False).encode()
        return self._send(method, path, data=body, headers={"Content-Type": "application/json"})

    def send_base64(self, path: str, size: int, chunks: Iterator[bytes]) -> Any:  # noqa: ANN401
        """Send ``{"encoding": "base64", "content": ...}``, read while it is sent; raises as `get` does."""
        body = _Base64(size, chunks)
        return self._send("POST", path, data=body, headers={"Content-Type": "application/json"})

    def upload(self, path: str, fields: Mapping[str, str], upload: Upload) -> Any:  # noqa: ANN401
        """Send a form with a file, and return the JSON of the answer; raises as `get` does."""
        form = _Form(fields, upload)
        return self._send("POST", path, data=form, headers={"Content-Type": form.content_type})

    def _send(self, method: str, path: str, **options: Any) -> Any:  # noqa: ANN401
        try:
            with self._budget.share() as share:
                # Redirects are not followed: the token would go along, and a POST would become a GET.
                reply = fetch(
                    self._session,
                    method,
                    self.url + path,
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
        return self._judge(reply, path)

    def _judge(self, reply: Reply, path: str) -> Any:  # noqa: ANN401
        status = reply.status
        if reply.is_redirect:
            target = _split(redaction.quoted(reply.headers["location"]))
            where = target.netloc.rpartition("@")[2] if target else ""
            if where == self.host:
                raise DtmError(
                    f"{self.host} says that {path.partition('?')[0]} has moved: give its new name or address."
                )
            raise DtmError(f"{self.host} redirects to {where or 'another page'}: give its final address.")
        try:
            # Some sites repeat what they were sent: nothing of the answer is shown or kept with the token in it.
            body = _masked(json.loads(reply.body))
        except (ValueError, RecursionError):
            body = None
        if status == requests.codes.unauthorized or (status == requests.codes.forbidden and not self.has_token):
            what = "refuses the token in" if self.has_token else "wants a token: put one into"
            raise DtmAccessError(f"{self.host} {what} {self._token_variable} ({status}).")
        if status >= requests.codes.bad_request:
            raise SiteError(f"{self.host} answers {path} with {status}.", status, body)
        if body is None:
            raise DtmError(f"{self.host} answers {path} with something that is not JSON: check the address.")
        return body


def _split(url: str) -> SplitResult | None:
    """Return the parts of an address, None if it is none."""
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


class _Base64:
    """Bytes as a JSON object that holds them as text."""

    _HEAD = b'{"encoding": "base64", "content": "'
    _TAIL = b'"}'

    def __init__(self, size: int, chunks: Iterator[bytes]) -> None:
        self._size = size
        self._chunks = chunks

    def __len__(self) -> int:
        return len(self._HEAD) + (self._size + 2) // 3 * 4 + len(self._TAIL)

    def __iter__(self) -> Iterator[bytes]:
        yield self._HEAD
        rest = b""
        for chunk in self._chunks:
            data = rest + chunk
            whole = len(data) - len(data) % 3  # three bytes are four letters
            yield base64.b64encode(data[:whole])
            rest = data[whole:]
        yield base64.b64encode(rest) + self._TAIL


class _Form:
    """A form with one file, read while it is sent."""

    def __init__(self, fields: Mapping[str, str], upload: Upload) -> None:
        boundary = secrets.token_hex(16)
        self.content_type = f"multipart/form-data; boundary={boundary}"
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in fields.items()
        ]
        file_name = upload.name.replace('"', "%22").replace("\r", "").replace("\n", "")
        parts.append(
            f'--{boundary}\r\nContent-Disposition: form-data; name="upload"; filename="{file_name}"\r\n'
            f"Content-Type: {upload.media_type}\r\n\r\n"
        )
        self._head = "".join(parts).encode()
        self._tail = f"\r\n--{boundary}--\r\n".encode()
        self._upload = upload

    def __len__(self) -> int:
        return len(self._head) + self._upload.size + len(self._tail)

    def __iter__(self) -> Iterator[bytes]:
        yield self._head
        yield from self._upload.chunks()
        yield self._tail
