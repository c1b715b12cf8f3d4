"""The tap: its settings, its streams, and how a run begins and ends."""

from __future__ import annotations

import sys
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from singer_sdk import Tap
from singer_sdk.exceptions import ConfigValidationError, MappingError
from singer_sdk.helpers.capabilities import EMIT_ACTIVATE_VERSION_CONFIG
from singer_sdk.mapper import RemoveRecordTransform
from singer_sdk.plugin_base import PluginBase
from singer_sdk.singerlib import Catalog
from typing_extensions import override

from tap_dtm.api.client import DtmClient
from tap_dtm.console import NEXT_RUN
from tap_dtm.errors import DtmError
from tap_dtm.exact.state import check_state
from tap_dtm.metadata import load_catalogue
from tap_dtm.settings import KEY_SETTINGS, SETTINGS, Settings, check_names, checked_api_version, schema_of
from tap_dtm.singer import maps, projection
from tap_dtm.singer.figures import LevelStream
from tap_dtm.singer.history import HistoryStream
from tap_dtm.singer.output import Writer
from tap_dtm.singer.schedule import Schedule
from tap_dtm.singer.streams import STREAMS

if TYPE_CHECKING:
    from types import FrameType

    from tap_dtm.singer.base import DtmStream


class TapDTM(Tap):
    """Singer tap for the API of IOM's Displacement Tracking Matrix."""

    name = "tap-dtm"
    package_name = "tap-dtm"
    config_jsonschema: ClassVar[dict[str, Any]] = schema_of(SETTINGS)
    message_writer_class = Writer
    written_state = b""

    @property
    def api_version(self) -> str:
        """The API version, which decides the schemas.

        Raises:
            DtmError: There is no such version.
        """
        return checked_api_version(self.config)

    @override
    def discover_streams(self) -> list[DtmStream]:
        """Return the streams."""
        return [stream(self, self.api_version, lambda: self.schedule) for stream in STREAMS]

    @cached_property
    def schedule(self) -> Schedule:
        """The one run that all streams are part of.

        Raises:
            DtmError: A setting is wrong.
        """
        settings = self.settings_in_effect
        return Schedule(DtmClient(settings), load_catalogue(), settings)

    @property
    def settings_in_effect(self) -> Settings:
        """The checked settings; where they ask for the sandbox, those that reach it.

        Raises:
            DtmError: A setting is wrong.
        """
        settings = Settings.from_config(self.config)
        if settings.is_sandbox:
            from tap_dtm.sandbox import in_sandbox  # noqa: PLC0415  only those who ask for invented data load it

            return in_sandbox(settings)
        return settings

    @property
    def sends_everything(self) -> bool:
        """Whether the catalog asks for every row of a stream of figures, whatever the state says."""
        streams = (stream for stream in self.streams.values() if isinstance(stream, LevelStream))
        return any(stream.selected and stream.is_full_table for stream in streams)

    @override
    def setup_mapper(self) -> None:
        """Read the stream maps, and apply the catalog before they do.

        Raises:
            DtmError: A stream map cannot be read, or would make the tables wrong; or the catalog does.
        """
        maps.check(self.config, self.streams)  # type: ignore[arg-type]
        self.maps = maps.shaping(self.config)
        unknown = {entry.tap_stream_id for entry in self.catalog.streams} - set(self.streams)
        if unknown:
            raise DtmError(
                f"The catalog names {', '.join(sorted(unknown))}, which this tap does not have: "
                f"its streams are {', '.join(self.streams)}."
            )
        try:
            PluginBase.setup_mapper(self)
            selected = {name: entry for name, entry in self.catalog.items() if self.streams[name].selected}
            self.mapper.register_raw_streams_from_catalog(Catalog(selected))
            # The SDK would give maps, such as those of globs, streams without a column, and fail on them.
            for name in self.catalog.keys() - selected.keys():
                entry = self.catalog[name]
                self.mapper.register_raw_stream_schema(name, entry.schema.to_dict(), entry.key_properties)
        except (MappingError, ValueError) as error:  # a ValueError where flattening shortens two names to one
            raise DtmError(f"The setting stream_maps or flattening is wrong: {error}") from error
        if self._removes("countries"):
            raise DtmError(
                "The setting stream_maps removes the stream countries, without which nothing is read. To have no "
                "table of it, deselect it in the catalog."
            )

    def _removes(self, stream: str) -> bool:
        return isinstance(self.streams[stream].stream_maps[0], RemoveRecordTransform)

    def _check_runs(self) -> None:
        """Check that the histories come with the runs."""
        histories = [name for name, each in self.streams.items() if isinstance(each, HistoryStream) and each.selected]
        if histories and (not self.streams["runs"].selected or self._removes("runs")):
            raise DtmError(
                f"The catalog selects {', '.join(histories)} and not runs, which says which of their rows count: "
                "select all of runs as well, and do not remove it with stream_maps."
            )
        if self.streams["runs"].selected and not histories:
            self.logger.warning("The catalog selects runs and no history, so it stays empty: select one, too.")

    @classmethod
    @override
    def append_builtin_config(cls, config_jsonschema: dict[str, Any]) -> None:
        """Add the SDK's settings, and the one that its streams read but its taps do not declare."""
        super().append_builtin_config(config_jsonschema)
        config_jsonschema["properties"].update(EMIT_ACTIVATE_VERSION_CONFIG["properties"])

    @override
    def load_state(self, state: dict[str, Any]) -> None:
        """Take in the state that the last run left.

        Raises:
            DtmError: It is not one of this tap's.
        """
        check_state(state)
        super().load_state(state)

    @override
    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        """Check the settings against their schema.

        The SDK's messages repeat the values, which must not happen to the key.

        Raises:
            DtmError: A setting is wrong.
        """
        for name in KEY_SETTINGS:
            if not isinstance(self._config.get(name) or "", str):
                raise DtmError(f"The setting {name} is not a text: put it in quotes.")
        # Null is "not set", to the SDK's own settings as well.
        self._config = {name: value for name, value in self._config.items() if value is not None}
        maps.check_else(self._config.get("stream_maps"))
        schema: dict[str, Any] = {"properties": dict(self.config_jsonschema["properties"])}
        self.append_builtin_config(schema)
        check_names(self._config, schema["properties"])
        try:
            return super()._validate_config(raise_errors=raise_errors)
        except ConfigValidationError as error:
            raise DtmError(f"The settings are wrong: {'; '.join(error.errors)}.") from None

    @override  # type: ignore[misc]
    def sync_all(self) -> None:
        """Sync all streams, then report what failed.

        Final in the SDK, which has no hook for the end of a run: raising any earlier would cost the streams
        that are still to come.

        Raises:
            DtmPartialSyncError: Some countries failed.
        """
        if not any(stream.selected for stream in self.streams.values()):
            raise DtmError("The catalog selects no stream: there is nothing to do.")
        self._check_runs()
        self.streams["pcodes"].check_setting()  # type: ignore[attr-defined]
        schedule = self.schedule  # settings that are wrong stop the run before it begins
        selected = {name: stream for name, stream in self.streams.items() if stream.selected}
        projection.check(selected.values(), self.maps)  # type: ignore[arg-type]
        for name in maps.without_effect(self.maps, selected):
            self.logger.warning("The setting stream_maps maps %s, which the catalog does not select.", name)
        super().sync_all()
        schedule.finish()
        for stream in self.streams.values():
            stream.activate_version()  # type: ignore[attr-defined]

    @override
    def _handle_termination(self, signum: int, frame: FrameType | None) -> NoReturn:
        """End at once. The STATE messages that were written are all there is to save."""
        self.logger.warning("Stopped by signal %d. %s", signum, NEXT_RUN)
        sys.exit(128 + signum)
