"""Random histories of publications, and a target that is synced, interrupted and resumed in between."""

from __future__ import annotations

import logging
from random import Random
from string import ascii_uppercase
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from typing_extensions import override

from tap_dtm.errors import DtmPartialSyncError
from tap_dtm.sandbox import COUNTRY, INVISIBLE, VISIBLE, Fault, Options, SandboxServer, World, tiny
from tap_dtm.sandbox.invisible import add_hidden_operation, hide_from_admin0
from tap_dtm.sandbox.visible import (
    add_round,
    backfill_round,
    correct_figures,
    duplicate_rows,
    rekey_round,
    rename_reason_case,
    withdraw_round,
)
from tests.extent import EVERYTHING, TIMES
from tests.target import MemoryTarget, run_tap
from tests.world import LEVELS, Version, assert_positions_are_whole, count, served

if TYPE_CHECKING:
    from collections.abc import Iterator

# How much of a run's messages the target takes in before the run is killed: mostly all of them.
ENDS = st.one_of(st.just(1.0), st.just(1.0), st.floats(0, 1))
# What may reach the levels one after the other without a trace of it being lost: a new operation is a gap at first.
LATE = (add_round, backfill_round, correct_figures, rekey_round, withdraw_round, rename_reason_case, duplicate_rows)
FAULTS = st.builds(
    Fault,
    kind=st.sampled_from(["empty", "empty", "status", "cut_json", "wrong_total", "wrong_country", "refused"]),
    path=st.sampled_from(["admin0", "admin1", "admin2", "admin"]),
    country=st.sampled_from(["", "XAA", "XBA"]),
    operation=st.sampled_from([None, ""]),
    times=st.sampled_from([None, 1]),
    after=st.integers(0, 2),
)
CODES = [f"X{second}{third}" for second in ascii_uppercase for third in ascii_uppercase]


