"""The settings of the loader that filled the tables: where the database is, and the schema.

A utility of Meltano does not get the settings of a loader. They may be in meltano.yml, in one of its environments, in
.env or in a variable, and only Meltano knows which one applies. So in a run, Meltano's command prints them. Outside of
Meltano, the settings are the variables that Meltano would read. In a run as well, the variables are enough if they have
an address and a schema, because they take precedence, and an address replaces the other settings.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tap_dtm.errors import DtmError
from tap_dtm.redaction import guard, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping

IN_MELTANO: Final = "MELTANO_UTILITY_NAME"  # which Meltano sets for its utilities
_SECRETS: Final = ("password", "sqlalchemy_url", "ssl_client_private_key")
_TRUE: Final = ("true", "1", "yes", "on")


@dataclass(frozen=True)
class Loader:
    """The name of a loader, and its settings as text."""

    name: str
    settings: Mapping[str, str]

    def get(self, setting: str) -> str | None:
        """Return the value of a setting; None if it is empty."""
        return self.settings.get(setting) or None

    def is_on(self, setting: str) -> bool:
        """Return whether a setting is true."""
        return (self.get(setting) or "").lower() in _TRUE

    def variable(self, setting: str) -> str:
        """Return the variable of a setting in the environment and in .env."""
        return _prefix(self.name) + setting.upper()


def find_loader(name: str, environment: Mapping[str, str]) -> Loader:
    """Return a loader with its settings, and keep the secret ones out of all messages.

    Raises:
        DtmError: Meltano does not know the loader, or cannot be started.
    """
    prefix = _prefix(name)
    settings = {key.removeprefix(prefix).lower(): value for key, value in environment.items() if key.startswith(prefix)}
    is_complete = settings.get("sqlalchemy_url") and settings.get("default_target_schema")
    if IN_MELTANO in environment and not is_complete:
        settings = _from_meltano(name, environment)
    for secret in _SECRETS:
        guard(settings.get(secret))
    return Loader(name, settings)


def _prefix(name: str) -> str:
    return name.replace("-", "_").upper() + "_"


def _from_meltano(name: str, environment: Mapping[str, str]) -> dict[str, str]:
    arguments = ["config", "--unsafe", "print", name, "--plugin-type", "loader", "--format", "json"]
    done = subprocess.run(  # noqa: S603  the command that started this one
        [_meltano(environment), *arguments],
        env={**environment, "MELTANO_CLI_LOG_LEVEL": "error", "MELTANO_CLI_LOG_FORMAT": "plain"},
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    try:
        printed = json.loads(done.stdout)
    except ValueError:
        reason = quoted("".join(done.stderr.splitlines()[-1:]))
        raise DtmError(
            f"Meltano does not print the settings of the loader {name}. The reason: {reason} Set `loader` of dtm-views "
            "to the name of the loader that fills the tables."
        ) from None
    given = {key: value for key, value in printed.items() if value is not None}
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in given.items()}


def _meltano(environment: Mapping[str, str]) -> str:
    """Return Meltano's command. It may not be on the PATH, so this is the link in Meltano's folder, if there is one."""
    linked = Path(environment.get("MELTANO_SYS_DIR_ROOT") or ".meltano", "run", "bin")
    found = str(linked) if os.access(linked, os.X_OK) else shutil.which("meltano", path=environment.get("PATH"))
    if not found:
        raise DtmError(
            "The command meltano, which knows the settings of the loader, is not on the PATH. Add its folder."
        )
    return found
