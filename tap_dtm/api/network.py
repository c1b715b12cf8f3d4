"""The network between this machine and a site: proxies, certificates, and failures in words."""

from __future__ import annotations

import importlib.util
import os
import re
import ssl
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

import requests
from requests.utils import get_environ_proxies, prepend_scheme_if_needed, select_proxy
from urllib3.exceptions import HTTPError, LocationParseError
from urllib3.util import Url, parse_url

from tap_dtm import redaction
from tap_dtm.api.answers import PassingFault
from tap_dtm.api.transport import Bounds, EndlessHead, Session, TooSlow
from tap_dtm.errors import DtmRefusedError, DtmRequestError

if TYPE_CHECKING:
    from tap_dtm.api.budget import Share
    from tap_dtm.settings import Settings

PATIENCE: Final = 10  # a whole answer may take that many times as long as the wait for its next bytes
NO_ANSWER: Final = (requests.RequestException, HTTPError, HTTPException, OSError, ValueError, TooSlow, EndlessHead)
"""Raised by requests, urllib3, http.client and the system, and for an answer that does not end."""

_SOCKS: Final = {"socks4", "socks4a", "socks5", "socks5h"}
_BUNDLES: Final = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_ABOUT_CERTIFICATES: Final = (
    "If your organisation's proxy or firewall inspects encrypted traffic, set the environment variable "
    "REQUESTS_CA_BUNDLE to a PEM file with its certificate authority."
)
_PROXY_AUTHENTICATION: Final = 407


def check_environment(url: str) -> None:
    """Check the environment's proxy for a URL, and the certificates to trust.

    Raises:
        DtmRefusedError: One of them cannot be used; the message names the variable.
    """
    if proxy := _proxy_setting(url):
        _check_proxy(proxy, _variable_of(proxy, url))
    # requests reads the variables in this order.
    name = next((name for name in _BUNDLES if os.environ.get(name)), None)
    if name and urlsplit(url).scheme == "https":
        _check_bundle(name, Path(os.environ[name]))


def _check_proxy(proxy: str, name: str) -> None:
    try:
        parts = _parts_of(proxy)
    except LocationParseError:
        parts = Url()
    redaction.guard(unquote((parts.auth or "").partition(":")[2]))
    if parts.scheme not in {"http", "https", *_SOCKS} or not parts.host:
        raise DtmRefusedError(f"{name} does not hold the address of a proxy: write it as http://host:port.")
    if parts.scheme in _SOCKS and importlib.util.find_spec("socks") is None:
        raise DtmRefusedError(
            f"{name} names a SOCKS proxy, which needs the Python package PySocks. Install it next to this program, "
            "or name an HTTP proxy as http://host:port."
        )


def _check_bundle(name: str, path: Path) -> None:
    try:
        if path.is_dir():
            list(path.iterdir())
        else:
            ssl.create_default_context(cafile=path)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise DtmRefusedError(
            f"{name} names {path}, which cannot be read as a PEM file of certificates ({_words(error)}). Correct the "
            "path, or unset the variable."
        ) from None


def _proxy_setting(url: str) -> str | None:
    return select_proxy(url, get_environ_proxies(url))


def _variable_of(proxy: str, url: str) -> str:
    for wanted in (f"{urlsplit(url).scheme}_proxy", "all_proxy"):
        for name, value in os.environ.items():
            if name.lower() == wanted and value == proxy:
                return f"The environment variable {name}"
    return "The proxy setting of this machine"


