"""Runs the script in Postgres, over the connection of the loader."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from tap_dtm.errors import DtmError

if TYPE_CHECKING:
    from tap_dtm.views.loader import Loader


def install(script: str, loader: Loader) -> None:
    """Run the script.

    Args:
        script: Statements, with a transaction of their own.
        loader: Has sqlalchemy_url, or host, port, user, password and database.

    Raises:
        DtmError: The driver is missing, the address is wrong, or the database refuses the script.
    """
    try:
        import psycopg  # noqa: PLC0415 - an extra, which is not needed to print the script
    except ImportError as error:
        raise DtmError("The driver for Postgres is missing: pip install 'tap-dtm[postgres]'.") from error
    address = address_of(loader)
    try:
        with tempfile.TemporaryDirectory() as folder:
            address |= certificates(loader, Path(folder))
            # Single parameters, because libpq prints an address that it cannot read, with the password.
            with psycopg.connect(psycopg.conninfo.make_conninfo(**address), autocommit=True) as connection:
                connection.execute(script.encode())
    except (
        psycopg.errors.InvalidSchemaName,
        psycopg.errors.UndefinedTable,
        psycopg.errors.UndefinedColumn,
    ) as error:
        raise DtmError(
            f"The views lack a table or a column: {error.diag.message_primary}. Run the tap into this schema first, "
            "with every column. If it loads other levels or another version of the API, name them with --level and "
            "--api-version, or in the settings levels and api_version of dtm-views. --pcodes needs the table pcodes. "
            "--history needs the table runs and the histories of all levels. Nothing was changed."
        ) from error
    except psycopg.errors.RaiseException as error:  # raised by the script
        raise DtmError(f"{error.diag.message_primary} Nothing was changed.") from error
    except psycopg.Error as error:
        # Without the statement. A failure to connect has no message_primary.
        reason = " ".join(f"{error.diag.message_primary or error} {error.diag.message_detail or ''}".split())
        raise DtmError(f"Postgres refuses the views, and nothing was changed. The reason: {reason}") from error


def address_of(loader: Loader) -> dict[str, Any]:
    """Return the address of the database as libpq's parameters by name, with the password.

    Raises:
        DtmError: The loader names no database, or an invalid one.
    """
    user, password, host, port, database = map(loader.get, ("user", "password", "host", "port", "database"))
    given = loader.get("sqlalchemy_url") or ""
    url_setting, host_setting = loader.variable("sqlalchemy_url"), loader.variable("host")
    try:
        if given:
            url = sa.make_url(given)
        else:
            url = sa.URL.create(
                "postgresql", user, password, host or "localhost", int(port) if port else None, database
            )
    except (sa.exc.ArgumentError, ValueError):
        raise DtmError(
            f"{url_setting} or {loader.variable('port')} is wrong; an address looks like "
            "postgresql+psycopg://user:password@host:port/database, and a port is a number."
        ) from None
    if given.count("@") > 1 or "@" in (url.host or ""):  # do not print the host, which may end a password
        raise DtmError(
            f"The host has an @ in {host_setting} or {url_setting}. {host_setting} is the host alone, and in "
            f"{url_setting} every @ but the one before the host is written %40."
        )
    if not url.database:
        raise DtmError(
            f"No database is named: set {loader.variable('database')}, with {host_setting}, {loader.variable('user')} "
            f"and {loader.variable('password')}, or {url_setting}, as for {loader.name}."
        )
    return {**url.translate_connect_args(username="user", database="dbname"), **url.query}


def certificates(loader: Loader, folder: Path) -> dict[str, str]:
    """Return libpq's parameters for SSL. Certificates that are set as text are written to files in the folder."""
    if loader.get("sqlalchemy_url"):  # which has these parameters, as for the loader
        return {}
    files, parameters = {}, {}
    if loader.is_on("ssl_enable"):
        parameters["sslmode"] = loader.get("ssl_mode") or "verify-full"
        files["sslrootcert"] = loader.get("ssl_certificate_authority")
    if loader.is_on("ssl_client_certificate_enable"):
        files["sslcert"] = loader.get("ssl_client_certificate")
        files["sslkey"] = loader.get("ssl_client_private_key")
    for name, value in files.items():
        if value is not None:
            parameters[name] = _file(value, folder / name)
    return parameters


def _file(value: str, path: Path) -> str:
    if "-----BEGIN" not in value:
        return value
    path.touch(mode=0o600)  # libpq refuses a key that others may read
    path.write_text(value, encoding="utf-8")
    return str(path)
