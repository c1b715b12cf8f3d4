"""What is invented: reproducible, saying so, and as odd as the real thing."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter, defaultdict
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from tap_dtm.errors import DtmError
from tap_dtm.sandbox import World, invent, publish, tiny, world_at

if TYPE_CHECKING:
    from collections.abc import Iterable

INVENTED = re.compile(r"invent|imagin|fiktiv", re.IGNORECASE)
V3 = {
    0: "operation admin0Name admin0Pcode numPresentIdpInd reportingDate yearReportingDate monthReportingDate "
    "roundNumber displacementReason numberMales numberFemales idpOriginAdmin1Name idpOriginAdmin1Pcode "
    "assessmentType",
    1: "id operation admin0Name admin0Pcode admin1Name admin1Pcode numPresentIdpInd reportingDate "
    "yearReportingDate monthReportingDate roundNumber displacementReason numberMales numberFemales "
    "idpOriginAdmin1Name idpOriginAdmin1Pcode assessmentType",
    2: "id operation admin0Name admin0Pcode admin1Name admin1Pcode admin2Name admin2Pcode numPresentIdpInd "
    "reportingDate yearReportingDate monthReportingDate roundNumber displacementReason numberMales "
    "numberFemales idpOriginAdmin1Name idpOriginAdmin1Pcode assessmentType",
}
NOT_IN_V2 = {"displacementReason", "numberMales", "numberFemales", "idpOriginAdmin1Name", "idpOriginAdmin1Pcode"}
ROUND = ("admin0Pcode", "operation", "reportingDate", "roundNumber", "assessmentType")
CAUSE = ("displacementReason", "idpOriginAdmin1Name", "idpOriginAdmin1Pcode")
ADMIN1 = ("admin1Name", "admin1Pcode")
ADMIN2 = (*ADMIN1, "admin2Name", "admin2Pcode")
MEASURES = ("numPresentIdpInd", "numberMales", "numberFemales")


def sums(rows: Iterable[dict[str, Any]], *key: str) -> dict[tuple[Any, ...], list[int]]:
    """Total, males and females for every key, unknown counting as nothing."""
    found: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0, 0, 0])
    for row in rows:
        for place, measure in enumerate(MEASURES):
            found[tuple(row[name] for name in key)][place] += row.get(measure) or 0
    return found


def worlds() -> list[World]:
    return [invent(), world_at(4, seed=3, countries=8), invent(2, 7, 4000), *(tiny(Random(i), 3) for i in range(5))]


def only(world: World, level: int) -> set[tuple[Any, ...]]:
    """The rounds that every level down to this one shows."""
    shown = [set(sums(world.rows(each), *ROUND)) for each in (0, 1, 2) if each <= level]
    return set.intersection(*shown)


@pytest.mark.parametrize("world", worlds())
@pytest.mark.parametrize("level", [1, 2])
def test_finer_levels_add_up_to_coarser_ones(world: World, level: Any) -> None:
    rounds = only(world, level)
    coarser = level - 1
    key = (*ROUND, *CAUSE, *(ADMIN1 if coarser == 1 else ()))

    def shared(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        return [row for row in rows if tuple(row[name] for name in ROUND) in rounds]

    assert rounds
    assert sums(shared(world.rows(level)), *key) == sums(shared(world.rows(coarser)), *key)


@pytest.mark.parametrize("world", worlds())
@pytest.mark.parametrize("level", [0, 1, 2])
def test_v2_is_v3_without_reason_and_origin(world: World, level: Any) -> None:
    key = (*ROUND, *((), ADMIN1, ADMIN2)[level])
    v2 = world.rows(level, "v2")
    collapsed = {key: figures[0] for key, figures in sums(world.rows(level), *key).items()}
    assert collapsed == {key: figures[0] for key, figures in sums(v2, *key).items()}
    assert len(v2) == len(collapsed)


@pytest.mark.parametrize("level", [0, 1, 2])
def test_fields_and_their_order(level: Any) -> None:
    v3 = V3[level].split()
    v2 = [name for name in v3 if name not in NOT_IN_V2]
    if level == 0:
        v2.insert(0, "id")
    assert (len(v3), len(v2)) == [(14, 10), (17, 12), (19, 14)][level]
    assert all(list(row) == v3 for row in invent().rows(level))
    assert all(list(row) == v2 for row in invent().rows(level, "v2"))


@pytest.mark.parametrize("world", worlds())
def test_values_are_plausible(world: World) -> None:
    for level in (0, 1, 2):
        for row in world.rows(level):
            males, females = row["numberMales"], row["numberFemales"]
            assert row["numPresentIdpInd"] > 0
            assert (males is None) == (females is None)
            assert males is None or (min(males, females) >= 0 and males + females <= row["numPresentIdpInd"])
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT00:00:00", row["reportingDate"])
            assert row["reportingDate"].startswith(f"{row['yearReportingDate']}-{row['monthReportingDate']:02d}-")
            assert (row["idpOriginAdmin1Name"] == "Not available") == (row["idpOriginAdmin1Pcode"] == "Not available")


def test_the_same_seed_gives_the_same_world() -> None:
    assert invent(5, 9, 2000).countries == invent(5, 9, 2000).countries
    assert world_at(3, seed=5).rows(2) == world_at(3, seed=5).rows(2)
    assert tiny(Random(5)).rows(2) == tiny(Random(5)).rows(2)
    assert invent(5).countries != invent(6).countries


def test_every_name_says_that_it_is_invented() -> None:
    world = world_at(5, countries=60)
    for operation in world.operation_list():
        assert INVENTED.search(str(operation["operation"]))
        assert INVENTED.search(str(operation["admin0Name"]))
        assert re.fullmatch("X[A-Z][A-Z]", str(operation["admin0Pcode"]))
    for row in world.rows(2):
        for name in ("admin1Name", "admin2Name", "idpOriginAdmin1Name"):
            assert INVENTED.search(str(row[name])) or row[name] in {"Not available", "Unknown"}


def test_lists() -> None:
    world = invent(countries=30)
    countries, operations = world.country_list(), world.operation_list()
    assert list(countries[0]) == ["admin0Name", "admin0Pcode"]
    assert list(operations[0]) == ["operation", "operationStatus", "admin0Name", "admin0Pcode"]
    assert {row["admin0Pcode"] for row in countries} == {row["admin0Pcode"] for row in operations}
    assert countries == sorted(countries, key=lambda row: str(row["admin0Name"]))
    names = [str(row["operation"]).casefold() for row in operations]
    assert names == sorted(names)
    assert {row["operationStatus"] for row in operations} == {"Active", "Inactive"}
    assert len({(row["admin0Pcode"], row["operation"]) for row in operations}) == len(operations)


def test_ids_are_unique_and_order_is_by_date_only() -> None:
    world = invent(countries=10)
    before = world.rows(1)
    dates = [row["reportingDate"] for row in world.rows(1, country="XBA")]
    assert dates == sorted(dates, key=str)
    assert len({row["id"] for row in before}) == len(before)
    world.publish()
    after = world.rows(1)

    def bare(rows: list[dict[str, Any]]) -> list[str]:
        return [repr([value for name, value in row.items() if name != "id"]) for row in rows]

    assert sorted(bare(before)) == sorted(bare(after))
    assert bare(before) != bare(after)
    assert {repr(row) for row in before}.isdisjoint(repr(row) for row in after)


def test_a_world_has_the_size_that_was_asked_for() -> None:
    for countries, wanted in ((60, 20_000), (6, 3_000), (2, 1_000)):
        world = invent(1, countries, wanted)
        counts = [len(world.rows(level)) for level in (0, 1, 2)]
        assert 0.85 * wanted < sum(counts) < 1.15 * wanted
        assert counts[0] < counts[1] < counts[2]
        assert len(world.country_list()) == countries
    assert sum(len(invent().rows(level)) for level in (0, 1, 2)) < 1000
    sizes = [sum(len(tiny(Random(i)).rows(level)) for level in (0, 1, 2)) for i in range(50)]
    assert 6 <= min(sizes) <= max(sizes) <= 150
    assert 30 <= sum(sizes) / 50 <= 75


@pytest.mark.parametrize("countries", [0, 677])
def test_impossible_sizes_are_refused(countries: int) -> None:
    with pytest.raises(DtmError, match="1 to 676 countries"):
        invent(countries=countries)


def facts(level: Any = 2) -> list[dict[str, Any]]:
    return list(invent().rows(level))


def per_country(level: Any = 2) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in facts(level):
        found[row["admin0Pcode"]].append(row)
    return found


def per_operation(level: Any = 0) -> dict[tuple[str, str], list[dict[str, Any]]]:
    found: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in facts(level):
        found[row["admin0Pcode"], row["operation"]].append(row)
    return found


def test_one_round_is_assessed_twice() -> None:
    kinds = defaultdict(set)
    for row in facts():
        kinds[row["admin0Pcode"], row["operation"], row["roundNumber"], row["reportingDate"]].add(row["assessmentType"])
    assert {"BA", "SA"} in kinds.values()
    assert {"ETT"} in kinds.values() or any(row["assessmentType"] == "ETT" for row in facts(0))


def test_one_round_has_its_assessments_weeks_apart() -> None:
    for (country, operation), rows in per_operation().items():
        dates = {
            (row["roundNumber"], row["assessmentType"]): dt.date.fromisoformat(row["reportingDate"][:10])
            for row in rows
            if country == "XAA"
        }
        apart = {(day - dates[number, "BA"]).days for (number, kind), day in dates.items() if kind == "SA"}
        assert apart == (set() if country != "XAA" else {0, 21} if "Countrywide" in operation else {21})


def test_a_district_is_under_a_wrong_province_in_one_round() -> None:
    provinces: dict[tuple[Any, ...], dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for row in facts():
        if row["admin2Pcode"] not in {"Not available", "Unknown"}:
            of_round = provinces[row["admin0Pcode"], row["operation"], row["admin2Pcode"]][row["reportingDate"]]
            of_round.add(row["admin1Pcode"])
    wrong = {key: rounds for key, rounds in provinces.items() if len(set.union(*rounds.values())) > 1}
    assert len(wrong) == 2
    for (country, _, district), rounds in wrong.items():
        assert country == "XBA"
        assert all(any(district.startswith(province) for province in here) for here in rounds.values())
        assert [len(here) for here in rounds.values() if len(here) > 1] == [2]


def test_random_worlds_have_rounds_of_two_types_and_districts_under_wrong_provinces() -> None:
    apart, strays = set(), 0
    for seed in range(60):
        for country in tiny(Random(seed)).countries:
            for operation in country.operations:
                days = {(each.number, each.assessment_type): each.date for each in operation.rounds}
                apart |= {(day - days[n, "BA"]).days for (n, kind), day in days.items() if kind == "SA"}
                strays += sum(
                    not cell.admin2_pcode.startswith(cell.admin1_pcode)
                    for each in operation.rounds
                    for cell in each.cells
                    if cell.admin2_pcode
                )
    assert {0, 31} <= apart
    assert max(apart) == 31
    assert strays > 10


def test_two_operations_share_a_date_and_two_countries_a_name() -> None:
    dates = defaultdict(set)
    for row in facts():
        dates[row["admin0Pcode"], row["reportingDate"]].add(row["operation"])
    assert any(len(operations) > 1 for operations in dates.values())
    names = Counter(str(row["operation"]) for row in invent().operation_list())
    assert max(names.values()) > 1


def test_odd_rounds() -> None:
    rounds = {
        key: sorted({(row["reportingDate"], row["roundNumber"]) for row in rows})
        for key, rows in per_operation().items()
    }
    assert any(number == 0 for each in rounds.values() for _, number in each)
    assert any([n for _, n in each] != sorted(n for _, n in each) for each in rounds.values()), "a restart"
    assert any(max(Counter(n for _, n in each).values()) > 1 for each in rounds.values()), "a round with two dates"
    highest = max(rounds, key=lambda key: max(n for _, n in rounds[key]))
    newest = {key: each[-1][0] for key, each in rounds.items() if key[0] == highest[0]}
    assert newest[highest] == min(newest.values()), "the highest round number is the oldest operation's"


def test_a_large_world_is_as_odd_as_a_small_one() -> None:
    large = invent(1, 6, 5000)
    assert all(row["numberMales"] is None for row in large.rows(2, country="XCA"))
    assert not large.rows(2, country="XEA")
    for small, grown in zip(invent().countries, large.countries, strict=True):
        assert grown.operations[: len(small.operations)] == small.operations
        assert len(grown.operations) > len(small.operations)


def test_odd_genders() -> None:
    assert any(all(row["numberMales"] is None for row in rows) for rows in per_country(0).values())
    assert any(
        row["numberMales"] is not None and row["numberMales"] + row["numberFemales"] < row["numPresentIdpInd"]
        for row in facts(0)
    )


def test_odd_areas_and_origins() -> None:
    assert any(row["idpOriginAdmin1Name"] == "Not available" for row in facts(0))
    assert any(row["idpOriginAdmin1Name"] != "Not available" for row in facts(0))
    hosts = {(row["admin2Name"], row["admin2Pcode"]) for row in facts()}
    assert {("Not available", "Not available"), ("Unknown", "Unknown")} <= hosts
    codes = {str(row["admin1Pcode"]) for row in facts(1)}
    for style in (r"X[A-Z]\d\d", r"X[A-Z][A-Z]-G\d\d", r"X[A-Z][A-Z]\d{3}"):
        assert any(re.fullmatch(style, code) for code in codes)
    strays = [row for row in facts() if not row["admin2Pcode"].startswith(row["admin1Pcode"])]
    assert {row["admin0Pcode"] for row in strays} == {"XBA", "XDA"}
    assert all(row["admin2Pcode"] == "Not available" for row in strays if row["admin0Pcode"] == "XDA")
    assert any(not str(row["admin2Name"]).isascii() for row in facts())
    names = " ".join(str(row["admin0Name"]) for row in invent().country_list())
    assert all(character in names for character in "(&,'é")


def test_odd_reasons() -> None:
    spelled = defaultdict(set)
    for row in facts():
        spelled[row["admin0Pcode"], row["operation"], row["roundNumber"]].add(row["displacementReason"])
    assert any({"conflict", "Conflict; Natural disaster"} <= reasons for reasons in spelled.values())


def test_exact_duplicates_in_one_country_at_admin2_only() -> None:
    def doubled(level: Any) -> set[str]:
        found = Counter(repr([v for k, v in row.items() if k != "id"]) for row in facts(level))
        return {row for row, times in found.items() if times > 1}

    assert doubled(2)
    assert not doubled(1)
    assert not doubled(0)
    assert all("XDA" in row for row in doubled(2))


def test_some_stop_early() -> None:
    finest: dict[str, list[int]] = defaultdict(list)
    for country, operation in per_operation(0):
        finest[country].append(max(n for n in (0, 1, 2) if (country, operation) in per_operation(n)))
    assert [1, 1] in finest.values(), "a country without admin 2"
    assert sorted(finest["XFA"]) == [0, 1, 2], "operations that stop at each level, side by side"
    rounds = [
        {row["roundNumber"] for row in per_operation(n)["XFA", "Seguimiento inventado de la migración"]} for n in (1, 2)
    ]
    assert rounds[1] < rounds[0], "a round that stops before its operation"


def test_the_seeded_history_changes_what_it_says() -> None:
    world = invent()
    assert publish(world)[:3] == ("add_round", "add_round", "backfill_round")
    assert world.publication == 2
    with pytest.raises(DtmError, match="from 1"):
        world_at(0)