class Site:
    """How requests are sent to the site whose address is in a setting.

    ``trust_env`` is whether proxies and certificates of the environment are used. A proxy elsewhere cannot reach this
    machine's own addresses, and would be sent the key unencrypted.
    """

    def __init__(self, address: str, settings: Settings, accept: str, *, trust_env: bool) -> None:  # noqa: D107
        self._address = address
        self._timeout = settings.request_timeout
        self._headers = {"User-Agent": settings.user_agent, "Accept": accept}
        self._trust_env = trust_env

    def session(self, url: str) -> Session:
        """Return a new session.

        Raises:
            DtmRefusedError: A variable of the environment cannot be used.
        """
        if self._trust_env:
            check_environment(url)
        session = Session(trust_env=self._trust_env)
        session.headers.update(self._headers)
        return session

    def bounds(self, share: Share) -> Bounds:
        """Return the limits of an answer."""
        return Bounds(share, self._timeout, self._timeout * PATIENCE)

    def unanswered(self, error: Exception, where: str, url: str) -> DtmRequestError | PassingFault:
        """Explain one of the errors ``NO_ANSWER``."""
        if isinstance(error, TooSlow):
            return DtmRequestError(
                f"{where}: the answer was not complete within {self._timeout * PATIENCE:g} s. "
                f"Raise request_timeout if the site is slow for you: a whole answer may take {PATIENCE} times as long."
            )
        if isinstance(error, EndlessHead):
            return DtmRequestError(f"{where}: the head of the answer does not end. Check {self._address}.")
        if isinstance(error, requests.ReadTimeout):
            return _passing(
                f"{where}: no answer within {self._timeout:g} s. Raise request_timeout if the site is slow for you."
            )
        return explain(error, where, url, self._address, trust_env=self._trust_env)


def explain(error: Exception, where: str, url: str, address: str, *, trust_env: bool) -> DtmRefusedError | PassingFault:
    """Explain an error of requests or the system. ``address`` is the setting or option that has the URL's address."""
    proxy = _proxy_setting(url) if trust_env else None
    host = urlsplit(url).netloc
    if isinstance(error, requests.exceptions.ProxyError) and proxy:
        return _of_proxy(error, where, _host_of(proxy), _variable_of(proxy, url), host)
    cause = _root(error)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return DtmRefusedError(
            f"{where}: the certificate of {host} is not trusted ({cause.verify_message}). {_ABOUT_CERTIFICATES}"
        )
    # An InvalidHeader is in the answer: the headers from the settings were checked.
    if isinstance(error, ValueError) and not isinstance(error, requests.exceptions.InvalidHeader):
        return DtmRefusedError(f"{where}: the request could not be made ({_words(error)}). Check {address}.")
    return _passing(
        f"{where}: the connection to {host} failed or was interrupted ({_words(error)}). "
        f"Check the network, {'the proxy ' + _host_of(proxy) if proxy else 'a proxy'}, and {address}."
    )


def _passing(words: str) -> PassingFault:
    return PassingFault(DtmRequestError(words))


def _of_proxy(error: Exception, where: str, name: str, variable: str, host: str) -> DtmRefusedError | PassingFault:
    # http.client reports the proxy's answer only as text.
    refusal = re.match(r"Tunnel connection failed: (\d+) ?(.*)", str(_root(error)), re.DOTALL)
    if refusal is None:
        return _passing(
            f"{where}: the proxy {name} cannot be reached ({_words(error)}). "
            f"{variable} names it. Check the address, and whether the proxy runs."
        )
    if int(refusal[1]) == _PROXY_AUTHENTICATION:
        return DtmRefusedError(
            f"{where}: the proxy {name} needs a user name and a password, or refuses them (407). "
            f"{variable} takes them as http://name:password@host:port."
        )
    words = (
        f"{where}: the proxy {name} does not connect to {host} ({refusal[1]} {redaction.quoted(refusal[2])}). "
        "Ask its administrator, or list the host in NO_PROXY."
    )
    return _passing(words) if int(refusal[1]) >= requests.codes.server_error else DtmRefusedError(words)


def _host_of(proxy: str) -> str:
    """Return the host and port of a proxy, without a user's name and password."""
    return _parts_of(proxy).netloc or "of this machine"


def _parts_of(proxy: str) -> Url:
    # requests parses it in this way. Older versions have no types for it.
    return parse_url(prepend_scheme_if_needed(proxy, "http"))  # type: ignore[no-untyped-call,unused-ignore]


def _words(error: BaseException) -> str:
    """Return the innermost reason in words. The text of requests' errors would repeat the URL."""
    reason = _root(error)
    return getattr(reason, "strerror", None) or getattr(reason, "reason", None) or type(reason).__name__


def _root(error: BaseException) -> BaseException:
    """Return the innermost cause of an error of requests."""
    reason: Any = error
    while True:
        candidates = (getattr(reason, "reason", None), *reason.args, reason.__cause__)
        inner = next((each for each in candidates if isinstance(each, BaseException)), None)
        if inner is None:
            return reason  # type: ignore[no-any-return]
        reason = inner
