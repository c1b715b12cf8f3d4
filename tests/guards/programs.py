"""The two programs that read DTM, and a scene for tests that say the same of both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from tap_dtm.airbyte.catalog import CURSOR, DELETED
from tests.airbyte.support import EVERYTHING, Destination, configured, run_read
from tests.guards.support import config_for
from tests.scripted import ScriptedServer, doctored
from tests.target import MemoryTarget, run_tap
from tests.world import LEVELS, assert_positions_are_whole, count, served

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tap_dtm.sandbox import World
    from tap_dtm.sandbox.api import Request
    from tests.scripted import Rows

    Row = dict[str, Any]
    Alter = Callable[[Request, Rows], Rows | None]


class Program(Protocol):
    """A program with its tables and its state."""

    def sync(self, server: ScriptedServer, *, error: type[Exception] | None = None, **config: Any) -> list[Row]:
        """Run once, and return the figures that were sent; the run is expected to end with an error, or none."""

    def rows(self, stream: str) -> list[Row]:
        """Return the rows of a table that are not deleted."""


class Tap:
    """``tap-dtm`` and a target that upserts."""

    def __init__(self) -> None:
        self.target = MemoryTarget()

    def sync(self, server: ScriptedServer, *, error: type[Exception] | None = None, **config: Any) -> list[Row]:
        messages = run_tap(self.target, error=error, **(config_for(server) | config))
        return _figures((each["stream"], each["record"]) for each in messages if each["type"] == "RECORD")

    def rows(self, stream: str) -> list[Row]:
        return self.target.live(stream)


class Source:
    """``source-dtm`` and a destination that keeps one row for each key."""

    def __init__(self) -> None:
        self.destination = Destination()

    def sync(self, server: ScriptedServer, *, error: type[Exception] | None = None, **config: Any) -> list[Row]:
        version = str(config.get("api_version", "v3"))
        catalog = configured(EVERYTHING, version)
        messages = run_read(catalog, self.destination.state, error=error, **(config_for(server) | config))
        self.destination.take(messages, catalog)
        sent = [each["record"] for each in messages if each["type"] == "RECORD"]
        return _figures((each["stream"], each["data"]) for each in sent)

    def rows(self, stream: str) -> list[Row]:
        rows = self.destination.deduped(stream)
        return [{name: value for name, value in row.items() if name not in {DELETED, *_ADDED}} for row in rows]


PROGRAMS: dict[str, type[Tap | Source]] = {"tap-dtm": Tap, "source-dtm": Source}
LISTS = {"countries": "/v3/displacement/country-list", "operations": "/v3/displacement/operation-list"}
_ADDED = (CURSOR, "_airbyte_extracted_at")


def _figures(records: Iterable[tuple[str, Row]]) -> list[Row]:
    return [row for stream, row in records if stream.startswith("idp_")]


class Scene:
    """A program that reads a server of a world, which may answer otherwise than it should."""

    def __init__(self, program: Program, world: World, server: ScriptedServer) -> None:
        self.program = program
        self.world = world
        self.server = server

    def serve(self, alter: Alter = lambda *_: None) -> None:
        """Serve the world from now on, with altered rows."""
        self.server.respond = doctored(self.world, alter)

    def sync(self, *, error: type[Exception] | None = None, **config: Any) -> list[Row]:
        """Run once, and return the figures that were sent."""
        return self.program.sync(self.server, error=error, **config)

    def rows(self, stream: str) -> list[Row]:
        """Return the rows of a table that are not deleted."""
        return self.program.rows(stream)

    def countries(self, stream: str = "idp_admin2") -> set[str]:
        """Return the countries that a table has rows of."""
        return {row["admin0_pcode"] for row in self.rows(stream)}

    def assert_equals_api(self) -> None:
        """Check that the tables of figures hold what the world serves."""
        for level in LEVELS:
            rows = self.rows(f"idp_admin{level}")
            assert count(rows) == served(self.world, level)
            assert_positions_are_whole(rows)
