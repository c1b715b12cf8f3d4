"""The settings of the tap: their JSON Schema, and their checked values."""

from __future__ import annotations

import datetime as dt
import difflib
import os
import re
from dataclasses import dataclass, field
from importlib import metadata
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import urlsplit

import msgspec

from tap_dtm.errors import DtmAccessError, DtmError
from tap_dtm.metadata.model import API_VERSIONS
from tap_dtm.redaction import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

DEFAULT_API_URL = "https://dtmapi.iom.int"
SANDBOX_SCHEME = "sandbox"
KEY_VARIABLE: Final = "DTMAPI_SUBSCRIPTION_KEY"
KEY_VARIABLES: Final = (KEY_VARIABLE, "BASELINE_DTM_SUBSCRIPTION_KEY", "DTM_SUBSCRIPTION_KEY")
"""The variables that may hold a key, in this order: those of IOM's clients for Python and for R."""
SECONDARY_KEY_VARIABLE: Final = "DTMAPI_SECONDARY_SUBSCRIPTION_KEY"

HOW_TO_GET_A_KEY = (
    "Register at https://dtm-apim-portal.iom.int, subscribe to the displacement API, and put the key into "
    f"the setting subscription_key or the environment variable {KEY_VARIABLE}. "
    "To try the tap without a key, on invented data, set api_url to sandbox://"
)
_FORM_OF_URLS = f"The setting api_url must look like {DEFAULT_API_URL} or sandbox://, without parameters."
LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


def is_sandbox(url: str | None) -> bool:
    """Whether a URL is that of the offline API with invented data."""
    return (url or "").lower().startswith(f"{SANDBOX_SCHEME}:")


def key_of_environment() -> str | None:
    """Return the key in the environment, if any."""
    return next((key for name in KEY_VARIABLES if (key := os.environ.get(name))), None)


def setting(kind: str | list[str], *, title: str, description: str, **more: object) -> dict[str, Any]:
    """Declare a setting, which may be null, as a property of a JSON Schema."""
    kinds = [kind] if isinstance(kind, str) else kind
    return {"type": [*kinds, "null"], **more, "title": title, "description": description}


# Lists and numbers are declared as text, too. Otherwise Meltano fails on an empty variable, a decimal number and text
# that is not JSON, and does not name the setting.
_LIST: Final[dict[str, Any]] = {"kind": ["array", "string"], "items": {"type": ["string"]}}


def _number(kind: str, minimum: int, maximum: int, default: float) -> dict[str, Any]:
    return {"kind": [kind, "string"], "minimum": minimum, "maximum": maximum, "default": default}


def schema_of(settings: Mapping[str, Mapping[str, Any]], required: Sequence[str] = ()) -> dict[str, Any]:
    """Return the JSON Schema of a configuration. Required settings cannot be null."""
    never_null = {name: {"type": [kind for kind in settings[name]["type"] if kind != "null"]} for name in required}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {name: {**declared, **never_null.get(name, {})} for name, declared in settings.items()},
        **({"required": list(required)} if required else {}),
    }


