"""What changes between publications: each change does what it says, and shows where it says."""

from __future__ import annotations

from functools import cache
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from tap_dtm.sandbox import COUNTRY, INVISIBLE, VISIBLE, World, invent, invisible, tiny, visible
from tap_dtm.sandbox.invent import add_country, restore, withdraw_country

if TYPE_CHECKING:
    from tap_dtm.sandbox import Mutation

ALL = (*VISIBLE, *INVISIBLE, *COUNTRY)
SEEDS = range(8)


@cache
def shown(world: World) -> list[list[str]]:
    """What each of the five endpoints shows, apart from ids and order."""
    levels: list[Any] = [world.rows(level) for level in (0, 1, 2)]
    return [
        sorted(repr({k: v for k, v in row.items() if k != "id"}) for row in rows)
        for rows in (*levels, world.country_list(), world.operation_list())
    ]


@cache
def published(seed: int) -> World:
    """A world in its second publication. Tests change copies of the world."""
    rng = Random(seed)
    world = tiny(rng) if seed % 2 else invent(seed)
    world.publish(*VISIBLE[:3], *INVISIBLE[-1:], rng=rng)
    return world


@cache
def histories(mutation: Mutation) -> list[tuple[World, World]]:
    """Worlds before and after the mutation, wherever it applied."""
    found = []
    for seed in SEEDS:
        before = published(seed)
        world = before.copy()
        if mutation(world, Random(seed)):
            found.append((before, world))
        else:
            assert shown(before) == shown(world), "what does not apply changes nothing"
    assert len(found) > 3
    return found


@pytest.mark.parametrize("mutation", ALL, ids=lambda mutation: mutation.__name__)
def test_every_mutation_changes_what_is_shown(mutation: Mutation) -> None:
    for before, after in histories(mutation):
        assert shown(before) != shown(after)
        assert before.publication == after.publication


@pytest.mark.parametrize("mutation", VISIBLE, ids=lambda mutation: mutation.__name__)
def test_visible_mutations_show_at_admin0_or_in_a_list(mutation: Mutation) -> None:
    for before, after in histories(mutation):
        was, became = shown(before), shown(after)
        assert (was[0] != became[0]) == (mutation is not visible.flip_status)
        assert was[3] == became[3], "no country comes or goes"


@pytest.mark.parametrize("mutation", INVISIBLE, ids=lambda mutation: mutation.__name__)
def test_invisible_mutations_show_at_a_finer_level_only(mutation: Mutation) -> None:
    for before, after in histories(mutation):
        was, became = shown(before), shown(after)
        if mutation is invisible.hide_from_admin0:
            assert set(became[0]) < set(was[0])
            assert was[1:] == became[1:]
        else:
            assert was[0] == became[0]
            assert was[1:3] != became[1:3]
        assert was[3] == became[3]


def test_add_and_withdraw_rounds() -> None:
    def rounds(world: World) -> set[tuple[Any, ...]]:
        return {
            (row["admin0Pcode"], row["operation"], row["reportingDate"], row["roundNumber"], row["assessmentType"])
            for row in world.rows(0)
        }

    for before, after in histories(visible.add_round):
        (new,) = rounds(after) - rounds(before)
        assert new[2] > max(round_[2] for round_ in rounds(before) if round_[:2] == new[:2])
    for before, after in histories(visible.backfill_round):
        (new,) = rounds(after) - rounds(before)
        assert new[2] < max(round_[2] for round_ in rounds(before) if round_[:2] == new[:2])
    for before, after in histories(visible.rekey_round):
        assert len(rounds(before) - rounds(after)) == len(rounds(after) - rounds(before)) == 1
    for before, after in histories(visible.withdraw_round):
        assert len(rounds(before) - rounds(after)) == 1
        assert rounds(after) < rounds(before)
    for before, after in histories(visible.correct_figures):
        assert rounds(before) == rounds(after)


def test_operations_come_and_go_and_change_their_names() -> None:
    def names(world: World) -> set[tuple[Any, ...]]:
        return {(row["admin0Pcode"], row["operation"]) for row in world.operation_list()}

    for before, after in histories(visible.add_operation):
        assert names(before) < names(after)
    for before, after in histories(visible.withdraw_operation):
        assert names(after) < names(before)
    for before, after in histories(visible.rename_operation):
        assert len(names(before) - names(after)) == len(names(after) - names(before)) == 1


def test_countries_come_and_go() -> None:
    for before, after in histories(add_country):
        assert set(shown(before)[3]) < set(shown(after)[3])
    for before, after in histories(withdraw_country):
        assert set(shown(after)[3]) < set(shown(before)[3])
        gone = {country.pcode for country in before.countries} - {country.pcode for country in after.countries}
        assert not after.rows(0, country=gone.pop())


def test_restore_is_an_exact_flap() -> None:
    world = invent()
    facts = world.countries
    world.publish(*VISIBLE, withdraw_country, rng=Random(1))
    assert world.countries != facts
    assert world.publish(restore, rng=Random(2)) == ("restore",)
    assert world.countries == facts
    assert world.publication == 3


def test_a_world_that_is_published_keeps_its_sums() -> None:
    for seed in SEEDS:
        world = tiny(Random(seed))
        for _ in range(10):
            world.publish(*VISIBLE, *INVISIBLE, rng=Random(seed))
        for level in (0, 1, 2):
            for row in world.rows(level):
                males, females, total = row["numberMales"], row["numberFemales"], row["numPresentIdpInd"]
                assert isinstance(total, int)
                assert total > 0
                assert males is None or 0 <= int(males) <= total - int(females or 0) <= total


def test_copies_have_futures_of_their_own() -> None:
    world = invent()
    twin = world.copy()
    twin.publish(*VISIBLE, rng=Random(1))
    assert world.publication == 1
    assert shown(world) == shown(invent())
