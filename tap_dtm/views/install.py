"""Runs the script in Postgres, over the connection that target-postgres has in Meltano."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from tap_dtm.errors import DtmError

if TYPE_CHECKING:
    from collections.abc import Mapping

_PREFIX = "TARGET_POSTGRES_"


def install(script: str, environment: Mapping[str, str]) -> None:
    """Run the script.

    Args:
        script: Statements, with a transaction of their own.
        environment: Has TARGET_POSTGRES_SQLALCHEMY_URL, or TARGET_POSTGRES_HOST, _PORT, _USER, _PASSWORD, _DATABASE.

    Raises:
        DtmError: The driver is missing, the address is wrong, or the database refuses.
    """
    try:
        import psycopg  # noqa: PLC0415 - an extra, which those who pipe the script do without
    except ImportError as error:
        raise DtmError("The driver for Postgres is missing: pip install 'tap-dtm[postgres]'.") from error
    address = address_of(environment)
    try:
        # One parameter at a time: where an address as a whole cannot be read, libpq prints it, password and all.
        with psycopg.connect(psycopg.conninfo.make_conninfo(**address), autocommit=True) as connection:
            connection.execute(script.encode())
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn) as error:
        raise DtmError(
            f"The database says: {error.diag.message_primary}. Run the tap into this schema first, with every column; "
            "name the levels that it loads with --level, if not all, and its api_version. Nothing was changed."
        ) from error
    except psycopg.Error as error:
        # Only what the server says of a statement, without the statement; of a connection, all there is.
        told = [error.diag.message_primary or str(error), error.diag.message_detail or ""]
        reason = " ".join(" ".join(told).split())
        raise DtmError(f"Postgres did not take the views; nothing was changed. It says: {reason}") from error


def address_of(environment: Mapping[str, str]) -> dict[str, Any]:
    """Return where the database is, as libpq's parameters by name. One of them is the password.

    Raises:
        DtmError: The environment names no database, or an invalid one.
    """
    names = ("USER", "PASSWORD", "HOST", "PORT", "DATABASE")
    user, password, host, port, database = (environment.get(f"{_PREFIX}{name}") or None for name in names)
    given = environment.get(f"{_PREFIX}SQLALCHEMY_URL") or ""
    try:
        if given:
            url = sa.make_url(given)
        else:
            url = sa.URL.create(
                "postgresql", user, password, host or "localhost", int(port) if port else None, database
            )
    except (sa.exc.ArgumentError, ValueError):
        raise DtmError(
            f"{_PREFIX}SQLALCHEMY_URL or {_PREFIX}PORT is wrong; an address looks like "
            "postgresql+psycopg://user:password@host:port/database, and a port is a number."
        ) from None
    if given.count("@") > 1 or "@" in (url.host or ""):  # what follows may be the end of a password: do not print it
        raise DtmError(
            f"The host has an @ in {_PREFIX}HOST or {_PREFIX}SQLALCHEMY_URL. {_PREFIX}HOST is the host alone, and in "
            f"{_PREFIX}SQLALCHEMY_URL every @ but the one before the host is written %40."
        )
    if not url.database:
        raise DtmError(
            f"No database is named: set {_PREFIX}HOST, {_PREFIX}USER, {_PREFIX}PASSWORD and {_PREFIX}DATABASE, "
            f"or {_PREFIX}SQLALCHEMY_URL, as for target-postgres."
        )
    return {**url.translate_connect_args(username="user", database="dbname"), **url.query}
