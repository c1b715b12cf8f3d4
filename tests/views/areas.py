"""Which area of a list of P-codes each published area is, worked out one by one in plain Python."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Row = dict[str, Any]
Key = tuple[str, int, Any, Any]
"""Country, level, parent and area; an area is its code, or ``("name", its name)`` where the code is a placeholder."""

PLACEHOLDERS: Final = {None, "", "Not available", "Unknown"}
RULES: Final = ("exact", "prefix", "format", "padding", "name")


def key_of(row: Row, area: str) -> Any:
    """Return what tells an area apart from others."""
    code = row[f"{area}_pcode"]
    return ("name", row[f"{area}_name"]) if code in PLACEHOLDERS else code


def areas(levels: Mapping[int, Iterable[Row]], pcodes: Iterable[Row]) -> dict[Key, Row]:
    """Return the row of each area in the view ``areas``."""
    names = _published(levels)
    listed: dict[tuple[str, int], list[Row]] = defaultdict(list)
    for entry in pcodes:
        listed[entry["admin0_pcode"], entry["admin_level"]].append(entry)
    found: dict[Key, Row] = {}
    for key in sorted(names, key=lambda key: key[1]):  # provinces first: districts are looked for in them
        country, level, parent, _ = key
        entries = listed[country, level]
        above = country if level == 1 else found.get((country, 1, country, parent), {}).get("cod_pcode")
        found[key] = _row(names[key], entries, above)
    return found


def _published(levels: Mapping[int, Iterable[Row]]) -> dict[Key, list[Row]]:
    names: dict[Key, list[Row]] = defaultdict(list)
    for level, rows in levels.items():
        for row in rows:
            country = row["admin0_pcode"]
            above = {"admin0_pcode": country, "parent_pcode": country, "parent_name": row["admin0_name"]}
            if level > 0:
                _add(names, (country, 1, country), row, "admin1", above | {"is_host": True})
            _add(names, (country, 1, country), row, "idp_origin_admin1", above | {"is_origin": True})
            if level == 2:
                above |= {"parent_pcode": row["admin1_pcode"], "parent_name": row["admin1_name"]}
                _add(names, (country, 2, key_of(row, "admin1")), row, "admin2", above | {"is_host": True})
    return names


def _add(names: dict[Key, list[Row]], place: tuple[str, int, Any], row: Row, area: str, said: Row) -> None:
    pair = {"pcode": row.get(f"{area}_pcode"), "name": row.get(f"{area}_name")}
    if pair != {"pcode": None, "name": None}:
        key: Key = (*place, key_of(row, area))
        names[key].append({"admin_level": place[1], **said, **pair})


def _row(published: list[Row], entries: list[Row], above: str | None) -> Row:
    found = [each for name in published if (each := _matches(name, entries, above))]
    candidates = {entry["pcode"]: entry for _, matches in found for entry in matches}
    is_match = len(candidates) == 1
    nothing: Row = dict.fromkeys(("pcode", "name", "parent_pcode"))
    entry = next(iter(candidates.values())) if is_match else nothing
    words = {folded for each in published if (folded := _known_words(each["name"]))}
    return {
        **{name: _last(each[name] for each in published) for name in ("pcode", "name", "parent_pcode", "parent_name")},
        "admin0_pcode": published[0]["admin0_pcode"],
        "admin_level": published[0]["admin_level"],
        "is_host": any("is_host" in each for each in published),
        "is_origin": any("is_origin" in each for each in published),
        "cod_pcode": entry["pcode"],
        "cod_name": entry["name"],
        "cod_parent_pcode": entry["parent_pcode"],
        "cod_valid_from": entry.get("valid_from"),
        "match": min((rule for rule, _ in found), key=RULES.index) if is_match else "none",
        "candidates": len(candidates),
        "is_name_confirmed": is_match and words == {_words(entry["name"])},
    }


def _matches(name: Row, entries: list[Row], above: str | None) -> tuple[str, list[Row]] | None:
    """Return the first rule that finds something, and what it finds."""
    country, code, words = name["admin0_pcode"], name["pcode"], _known_words(name["name"])
    if code not in PLACEHOLDERS:
        exact = [entry for entry in entries if entry["pcode"] == code]
        if exact:
            return "exact", exact
    agreeing = [entry for entry in entries if words and _words(entry["name"]) == words]
    within = [entry for entry in agreeing if name["admin_level"] == 1 or entry["parent_pcode"] == above]
    rules: list[tuple[str, list[Row]]] = []
    if code not in PLACEHOLDERS:
        plain, stem = _plain(code), _stem(_plain(code), country)
        own = _after(plain, _plain(name["parent_pcode"]))
        rules = [
            ("prefix", [e for e in agreeing if _stem(e["pcode"], country) == _stem(code, country)]),
            ("format", [e for e in agreeing if _stem(_plain(e["pcode"]), country) == stem]),
            ("padding", [e for e in agreeing if _unpadded(_stem(_plain(e["pcode"]), country)) == _unpadded(stem)]),
            ("padding", [e for e in within if own is not None and _own(e) == _unpadded(own)]),
        ]
    return next((each for each in (*rules, ("name", within)) if each[1]), None)


def _own(entry: Row) -> str | None:
    own = _after(_plain(entry["pcode"]), _plain(entry["parent_pcode"]))
    return None if own is None else _unpadded(own)


def _after(code: str, parent: str | None) -> str | None:
    return code[len(parent) :] if parent is not None and code.startswith(parent) else None


def _plain(code: str | None) -> Any:
    return None if code is None else re.sub("[^A-Z0-9]", "", code.upper())


def _stem(code: str, country: str) -> str:
    return code[3:] if code.startswith(country) else re.sub("^[A-Z]{2}", "", code)


def _unpadded(stem: str) -> str:
    letters = re.match("[A-Z]*", stem)[0]  # type: ignore[index]  # it always matches
    return letters + stem[len(letters) :].lstrip("0")


def _words(name: str) -> tuple[str, ...]:
    """Return the words of a name in order, without case, accents and punctuation."""
    plain = "".join(each for each in unicodedata.normalize("NFD", name).lower() if not unicodedata.combining(each))
    plain = re.sub("['\u2018\u2019]", "", plain).translate(str.maketrans("øđłħı", "odlhi"))
    return tuple(sorted(re.findall(r"\w+", plain)))


def _known_words(name: str | None) -> tuple[str, ...]:
    return () if name is None or name in PLACEHOLDERS else _words(name)


def _last(texts: Iterable[str | None]) -> str | None:
    return max((text for text in texts if text is not None), default=None)


def with_pcodes(row: Row, level: int | None, found: Mapping[Key, Row]) -> Iterator[tuple[str, Any]]:
    """Yield the columns that a row of a view gains from the areas of a level, or from those of origin and stay."""
    country = row["admin0_pcode"]
    places = {"": (1, country, "admin1"), "origin_": (1, country, "idp_origin_admin1")}
    if level is not None:
        places = {"": (level, country if level == 1 else key_of(row, "admin1"), f"admin{level}")}
    codes = []
    for prefix, (level_, parent, area) in places.items():
        match = found.get((country, level_, parent, key_of(row, area)), {})
        yield f"{prefix}cod_pcode", match.get("cod_pcode")
        yield f"is_{prefix}name_confirmed", match.get("is_name_confirmed", False)
        codes.append(match.get("cod_pcode"))
    if level is None and None not in codes:
        yield "is_same_area", codes[0] == codes[1]