SETTINGS: Final = {
    "subscription_key": setting(
        "string",
        secret=True,
        writeOnly=True,
        title="Subscription key",
        description="Your key for the DTM API. If it is not set, the tap uses the first of these environment variables "
        f"that is set: {', '.join(KEY_VARIABLES)}.",
    ),
    "secondary_subscription_key": setting(
        "string",
        secret=True,
        writeOnly=True,
        title="Secondary subscription key",
        description="The second key of your subscription. A run uses it when the API refuses the first one as invalid "
        f"(401). If it is not set, the tap uses the environment variable {SECONDARY_KEY_VARIABLE}.",
    ),
    "api_url": setting(
        "string",
        default=DEFAULT_API_URL,
        title="API URL",
        description="The address of the DTM API. sandbox:// starts an offline API with invented data.",
    ),
    "api_version": setting(
        "string",
        default="v3",
        enum=[*reversed(API_VERSIONS)],
        title="API version",
        description="v3 has reason, sex and origin of displacement; v2 (legacy) does not.",
    ),
    "countries": setting(
        **_LIST,
        title="Countries",
        description="ISO 3166-1 alpha-3 codes of the countries to read; all of them if not set. "
        "If you remove a country later, its rows stay unchanged.",
    ),
    "operations": setting(
        **_LIST,
        title="Operations",
        description="Exact names of the DTM operations to read; all of them if not set. "
        "If you remove an operation later, its rows are removed.",
    ),
    "pcodes": setting(
        "string",
        title="P-codes",
        description="The path or the URL of OCHA's global P-code list (CSV), which the stream pcodes needs; sandbox:// "
        "has an invented one.",
    ),
    "start_date": setting(
        "string",
        format="date",
        title="Start date",
        description="Read only rounds reported on or after this date (YYYY-MM-DD).",
    ),
    "end_date": setting(
        "string",
        format="date",
        title="End date",
        description="Read only rounds reported on or before this date (YYYY-MM-DD).",
    ),
    "scrub_fraction": setting(
        **_number("number", 0, 1, 0.05),
        title="Scrub fraction",
        description="The share of countries that each run re-reads whole, to find changes that the country "
        "level does not show. Each country is re-read once in 1 / fraction runs.",
    ),
    "scrub_resends": setting(
        "boolean",
        default=False,
        title="Scrub resends",
        description="Whether to send all rows of the countries that are re-read whole. Tables that somebody has "
        "changed or restored are then right again within 1 / scrub_fraction runs. Only for targets "
        "that upsert: targets that append would keep the same rows many times.",
    ),
    "accept_withdrawn_countries": setting(
        **_LIST,
        title="Accept withdrawn countries",
        description="ISO 3166-1 alpha-3 codes of countries whose disappearance from DTM, or from the list of P-codes, "
        "you have checked: their rows are removed. Any other country that disappears keeps its rows and is an error.",
    ),
    "max_parallel_requests": setting(
        **_number("integer", 1, 16, 4),
        title="Parallel requests",
        description="How many requests are made at the same time. IOM publishes no rate limit; be polite.",
    ),
    "request_timeout": setting(
        **_number("integer", 1, 86400, 120),
        title="Request timeout",
        description="How many seconds to wait for the next part of an answer. "
        "A whole answer may take ten times as long.",
    ),
    "answer_budget_mb": setting(
        **_number("integer", 1, 1_000_000, 512),
        title="Memory for answers",
        description="How many megabytes (unpacked) the answers may take together while they arrive. A larger answer is "
        "an error. Decoding an answer takes up to three times its size in addition.",
    ),
    "max_retries": setting(
        **_number("integer", 0, 100, 5),
        title="Retries",
        description="How often to repeat a request after a fault that may pass, with growing pauses.",
    ),
    "user_agent": setting(
        "string",
        title="User agent",
        description="The User-Agent header; the default is the name and version of the tap. DTM's firewall refuses "
        "the default of Python's requests.",
    ),
}

KEY_SETTINGS: Final = tuple(name for name, declared in SETTINGS.items() if declared.get("secret"))
"""The settings that hold keys."""


def check_names(config: Iterable[str], known: Iterable[str]) -> None:
    """Check the names of settings, because a misspelt filter would silently read everything.

    Raises:
        DtmError: There is no setting of a name.
    """
    known = list(known)
    for name in config:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=3)
            hint = f"The nearest: {', '.join(near)}." if near else "Remove it."
            raise DtmError(f"The settings have an unknown name: {quoted(name, 100)}. {hint}")


def checked_api_version(config: Mapping[str, Any]) -> str:
    """Return the API version in a configuration. The schemas depend on it.

    Raises:
        DtmError: There is no such version.
    """
    version = config.get("api_version", SETTINGS["api_version"]["default"])
    if version not in API_VERSIONS:
        raise DtmError(f"The setting api_version is {version!r}: write v3 or v2.")
    return str(version)


