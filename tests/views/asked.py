"""Random histories that a target remembers, and what the functions and views of a database say of them in the end."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections import Counter
from copy import deepcopy
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from tests.asof import as_of, without_additions
from tests.remembered import HISTORIES, RememberedHistory
from tests.views.revised import ROUND, Key, Revision, by_round, figure_of, revisions
from tests.world import LEVELS, count, served

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.views.databases import Query

Row = dict[str, Any]


@dataclass
class Delivery:
    """A run: what the API served, and what the user had done before it.

    Attributes:
        at: The time of the run; None if it did not end, or met faults.
        met_faults: Whether the API had faults.
        filters: The settings.
        has_lost_state: Whether the state was another one than the run before had left.
        served: What the API served at each level without filters.
    """

    at: str | None
    met_faults: bool
    filters: dict[str, Any]
    has_lost_state: bool
    served: list[Counter[str]]


class AskedHistory(RememberedHistory):
    """In the end, a database says of each time what the API served, and what DTM alone changed."""

    schema = "dtm"

    def __init__(self) -> None:
        super().__init__()
        self.deliveries: list[Delivery] = []
        self.state_left: dict[str, Any] = {}

    @property
    def whole(self) -> list[str]:
        """The times of the runs that ended."""
        return [at for at in self.seen if at not in self.killed]

    @abstractmethod
    def load(self) -> Query:
        """Fill a database with the tables of the target, and make the views."""

    @override
    def deliver(self, share: float) -> None:
        has_lost_state = self.target.state != self.state_left
        super().deliver(share)
        self.state_left = deepcopy(self.target.state)
        known = {delivery.at for delivery in self.deliveries}
        self.deliveries.append(
            Delivery(
                next((at for at in self.whole if at not in known), None),
                self.may_fail,
                dict(self.filters),
                has_lost_state,
                [served(self.world, level, self.version) for level in LEVELS],
            )
        )

    @override
    def teardown(self) -> None:
        if self.whole:
            self.ask(self.load())
        super().teardown()

    def ask(self, query: Query) -> None:
        """Compare what the database says with what the API served."""
        self.assert_rows_are_those_of(query, self.whole)
        versions = list(map(_plain, query(f"SELECT * FROM {self.schema}.round_versions")))  # noqa: S608
        revised = list(map(_plain, query(f"SELECT * FROM {self.schema}.revisions")))  # noqa: S608
        for level in LEVELS:
            self.assert_versions_hold([row for row in versions if row["admin_level"] == level], level)
            self.assert_revisions_are_dtm_s([row for row in revised if row["admin_level"] == level], level)

    def assert_rows_are_those_of(self, query: Query, times: Iterable[str]) -> None:
        """Check that the functions say of each time what the API served then."""
        for at in times:
            for level, rows in self.seen[at].items():
                found = list(map(_plain, query(f"SELECT * FROM {self.schema}.idp_admin{level}_as_of('{at[:23]}')")))  # noqa: S608
                assert count(map(_published, found)) == rows
                assert {row["looked_at"] for row in found} <= {at[:23]}

    def assert_versions_hold(self, versions: list[Row], level: int) -> None:
        """Check that the versions of a time are the rounds that the API served then."""
        for at in self.whole:
            levels = self.seen[at]
            then = [
                row
                for row in versions
                if row["valid_from"] <= at[:23] < (row["valid_until"] or "9") and row["row_count"]
            ]
            rounds = by_round(_rows(levels[level]))
            assert {key_of(row): (row["idps"], row["row_count"]) for row in then} == {
                key: (figure_of(rows), len(rows)) for key, rows in rounds.items()
            }
            assert len(then) == len(rounds)

    def assert_revisions_are_dtm_s(self, revised: list[Row], level: int) -> None:
        """Check the revisions where DTM alone did something, and that there is none where the user alone did."""
        for before, after in self.looks():
            assert after[-1].at
            at = after[-1].at
            found = [row for row in revised if str(before.at)[:23] < row["valid_from"] <= at[:23]]
            if len(after) == 1 and after[0].filters == before.filters and not after[0].has_lost_state:
                old, new = (_rows(self.seen[str(each)][level]) for each in (before.at, at))
                expected = revisions(old, new, self.known(level, at), level)
                assert Counter(map(revision_of, found)) == expected
            if all(each.served == before.served and not each.met_faults for each in after):
                assert not found

    def looks(self) -> Iterator[tuple[Delivery, list[Delivery]]]:
        """Yield each run that read everything, with the runs after it until the next such run."""
        whole = [number for number, delivery in enumerate(self.deliveries) if delivery.at]
        for first, second in pairwise(whole):
            yield self.deliveries[first], self.deliveries[first + 1 : second + 1]

    def known(self, level: int, at: str) -> set[Key]:
        """Return the rounds that any run before a time showed."""
        runs = self.target.tables["runs"].values()
        history = self.target.tables[HISTORIES[level]].values()
        return {
            key
            for run in runs
            if run["observed_at"] < at
            for key in by_round(without_additions(as_of(runs, history, level, run["observed_at"])))
        }


def key_of(row: Row) -> Key:
    """Return the round of a row of a view."""
    return tuple(row[name] for name in ROUND)


def revision_of(row: Row) -> Revision:
    """Return a row of the view ``revisions`` as the reference has it."""
    areas = tuple(sorted(row["changed_areas"]))
    assert row["change"] == (
        None if None in {row["idps"], row["previous_idps"]} else row["idps"] - row["previous_idps"]
    )
    return Revision(
        key_of(row),
        row["event"],
        row["previous_reporting_date"],
        row["previous_idps"],
        row["idps"],
        row["row_count"],
        areas,
    )


def _rows(counted: Counter[str]) -> list[Row]:
    return [json.loads(text) for text in counted.elements()]


def _published(row: Row) -> Row:
    more = {"displacement_reasons", "looked_at", "observed_at", "row_number"}
    return {name: value for name, value in row.items() if name not in more}


def _plain(row: Row) -> Row:
    """Return dates and times as the tap writes them, without the zone."""
    texts = {
        name: value.isoformat(timespec="milliseconds") if hasattr(value, "hour") else value.isoformat()
        for name, value in row.items()
        if hasattr(value, "isoformat")
    }
    return row | texts
