"""The command ``source-dtm``: spec, check, discover and read, as Airbyte calls them."""

from __future__ import annotations

import argparse
import logging
import sys
from typing import TYPE_CHECKING, Any, Final, NoReturn

from typing_extensions import override

from tap_dtm import console
from tap_dtm.airbyte import messages
from tap_dtm.airbyte.catalog import discover
from tap_dtm.airbyte.output import Output, Stopped
from tap_dtm.airbyte.read import read
from tap_dtm.api.pcodes import is_set
from tap_dtm.errors import DtmError
from tap_dtm.settings import DEFAULT_API_URL, SETTINGS, Settings, check_names, checked_api_version
from tap_dtm.singer.command import SECRETS
from tap_dtm.singer.config_files import read_object
from tap_dtm.singer.hosted import HostedTap
from tap_dtm.singer.tap import TapDTM

if TYPE_CHECKING:
    from collections.abc import Callable

NAME = "source-dtm"
_HOMEPAGE: Final = "https://github.com/tap-dtm/tap-dtm"
_DATE: Final = {"pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "pattern_descriptor": "YYYY-MM-DD"}
_CODES: Final = {"items": {"type": "string", "pattern": "^[A-Za-z]{3}$"}}

# What Airbyte's forms show in addition to the settings' declarations.
_FORM: Final[dict[str, dict[str, Any]]] = {
    "subscription_key": {"always_show": True},
    "api_url": {
        "pattern": "^(https?|sandbox)://",
        "pattern_descriptor": "https://… or sandbox://",
        "examples": [DEFAULT_API_URL, "sandbox://"],
    },
    "countries": {**_CODES, "examples": ["HTI", "TCD"], "always_show": True},
    "start_date": {**_DATE, "examples": ["2023-01-01"]},
    "end_date": {**_DATE, "examples": ["2024-12-31"]},
    "scrub_fraction": {"examples": [0.05, 0.2]},
    "accept_withdrawn_countries": {**_CODES, "examples": ["HTI"]},
    "user_agent": {"examples": ["example-organisation/1.0"]},
}
# A check answers a person who waits.
_PATIENCE = {"max_retries": 1, "request_timeout": 30}
_logger = logging.getLogger("tap-dtm")


class _Parser(argparse.ArgumentParser):
    @override
    def error(self, message: str) -> NoReturn:
        raise DtmError(f"{self.prog}: {message}.")


class _Program:
    """One command in Airbyte's protocol: its log lines and its failure are messages."""

    def __init__(self) -> None:
        self._output: Output | None = None

    def run(self) -> None:
        """Run the command that the arguments name."""
        self._output = output = Output(sys.stdout.buffer)
        logging.basicConfig(level=logging.INFO, handlers=[output], format="%(message)s", force=True)
        logging.captureWarnings(capture=True)
        sys.stdout = sys.stderr  # other prints are not messages
        try:
            output.heed_signals()
            arguments = _parser().parse_args()
            arguments.command(output, arguments)
        except Stopped as stopped:
            _logger.warning("%s", stopped)
            stopped.end()

    def report(self, error: Exception) -> None:
        """Report why the command failed, where Airbyte looks for it."""
        if self._output is not None:
            self._output.write(messages.failure(error))


def main() -> None:
    """Run one command. A failure ends it with one TRACE message that gives the reason, and exit code 1."""
    program = _Program()
    console.run(NAME, program.run, secrets=SECRETS, outlook=console.NEXT_RUN, report=program.report)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser("source-dtm", description="Airbyte source for IOM's Displacement Tracking Matrix.")
    commands = parser.add_subparsers(required=True, metavar="spec | check | discover | read")
    options: dict[Callable[[Output, argparse.Namespace], None], tuple[str, str]] = {
        _spec: ("", "show the settings"),
        _check: ("config", "try the settings with one small request"),
        _discover: ("config", "list the streams"),
        _read: ("config catalog", "read the streams of a catalog, from a state if there is one"),
    }
    for function, (files, text) in options.items():
        command = commands.add_parser(function.__name__.strip("_"), help=text, description=text)
        command.set_defaults(command=function)
        for file in files.split():
            command.add_argument(f"--{file}", required=True, metavar="FILE")
        if function is _read:
            command.add_argument("--state", metavar="FILE")
    return parser


def _spec(output: Output, _: argparse.Namespace) -> None:
    output.write({"type": "SPEC", "spec": specification()})


def _check(output: Output, arguments: argparse.Namespace) -> None:
    status = {"status": "SUCCEEDED"}
    try:
        config = dict(HostedTap(config=_config(arguments)).config)
        settings = Settings.from_config(config)
        patience = {name: most for name, most in _PATIENCE.items() if getattr(settings, name) > most}
        HostedTap(config=config | patience).schedule.check_names(())
    except DtmError as error:
        status = {"status": "FAILED", "message": str(error)}
    output.write({"type": "CONNECTION_STATUS", "connectionStatus": status})


def _discover(output: Output, arguments: argparse.Namespace) -> None:
    config = _config(arguments)
    catalog = discover(checked_api_version(config), has_pcodes=is_set(config))
    output.write({"type": "CATALOG", "catalog": catalog})


def _read(output: Output, arguments: argparse.Namespace) -> None:
    config, catalog = _config(arguments), read_object(arguments.catalog, "catalog")
    state = read_object(arguments.state, "state", or_list=True) if arguments.state else []
    read(output, config, catalog, state)


def _config(arguments: argparse.Namespace) -> dict[str, Any]:
    """Read the settings, without those that only the Singer tap has: stream maps and batches.

    Forms send null for an empty field.
    """
    config = read_object(arguments.config, "settings")
    of_sdk: dict[str, Any] = {"properties": {}}
    TapDTM.append_builtin_config(of_sdk)
    check_names(config, [*SETTINGS, *of_sdk["properties"]])
    if unknown := sorted(config.keys() - SETTINGS):
        _logger.warning("Ignoring settings that have no effect here: %s.", ", ".join(unknown))
    return {name: value for name, value in config.items() if name in SETTINGS and value is not None}


def specification() -> dict[str, Any]:
    """Return the ConnectorSpecification."""
    settings: dict[str, dict[str, Any]] = SETTINGS
    return {
        "documentationUrl": _HOMEPAGE,
        "changelogUrl": f"{_HOMEPAGE}/blob/main/CHANGELOG.md",
        "supportsIncremental": True,
        "supported_destination_sync_modes": ["overwrite", "append", "append_dedup"],
        "connectionSpecification": {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "title": "DTM",
            "type": "object",
            "properties": {
                name: _property(setting, order) | _FORM.get(name, {})
                for order, (name, setting) in enumerate(settings.items())
            },
            "additionalProperties": True,
        },
    }


def _property(setting: dict[str, Any], order: int) -> dict[str, Any]:
    spec = {name: value for name, value in setting.items() if name not in {"secret", "writeOnly"}}
    spec["type"] = _plain(setting["type"])
    if "items" in setting:
        spec["items"] = setting["items"] | {"type": _plain(setting["items"]["type"])}
    if setting.get("secret"):
        spec["airbyte_secret"] = True
    return spec | {"order": order}


def _plain(kinds: list[str]) -> str:
    return next(kind for kind in kinds if kind != "null")