class History(RuleBasedStateMachine):
    """A world that goes on publishing, and a target that is synced, interrupted and resumed."""

    # An operation that admin 0 lacks shows, too: by its bookmark, or in the list of operations.
    mutations = (*VISIBLE, *COUNTRY, add_hidden_operation, hide_from_admin0)
    scrub_fraction: float = 0
    scrub_resends: bool = False

    def __init__(self) -> None:
        super().__init__()
        self.target = MemoryTarget()
        self.filters: dict[str, Any] = {}
        self.scrub: dict[str, Any] = {"scrub_fraction": self.scrub_fraction, "scrub_resends": self.scrub_resends}
        self.may_fail = False
        self.reads_every_stream = False
        self.is_synced = False

    @initialize(seed=st.integers(0, 10**9), version=st.sampled_from(["v3", "v3", "v2"]), options=st.data())
    def invent(self, seed: int, version: Version, options: st.DataObject) -> None:
        self.version = version
        self.sandbox = SandboxServer(tiny(Random(seed)))
        self.sandbox.options = Options(
            operation_filter=options.draw(st.sampled_from(["exact", "prefix", "ignored", "nothing"])),
            date_filter=options.draw(st.sampled_from(["exact", "ignored", "nothing"])),
        )

    @property
    def world(self) -> World:
        return self.sandbox.world

    def sync_config(self) -> dict[str, Any]:
        return {
            "api_url": self.sandbox.url,
            "subscription_key": self.sandbox.key,
            "api_version": self.version,
            **self.scrub,
            "accept_withdrawn_countries": CODES,
            "max_retries": 0,
            **self.filters,
        }

    @rule(data=st.data(), seed=st.integers(0, 10**9), share=ENDS)
    def publish(self, data: st.DataObject, seed: int, share: float) -> None:
        mutations = data.draw(st.lists(st.sampled_from(self.mutations), max_size=3))
        self.world.publish(*mutations, rng=Random(seed))
        self.sync(share)

    @rule(
        start=st.sampled_from([None, "2021-09-01", "2022-06-30"]),
        end=st.sampled_from([None, "2023-01-31"]),
        share=ENDS,
    )
    def filter_by_date(self, start: str | None, end: str | None, share: float) -> None:
        self.filters.pop("start_date", None)
        self.filters.pop("end_date", None)
        self.filters |= ({"start_date": start} if start else {}) | ({"end_date": end} if end else {})
        self.sync(share)

    @rule(data=st.data(), share=ENDS)
    def filter_by_operation(self, data: st.DataObject, share: float) -> None:
        names = sorted({str(row["operation"]) for row in self.world.operation_list()})
        self.filters.pop("operations", None)
        wanted = data.draw(st.lists(st.sampled_from(names), unique=True)) if names else []
        self.filters |= {"operations": wanted} if wanted else {}
        self.sync(share)

    @rule(fraction=st.sampled_from([0, 0.3, 1]), resends=st.booleans(), share=ENDS)
    def scrub_otherwise(self, fraction: float, resends: bool, share: float) -> None:  # noqa: FBT001
        self.scrub = {
            "scrub_fraction": max(fraction, self.scrub_fraction),
            "scrub_resends": resends or self.scrub_resends,
        }
        self.sync(share)

    @rule(data=st.data(), seed=st.integers(0, 10**9), faults=st.lists(FAULTS, min_size=1, max_size=2), share=ENDS)
    def meet_faults(self, data: st.DataObject, seed: int, faults: list[Fault], share: float) -> None:
        """Some levels fail, or answer with nothing, while DTM may have news; what is empty twice would be believed."""
        mutations = data.draw(st.lists(st.sampled_from(self.mutations), max_size=2))
        self.world.publish(*mutations, rng=Random(seed))
        self.sync_with(faults, share)
        self.reads_every_stream = True
        self.sync(1)
        self.reads_every_stream = False

    @rule(seed=st.integers(0, 10**9), rows=st.sampled_from([0, 2, 5]), level=st.sampled_from([1, 2]), share=ENDS)
    def read_in_parts(self, seed: int, rows: int, level: int, share: float) -> None:
        """No answer for a whole country comes, or none that is larger than so many rows."""
        self.world.publish(*Random(seed).sample(self.mutations, 2), rng=Random(seed))
        whole = Fault("status", path=f"admin{level}", operation="", status=504)
        self.sync_with([Fault("too_large", path=f"admin{level}", rows=rows) if rows else whole], share)

    @precondition(lambda self: not self.filters and self.world.countries)
    @rule(data=st.data(), seed=st.integers(0, 10**9), late=st.sampled_from([[1], [2], [1, 2]]), runs=st.integers(0, 2))
    def publish_level_by_level(self, data: st.DataObject, seed: int, late: list[Any], runs: int) -> None:
        """The finer levels show the news some runs later."""
        self.sync(1)
        self.world.hold_back(*(level for level in late if self.carries_all(level)))
        self.world.publish(*data.draw(st.lists(st.sampled_from(LATE), max_size=2)), rng=Random(seed))
        for _ in range(runs):
            self.sync(1)
            self.target_equals_api()
        self.world.hold_back()
        self.sync(1)

    def carries_all(self, level: Any) -> bool:
        """Whether a level shows all operations that it has any part in: what it never showed is a gap at first."""
        operations = (each for country in self.world.countries for each in country.operations)
        return all(each.published(level) for each in operations if level in each.levels)

    def sync_with(self, faults: list[Fault], share: float) -> None:
        """Run the tap while the API has faults: it may fail, and whatever it believes, the next run puts it right."""
        self.sandbox.faults.add(*faults)
        self.may_fail = True
        self.sync(share)
        self.may_fail = False
        self.sandbox.faults.clear()
        self.is_synced = False

    def sync(self, share: float) -> None:
        """Run the tap, which is killed when the target has taken a share of its messages."""
        self.is_synced = False
        if not self.world.countries:
            return  # an empty list is no answer; see the guards
        self.drop_unlisted_operations()
        self.deliver(share)
        self.is_synced = share == 1

    def drop_unlisted_operations(self) -> None:
        """Take out of the settings what DTM no longer lists, as the tap tells the operator."""
        listed = {row["operation"] for row in self.world.operation_list()}
        wanted = [name for name in self.filters.pop("operations", []) if name in listed]
        self.filters |= {"operations": wanted} if wanted else {}

    def deliver(self, share: float) -> None:
        """Run the tap into the target."""
        error = DtmPartialSyncError if self.may_fail else None
        run_tap(self.target, error=error, may_fail=self.may_fail, **self.sync_config(), killed_at=share)

    @invariant()
    def target_equals_api(self) -> None:
        if not self.is_synced:
            return
        for level in LEVELS:
            rows = self.target.live(f"idp_admin{level}")
            assert count(rows) == served(self.world, level, self.version, **self.filters)
            assert_positions_are_whole(rows)
        assert len(self.target.live("countries")) == len(self.world.country_list())
        assert len(self.target.live("operations")) == len(self.world.operation_list())

    @override
    def teardown(self) -> None:
        if hasattr(self, "sandbox"):
            self.sandbox.close()


class ResentHistory(History):
    """Whatever happens to the tables, a run that scrubs everything and sends it again puts it right."""

    mutations = (*VISIBLE, *COUNTRY, *INVISIBLE)
    scrub_fraction = 1
    scrub_resends = True

    def __init__(self) -> None:
        super().__init__()
        self.backup: dict[str, dict[Any, Any]] = {}

    @rule()
    def back_up(self) -> None:
        self.backup = {stream: dict(rows) for stream, rows in self.target.tables.items()}

    @rule(restores=st.booleans(), seed=st.integers(0, 10**9))
    def damage(self, restores: bool, seed: int) -> None:  # noqa: FBT001
        """Somebody brings back an older backup, deletes rows, or edits them."""
        rng = Random(seed)
        if restores and self.backup:
            self.target.tables = {stream: dict(rows) for stream, rows in self.backup.items()}
        for rows in self.target.tables.values():
            for key in [key for key in rows if rng.random() < 0.3]:
                if rng.random() < 0.5:
                    del rows[key]
                else:
                    rows[key] = {**rows[key], "admin0_name": "Edited", "_sdc_deleted_at": rng.choice([None, "2026"])}
        self.sync(1)


class ScrubbedHistory(History):
    """Every change is found at once when every run re-reads everything."""

    mutations = (*VISIBLE, *COUNTRY, *INVISIBLE)
    scrub_fraction = 1


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Leave out the log of thousands of syncs. Modules of histories import it."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def long(examples: int) -> settings:
    """Return the settings of so many random histories; without --everything, of a fifth of them and at least two."""
    return settings(
        max_examples=TIMES * (examples if EVERYTHING else max(examples // 5, 2)),
        deadline=None,
        stateful_step_count=8,
        suppress_health_check=list(HealthCheck),
        derandomize=False,
        print_blob=True,
    )
