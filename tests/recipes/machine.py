"""The machine of docs/running.md: /srv/tap-dtm with Meltano in .venv, a filled-in .env, and the program `mail`."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from tests import pages
from tests.forked import forked_program
from tests.meltano import MeltanoProject, database, inherited

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tap_dtm.sandbox import SandboxServer
    from tests.pipeline import Warehouse

ROOT = Path(__file__).parents[2]
RECIPES = ROOT / "examples" / "recipes"
PLACE = "/srv/tap-dtm"
_MAIL = '#!/bin/sh\n{ echo "to: $*"; cat; } >> "$MAILBOX"\n'


def snippet(heading: str, first_words: str) -> str:
    """Return the code block of a recipe that begins with these words."""
    return pages.snippet("running", heading, first_words)


def empty_tables(warehouse: Warehouse) -> None:
    """Run the recipe's statement that empties the tables."""
    statement = snippet("Everything again", "TRUNCATE")
    assert statement.count(" dtm.") == 5
    with psycopg.connect(warehouse.server.url) as connection:
        connection.execute(statement.replace(" dtm.", f" {warehouse.schema}.").encode())


@contextmanager
def held(
    machine: Machine, command: str, sandbox: SandboxServer, warehouse: Warehouse
) -> Iterator[subprocess.Popen[str]]:
    """Start a run. When the block begins, it has asked the API; it cannot make its schema until the block ends."""
    with psycopg.connect(warehouse.server.url) as db:
        db.execute(f"CREATE SCHEMA {warehouse.schema}".encode())
        process = machine.start(command)
        while not any(request.path.endswith("admin0") for request in sandbox.requests):
            assert process.poll() is None
            time.sleep(0.05)
        yield process
        db.rollback()


class Machine(MeltanoProject):
    """Stands for /srv/tap-dtm: what a recipe says of that folder happens in this one."""

    def __init__(self, folder: Path, sandbox: SandboxServer, warehouse: Warehouse) -> None:
        """Make the folder, with settings for an API and a database."""
        super().__init__(folder)
        (folder / ".venv" / "bin").mkdir(parents=True)
        (folder / ".venv" / "bin" / "meltano").symlink_to(forked_program("meltano"))
        for name in ("catalog", "examples"):
            shutil.copytree(ROOT / name, folder / name)
        self.settings = {
            "TAP_DTM_API_URL": sandbox.url,
            "TAP_DTM_SUBSCRIPTION_KEY": sandbox.key,
            "TAP_DTM_MAX_RETRIES": "0",
            "TAP_DTM_SCRUB_FRACTION": "0",
            "TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA": warehouse.schema,
            **database(warehouse.server),
        }
        self._mailbox = folder.with_name("mailbox")
        programs = folder.with_name("programs")
        programs.mkdir()
        (programs / "mail").write_text(_MAIL, encoding="utf-8")
        (programs / "mail").chmod(0o755)
        self._path = f"{programs}:{os.environ['PATH']}"

    def here(self, text: str) -> str:
        """Return a recipe with this folder for the one that it names."""
        return text.replace(PLACE, str(self.folder))

    def start(
        self, command: str, settings: Mapping[str, str] | None = None, *, folder: Path | None = None
    ) -> subprocess.Popen[str]:
        """Start a command as the operator's shell, or cron, would; the settings go before those of .env."""
        self.write_env()
        return subprocess.Popen(
            ["/bin/sh", "-c", self.here(command)],
            cwd=folder or self.folder,
            env={**inherited(), "PATH": self._path, "MAILBOX": str(self._mailbox), **(settings or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def shell(self, command: str, settings: Mapping[str, str] | None = None, *, exit_code: int = 0) -> str:
        """Run a command to its end, which must be this one; return what it printed."""
        process = self.start(command, settings)
        output, _ = process.communicate()
        assert process.returncode == exit_code, output
        return output

    def mails(self) -> str:
        """Return all mail there is, and empty the box."""
        mails = self._mailbox.read_text("utf-8") if self._mailbox.exists() else ""
        self._mailbox.unlink(missing_ok=True)
        return mails

    def write_env(self) -> None:
        """Write the settings into .env, as the operator does."""
        lines = [f"{name}='{value}'\n" for name, value in self.settings.items()]
        (self.folder / ".env").write_text("".join(lines), encoding="utf-8")
