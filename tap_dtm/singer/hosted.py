"""The tap inside another program, which takes records and states as they come instead of Singer messages."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from singer_sdk.io_base import SingerWriter
from singer_sdk.singerlib import RecordMessage, StateMessage
from typing_extensions import override

from tap_dtm.singer.tap import TapDTM

if TYPE_CHECKING:
    from collections.abc import Mapping


class HostedTap(TapDTM):
    """The tap in another program's process: signals are that program's business."""

    @override
    def _setup_signal_handlers(self) -> None:
        """Set up none."""


class Receiver(SingerWriter):
    """Takes what a run has to say. SCHEMA and ACTIVATE_VERSION say what the program knows from the catalog."""

    @override
    def write_message(self, message: Any) -> None:
        """Hand on a message."""
        if isinstance(message, RecordMessage):
            self.record(message.stream, message.record)
        elif isinstance(message, StateMessage):
            self.state(message.value["bookmarks"])

    @abstractmethod
    def record(self, stream: str, row: Mapping[str, Any]) -> None:
        """Take a record of a stream."""

    @abstractmethod
    def state(self, bookmarks: Mapping[str, Any]) -> None:
        """Take the bookmarks of all streams."""
