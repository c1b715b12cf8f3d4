"""The nightly run: the alarm is raised if and only if something fails, and two runs never overlap."""

from __future__ import annotations

import configparser
import shlex
from typing import TYPE_CHECKING

import pytest

from tap_dtm.sandbox import Fault, SandboxServer
from tests.recipes.machine import PLACE, RECIPES, Machine, held, snippet

if TYPE_CHECKING:
    from tests.pipeline import Warehouse

CRONTAB = snippet("Every night, with an alarm", "15 3 * * *")
MINUTE_HOUR_DAY_MONTH_WEEKDAY = 5
COMMAND = CRONTAB.split(maxsplit=MINUTE_HOUR_DAY_MONTH_WEEKDAY)[-1]


@pytest.mark.parametrize(
    ("setting", "value", "reason"),
    [
        ("TAP_DTM_SUBSCRIPTION_KEY", "invented-wrong-key", "refuses the subscription key"),
        ("TARGET_POSTGRES_PASSWORD", "invented-wrong-password", "password authentication failed"),
    ],
    ids=["tap", "target"],
)
def test_cron_sends_the_reason_when_the_tap_or_the_target_fails(
    machine: Machine, setting: str, value: str, reason: str
) -> None:
    machine.settings[setting] = value

    machine.shell(COMMAND)

    mail = machine.mails()
    assert mail.startswith("to: -s DTM failed you@example.org\n")
    assert reason in mail.splitlines()[-1]
    assert mail.splitlines()[-1].startswith("Reason: ")
    assert value not in mail


def test_cron_names_the_country_that_failed_and_the_others_are_loaded(
    machine: Machine, sandbox: SandboxServer, warehouse: Warehouse
) -> None:
    failing, *others = (country.pcode for country in sandbox.world.countries)
    sandbox.faults.add(Fault("status", country=failing))

    machine.shell(COMMAND)

    assert f"1 of 2 countries failed: {failing}." in machine.mails()
    assert {row["admin0_pcode"] for row in warehouse.live("idp_admin2")} == set(others)
    sandbox.faults.clear()
    machine.shell(COMMAND)
    assert machine.mails() == ""
    warehouse.assert_equals_api(sandbox.world)


def test_cron_sends_a_mail_even_if_the_folder_is_gone(machine: Machine) -> None:
    machine.shell(COMMAND.replace(PLACE, f"{PLACE}/gone"))

    assert machine.mails().startswith("to: -s DTM failed")


def test_cron_says_nothing_when_all_is_well_and_a_second_run_at_the_same_time_is_refused(
    machine: Machine, sandbox: SandboxServer, warehouse: Warehouse
) -> None:
    assert "%" not in COMMAND, "cron would take it for the end of the command"
    with held(machine, COMMAND, sandbox, warehouse) as first:
        second = machine.shell(".venv/bin/meltano --environment=prod schedule run daily", exit_code=1)

        assert "Another 'prod:tap-dtm-to-target-postgres' pipeline is already running" in second
        assert first.poll() is None
    printed, _ = first.communicate()
    assert (first.returncode, printed) == (0, "")
    assert machine.mails() == ""
    warehouse.assert_equals_api(sandbox.world)
    views = warehouse.query("SELECT viewname FROM pg_views WHERE schemaname = current_schema()")
    assert "idp_admin0_current" in {view["viewname"] for view in views}


def test_systemd_runs_the_same_command_at_the_same_time_and_has_an_alarm() -> None:
    service, timer = (configparser.ConfigParser(interpolation=None) for _ in range(2))
    service.read_string((RECIPES / "tap-dtm.service").read_text("utf-8"))
    timer.read_string((RECIPES / "tap-dtm.timer").read_text("utf-8"))

    start = shlex.split(service["Service"]["ExecStart"])

    assert service["Service"]["WorkingDirectory"] == PLACE
    assert " ".join(start).removeprefix(f"{PLACE}/") in COMMAND
    assert service["Unit"]["OnFailure"]
    minute, hour = map(int, CRONTAB.split()[:2])
    assert timer["Timer"]["OnCalendar"] == f"{hour:02}:{minute:02}"
