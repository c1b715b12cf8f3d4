"""The command ``tap-dtm``: the Singer command line, with errors in whole sentences."""

from __future__ import annotations

import sys
from typing import ClassVar

import click
from singer_sdk.tap_base import CliTestOptionValue
from typing_extensions import override

from tap_dtm import apicheck, console
from tap_dtm.settings import KEY_SETTINGS, KEY_VARIABLES, SECONDARY_KEY_VARIABLE, Settings
from tap_dtm.singer.config_files import CheckedConfig, CheckedFile
from tap_dtm.singer.tap import TapDTM

SECRETS = (*KEY_VARIABLES, SECONDARY_KEY_VARIABLE, *(f"TAP_DTM_{name.upper()}" for name in KEY_SETTINGS))


class Command(CheckedConfig, TapDTM):
    """Singer tap for the API of IOM's Displacement Tracking Matrix, on the command line."""

    _files: ClassVar = {kind: CheckedFile(kind) for kind in ("state", "catalog")}

    @classmethod
    @override
    def get_singer_command(cls) -> click.Command:
        """Return the SDK's command, which reads its files as UTF-8 and checks them first."""
        command = super().get_singer_command()
        for parameter in command.params:
            parameter.type = cls._files.get(parameter.name or "", parameter.type)
        command.params.append(
            click.Option(
                ["--check-api"],
                is_flag=True,
                help="Ask the API a few questions, and show which facts about it hold.",
                callback=cls.cb_check_api,
                expose_value=False,
            )
        )
        return command

    @classmethod
    def cb_check_api(cls, ctx: click.Context, _: click.Parameter, value: bool) -> None:  # noqa: FBT001  as click calls it
        """Run ``--check-api``: a text for an issue, without keys and rows.

        Raises:
            DtmError: The API cannot be asked, or something that the tap needs does not hold.
        """
        if not value:
            return
        given = ctx.params["config"]
        tap = cls(config=given.config, parse_env_config=given.parse_env)
        report = apicheck.check(tap.settings_in_effect, is_invented=Settings.from_config(tap.config).is_sandbox)
        sys.stdout.write(report.text)
        report.raise_failure()
        ctx.exit()

    @classmethod
    @override
    def cb_test(cls, ctx: click.Context, param: click.Option, value: str) -> None:
        """Run ``--test``: one record of each stream.

        Raises:
            DtmError: The test failed, for which the SDK would exit with 0.
        """
        if value != CliTestOptionValue.All.value:
            super().cb_test(ctx, param, value)
            return
        given = ctx.params["config"]
        tap = cls(config=given.config, parse_env_config=given.parse_env)
        tap.run_connection_test()
        tap.schedule.finish()
        ctx.exit()


def main() -> None:
    """Run the tap."""
    console.run(Command.name, Command.cli, secrets=SECRETS, outlook=console.NEXT_RUN)
