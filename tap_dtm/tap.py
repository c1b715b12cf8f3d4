"""The tap: its settings, its streams, and how a run begins and ends."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from singer_sdk import Tap
from singer_sdk.contrib.msgspec import MsgSpecWriter

from tap_dtm.client import DtmClient
from tap_dtm.errors import DtmError, DtmOutputError
from tap_dtm.metadata import load_catalogue
from tap_dtm.settings import SETTINGS, Settings
from tap_dtm.streams import STREAMS
from tap_dtm.sync import Sync

if TYPE_CHECKING:
    from types import FrameType

    from tap_dtm.base import DtmStream


class TapDTM(Tap):
    """Singer tap for the API of IOM's Displacement Tracking Matrix."""

    name = "tap-dtm"
    package_name = "tap-dtm"
    config_jsonschema: ClassVar[dict[str, Any]] = SETTINGS.to_dict()
    message_writer_class = MsgSpecWriter

    @property
    def api_version(self) -> str:
        """The API version, which decides the schemas.

        Raises:
            DtmError: There is no such version.
        """
        version = self.config.get("api_version", "v3")
        if version not in {"v3", "v2"}:
            raise DtmError(f"The setting api_version is {version!r}: write v3 or v2.")
        return str(version)

    def discover_streams(self) -> list[DtmStream]:
        """Return the five streams."""
        return [stream(self) for stream in STREAMS]

    @cached_property
    def sync_run(self) -> Sync:
        """The one run that all streams are part of.

        Raises:
            DtmError: A setting is wrong.
        """
        settings = Settings.from_config(self.config)
        if settings.is_sandbox:
            settings = _in_sandbox(settings)
        return Sync(DtmClient(settings), load_catalogue(), settings)

    def sync_all(self) -> None:  # type: ignore[misc]
        """Sync all streams, then tell what failed.

        Final in the SDK, which has no hook for the end of a run: raising any earlier would cost the streams
        that are still to come.

        Raises:
            DtmPartialSyncError: Some countries failed.
            DtmOutputError: The messages cannot be written.
        """
        try:
            super().sync_all()
            self.sync_run.finish()
            for stream in self.streams.values():
                stream.activate_version()  # type: ignore[attr-defined]
        except OSError as error:
            # Said here, because click ends a program whose pipe is broken without a word.
            raise DtmOutputError(
                f"Cannot write the messages: {error.strerror}. The next run goes on from the last state."
            ) from error

    def _handle_termination(self, signum: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG002
        """End at once. The STATE messages that were written are all there is to save."""
        self.logger.warning("Stopped by signal %d. The next run goes on from the last state.", signum)
        sys.exit(128 + signum)


def _in_sandbox(settings: Settings) -> Settings:
    """Start the offline API, and aim at it with its own key: the real one has no business there."""
    from tap_dtm.sandbox import open_sandbox  # noqa: PLC0415  only those who ask for invented data load it

    try:
        server = open_sandbox(settings.api_url)
    except ValueError as error:
        raise DtmError(f"The setting api_url is wrong: {error}") from error
    return replace(settings, api_url=server.url, subscription_key=server.key)