@dataclass(frozen=True)
class Settings:
    """The settings, checked. Dates are ``YYYY-MM-DD``; None means "not set"; codes are upper case."""

    subscription_key: str | None = field(repr=False)
    secondary_subscription_key: str | None = field(repr=False)
    api_url: str
    api_version: str
    countries: tuple[str, ...] | None
    operations: frozenset[str] | None
    pcodes: str | None
    start_date: str | None
    end_date: str | None
    scrub_fraction: float
    scrub_resends: bool
    accept_withdrawn_countries: frozenset[str]
    max_parallel_requests: int
    request_timeout: float
    answer_budget_mb: int
    max_retries: int
    user_agent: str

    @property
    def is_sandbox(self) -> bool:
        """Whether the API is the sandbox, with invented data."""
        return is_sandbox(self.api_url)

    @property
    def is_local(self) -> bool:
        """Whether the API is on this machine, as in tests and the sandbox."""
        return urlsplit(self.api_url).hostname in LOOPBACK

    @property
    def filters(self) -> list[str]:
        """The names of the filters that are set, apart from ``countries``."""
        names = ("start_date", "end_date", "operations")
        return [name for name in names if getattr(self, name)]

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Settings:
        """Check a configuration that has passed its JSON Schema.

        Raises:
            DtmError: A setting is wrong; the message names it.
            DtmAccessError: The DTM API needs a key, and there is none.
        """
        defaults = {name: declared["default"] for name, declared in SETTINGS.items() if "default" in declared}
        config = defaults | {name: value for name, value in config.items() if value is not None}
        url = config["api_url"] or DEFAULT_API_URL
        settings = cls(
            subscription_key=config.get("subscription_key") or key_of_environment(),
            secondary_subscription_key=config.get("secondary_subscription_key")
            or os.environ.get(SECONDARY_KEY_VARIABLE)
            or None,
            api_url=url if url.startswith(f"{SANDBOX_SCHEME}:") else url.rstrip("/"),
            api_version=config["api_version"],
            countries=_codes(config, "countries"),
            operations=frozenset(texts(config, "operations")) or None,
            pcodes=config.get("pcodes", "").strip() or None,
            start_date=_date(config, "start_date"),
            end_date=_date(config, "end_date"),
            scrub_fraction=_number_of(config, "scrub_fraction"),
            scrub_resends=config["scrub_resends"],
            accept_withdrawn_countries=frozenset(_codes(config, "accept_withdrawn_countries") or ()),
            max_parallel_requests=_number_of(config, "max_parallel_requests"),
            request_timeout=_number_of(config, "request_timeout"),
            answer_budget_mb=_number_of(config, "answer_budget_mb"),
            max_retries=_number_of(config, "max_retries"),
            user_agent=config.get("user_agent", "").strip(" ") or f"tap-dtm/{metadata.version('tap-dtm')}",
        )
        try:
            settings._check()
        except ValueError as error:  # from splitting a URL
            raise DtmError(_FORM_OF_URLS) from error
        return settings

    def _check(self) -> None:
        if self.start_date and self.end_date and self.start_date > self.end_date:
            raise DtmError(
                f"The setting start_date ({self.start_date}) is after end_date ({self.end_date}): swap them."
            )
        easternmost = dt.timezone(dt.timedelta(hours=14))
        if self.start_date and self.start_date > dt.datetime.now(tz=easternmost).date().isoformat():
            raise DtmError(
                f"The setting start_date ({self.start_date}) is in the future: every row would be removed. "
                "Choose an earlier date."
            )
        if self.is_sandbox:
            return
        url = urlsplit(self.api_url)
        is_plain = url.port != 0 and not (url.query or url.fragment or url.username)
        if url.scheme not in {"http", "https"} or not url.hostname or not is_plain:
            raise DtmError(_FORM_OF_URLS)
        if url.scheme == "http" and not self.is_local:
            raise DtmError(f"The setting api_url would send the key unencrypted to {url.hostname}: use https://.")
        if not (self.user_agent.isascii() and self.user_agent.isprintable()):
            raise DtmError("The setting user_agent has characters that are not allowed in HTTP: write it in ASCII.")
        if not self.subscription_key:
            raise DtmAccessError(f"No subscription key for the DTM API. {HOW_TO_GET_A_KEY}")
        for name in KEY_SETTINGS:
            key = getattr(self, name) or ""
            if not key.isascii() or re.search(r"[\s\x00-\x1f\x7f]", key):
                raise DtmAccessError(f"The setting {name} has blanks or characters that no key has: copy it again.")


def texts(config: Mapping[str, Any], name: str, *, separator: str = "") -> list[str]:
    """Return the entries of a list setting. Its value is a list, a JSON list as text, or the only entry.

    With a separator, text may also hold several entries.

    Raises:
        DtmError: The text is not a valid list, or an entry is empty.
    """
    values = config.get(name) or ()
    if isinstance(values, str):
        values = _from_text(values, name, separator)
    texts = [value.strip() for value in values]
    if not all(texts):
        raise DtmError(f"The setting {name} has an empty entry: remove it, or leave the setting out.")
    return texts


def _from_text(text: str, name: str, separator: str) -> list[str]:
    if not text.strip():
        return []  # an empty environment variable
    if not text.lstrip().startswith("["):
        return text.split(separator) if separator else [text]
    try:
        return msgspec.json.decode(text, type=list[str])
    except msgspec.DecodeError as error:
        raise DtmError(
            f'The setting {name} is not a valid JSON list ({error}): write it as ["first", "second"].'
        ) from None


def _codes(config: Mapping[str, Any], name: str) -> tuple[str, ...] | None:
    return tuple(dict.fromkeys(code.strip().upper() for code in texts(config, name, separator=","))) or None


def _number_of(config: Mapping[str, Any], name: str) -> Any:  # noqa: ANN401
    """Return a number; the default for a blank text. The JSON Schema has checked whole numbers, but no texts."""
    declared, value = SETTINGS[name], config[name]
    low, high = declared["minimum"], declared["maximum"]
    kind, words = (int, "a whole number") if "integer" in declared["type"] else (float, "a number")
    if isinstance(value, str):
        value = value.strip() or declared["default"]
    elif kind is int:
        return value
    try:
        return msgspec.convert(value, Annotated[kind, msgspec.Meta(ge=low, le=high)], strict=False)
    except msgspec.ValidationError:
        raise DtmError(f"The setting {name} is {quoted(repr(value))}: write {words} from {low} to {high}.") from None


def _date(config: Mapping[str, Any], name: str) -> str | None:
    value = config.get(name)
    if not value:
        return None
    text = str(value)
    if not is_date(text):
        raise DtmError(f"The setting {name} is {quoted(repr(value))}, not a valid date: write it as YYYY-MM-DD.")
    return text


def is_date(text: str) -> bool:
    """Return whether a text is a calendar date in the form ``YYYY-MM-DD``."""
    try:
        return bool(msgspec.convert(text, dt.date))
    except msgspec.ValidationError:
        return False
