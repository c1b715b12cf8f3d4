"""Where `tap-dtm-views --install` finds the settings of the loader, and what it makes of those about SSL."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tap_dtm.errors import DtmError
from tap_dtm.views.install import certificates
from tap_dtm.views.loader import Loader, find_loader

PEM = "-----BEGIN CERTIFICATE-----\ninvented\n-----END CERTIFICATE-----\n"


def meltano_in(folder: Path, script: str) -> dict[str, str]:
    """Return the variables of a run of a Meltano that is this script."""
    program = folder / "run" / "bin"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)
    return {"MELTANO_UTILITY_NAME": "dtm-views", "MELTANO_SYS_DIR_ROOT": str(folder), "PATH": "/bin:/usr/bin"}


def test_without_meltano_they_are_the_variables_of_that_loader() -> None:
    variables = {
        "TARGET_POSTGRES_DATABASE": "another",
        "TARGET_POSTGRES__WAREHOUSE_DATABASE": "warehouse",
        "TARGET_POSTGRES__WAREHOUSE_HOST": "",
    }

    loader = find_loader("target-postgres--warehouse", variables)

    assert loader.get("database") == "warehouse"
    assert loader.get("host") is None


def test_in_a_run_of_meltano_its_answer_alone_counts(tmp_path: Path) -> None:
    run = meltano_in(tmp_path, """echo '{"port": 5433, "ssl_enable": true, "user": "ann", "host": null}'""")

    loader = find_loader("target-postgres", {**run, "TARGET_POSTGRES_DATABASE": "of a variable"})

    assert loader.settings == {"port": "5433", "ssl_enable": "true", "user": "ann"}
    assert loader.is_on("ssl_enable")


def test_an_address_and_a_schema_in_variables_go_before_all_that_meltano_could_say(tmp_path: Path) -> None:
    run = meltano_in(tmp_path, "exit 1")
    variables = {"TARGET_POSTGRES_SQLALCHEMY_URL": "postgresql://h/d", "TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA": "s"}

    loader = find_loader("target-postgres", run | variables)

    assert loader.settings == {"sqlalchemy_url": "postgresql://h/d", "default_target_schema": "s"}


@pytest.mark.parametrize(
    ("printed", "arguments", "variables", "sentence"),
    [
        # What Meltano prints, arguments, variables, and words of the message.
        ("{}", [], {}, "set TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA, or set DTM_VIEWS_SCHEMA to the schema"),
        ("{}", [], {"DTM_VIEWS_SCHEMA": "views!"}, "'views!' is not a name"),
        (
            '{"default_target_schema": "loader!"}',
            [],
            {"DTM_VIEWS_SCHEMA": "views!"},
            "'loader!' is not a name",
        ),
        ('{"default_target_schema": "loader!"}', ["--schema", "typed!"], {}, "'typed!' is not a name"),
        ('{"default_target_schema": "dtm"}', [], {}, "No database is named: set TARGET_POSTGRES_DATABASE"),
    ],
)
def test_the_schema_is_the_one_typed_or_else_the_loader_s_and_what_is_missing_is_named(
    tmp_path: Path, printed: str, arguments: list[str], variables: dict[str, str], sentence: str
) -> None:
    run = meltano_in(tmp_path, f"echo '{printed}'")
    command = [sys.executable, "-m", "tap_dtm.views", "--install", *arguments]

    done = subprocess.run(command, env=run | variables, capture_output=True, text=True, check=False)

    assert done.returncode != 0
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_meltano_s_refusal_is_repeated_in_its_last_words(tmp_path: Path) -> None:
    run = meltano_in(tmp_path, "echo 'Meltano 4.4' >&2; echo \"Loader '$4' is not known to Meltano.\" >&2; exit 1")

    with pytest.raises(DtmError) as caught:
        find_loader("target-x", run)

    assert "The reason: Loader 'target-x' is not known to Meltano. Set `loader` of dtm-views" in str(caught.value)
    assert "Meltano 4.4" not in str(caught.value)


def test_a_run_whose_meltano_cannot_be_found(tmp_path: Path) -> None:
    run = {"MELTANO_UTILITY_NAME": "dtm-views", "MELTANO_SYS_DIR_ROOT": str(tmp_path), "PATH": str(tmp_path)}

    with pytest.raises(DtmError, match=r"The command meltano, .* is not on the PATH"):
        find_loader("target-postgres", run)


def test_a_password_that_meltano_prints_is_shown_nowhere(tmp_path: Path) -> None:
    run = meltano_in(tmp_path, """echo '{"password": "invented-s3cret-of-meltano"}'""")

    find_loader("target-postgres", run)

    assert str(DtmError("It is invented-s3cret-of-meltano.")) == "It is ***."


def test_ssl_verifies_the_server_by_a_certificate_that_is_a_file_or_a_text(tmp_path: Path) -> None:
    by_file = Loader("target-postgres", {"ssl_enable": "true", "ssl_certificate_authority": "/etc/authority.pem"})
    by_text = Loader(
        "target-postgres", {"ssl_enable": "true", "ssl_mode": "verify-ca", "ssl_certificate_authority": PEM}
    )

    assert certificates(by_file, tmp_path) == {"sslmode": "verify-full", "sslrootcert": "/etc/authority.pem"}
    parameters = certificates(by_text, tmp_path)

    assert parameters["sslmode"] == "verify-ca"
    assert Path(parameters["sslrootcert"]).read_text("utf-8") == PEM


def test_a_key_of_the_client_that_is_a_text_is_in_a_file_that_others_cannot_read(tmp_path: Path) -> None:
    settings = {"ssl_client_certificate_enable": "true", "ssl_client_certificate": PEM, "ssl_client_private_key": PEM}

    parameters = certificates(Loader("target-postgres", settings), tmp_path)

    assert parameters.keys() == {"sslcert", "sslkey"}
    assert Path(parameters["sslkey"]).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "settings", [{}, {"ssl_enable": "false", "ssl_mode": "require"}, {"ssl_enable": "true", "sqlalchemy_url": "x"}]
)
def test_without_ssl_or_with_an_address_of_its_own_nothing_is_said_about_it(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    assert certificates(Loader("target-postgres", settings), tmp_path) == {}
