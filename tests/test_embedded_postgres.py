"""The server of the demo and of the tests: real, private, and gone when it is no longer wanted."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import psycopg
import pytest

from demo.postgres import EmbeddedPostgres, PostgresError

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.programs


def test_data_survive_a_restart(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path / "pg") as server, psycopg.connect(server.url) as db:
        db.execute("CREATE TABLE places AS SELECT 'Île-à-Vache' AS name")
    with EmbeddedPostgres(tmp_path / "pg") as server, psycopg.connect(server.url) as db:
        assert db.execute("SELECT upper(name) FROM places").fetchall() == [("ÎLE-À-VACHE",)]


def test_only_this_user_on_this_machine_gets_in(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path / "pg") as server:
        with psycopg.connect(server.url) as db:
            assert db.execute("SHOW listen_addresses").fetchone() == ("127.0.0.1",)
            assert db.execute("SHOW unix_socket_directories").fetchone() == ("",)
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(server.url.replace(server.password, "guess"))
    if os.name == "posix":
        assert (tmp_path / "pg" / "password").stat().st_mode & 0o777 == 0o600


def test_the_server_stops_even_after_an_error(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "pg")
    with pytest.raises(ZeroDivisionError), server, psycopg.connect(server.url):
        _ = 1 / 0
    with socket.socket() as probe, pytest.raises(ConnectionRefusedError):
        probe.connect((server.host, server.port))
    assert (tmp_path / "pg" / "data" / "PG_VERSION").exists()


def test_two_servers_on_one_folder_are_refused(tmp_path: Path) -> None:
    with (
        EmbeddedPostgres(tmp_path / "pg"),
        pytest.raises(PostgresError, match=r"already runs .* `kill \d+`"),
        EmbeddedPostgres(tmp_path / "pg"),
    ):
        pass


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path / "pg"):
        pass
    (tmp_path / "pg" / "data" / "PG_VERSION").write_text("9\n")
    with pytest.raises(PostgresError, match="version 9"):
        EmbeddedPostgres(tmp_path / "pg").__enter__()
