"""Areas that nobody has published yet, and an invented list of P-codes: odd codes and odd names at random."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from tap_dtm.metadata import load_catalogue
from tests.world import LEVELS

if TYPE_CHECKING:
    from random import Random

    from tests.views.odd import Tables
    from tests.world import Version

Row = dict[str, Any]

_PREFIXES = {"XAA": "XA", "XBB": "XBB", "XCC": "XC"}  # by country; the list knows nothing of the last one
_NAMES = ["Été-du-Nord", "Bay of N'Orth", "Øst", "Łódź Two", "North", "Область 1", "Unknown"]
_DATES = [dt.date(2024, 1, 31), dt.date(2024, 4, 30)]
_PROVINCES, _DISTRICTS = 3, 4


def odd_areas(rng: Random, version: Version = "v3") -> Tables:
    """Return rows of every table."""
    tables: Tables = {name: [] for name in load_catalogue().resources}
    tables["pcodes"] = [row for country in _PREFIXES for row in _listed(rng, country)]
    entries = [row for row in tables["pcodes"] if row["admin0_pcode"] != "XCC"]
    tables["pcodes"] = [row for row in entries if rng.random() > 0.1]
    for entry in rng.choices(entries, k=90) + [row for row in _listed(rng, "XCC") if rng.random() > 0.7]:
        row = _published(rng, entry, entries)
        if version == "v2":  # which knows no origins
            row |= dict.fromkeys(("idp_origin_admin1_pcode", "idp_origin_admin1_name"))
        for level in rng.choice([LEVELS, (1, 2), (2,), (1,)]):
            tables[f"idp_admin{level}"].append(row)
    return tables


def _listed(rng: Random, country: str) -> list[Row]:
    rows = []
    for province in range(1, _PROVINCES + 1):
        code = f"{_PREFIXES[country]}{province:02}"
        rows.append(_entry(country, 1, code, rng.choice(_NAMES), country))
        for district in range(1, _DISTRICTS + 1):
            width = rng.choice([2, 2, 2, 3])
            parent = rng.choice([code, code, code, f"{_PREFIXES[country]}01"])
            rows.append(_entry(country, 2, f"{code}{district:0{width}}", rng.choice(_NAMES), parent))
    return rows


def _entry(country: str, level: int, code: str, name: str, parent: str) -> Row:
    return {
        "admin0_pcode": country,
        "admin_level": level,
        "pcode": code,
        "name": name,
        "parent_pcode": parent,
        "valid_from": dt.date(2023, level, 1),
    }


def _published(rng: Random, entry: Row, entries: list[Row]) -> Row:
    country, others = entry["admin0_pcode"], [row for row in entries if row["admin_level"] == 1]
    above = [row for row in others if row["pcode"] == entry["parent_pcode"]] or [rng.choice(others)]
    province = entry if entry["admin_level"] == 1 else rng.choice([*above, *above, *above, rng.choice(others)])
    areas = {"admin1": province, "admin2": entry, "idp_origin_admin1": rng.choice([*above, rng.choice(others)])}
    named = {}
    for area, meant in areas.items():
        named[f"{area}_pcode"] = _code(rng, meant["pcode"], country)
        named[f"{area}_name"] = _name(rng, meant["name"])
    return {
        "admin0_pcode": country,
        "admin0_name": f"Invented Country {country}",
        "operation": "Invented Monitoring",
        "assessment_type": "BA",
        "reporting_date": rng.choice(_DATES),
        "round_number": 1,
        "num_present_idp_ind": rng.choice([None, 5, 70]),
        "displacement_reason": "Conflict",
        **dict.fromkeys(("number_males", "number_females", "year_reporting_date", "month_reporting_date")),
        **named,
    }


def _code(rng: Random, code: str, country: str) -> str | None:
    prefix, digits = code.rstrip("0123456789"), code[len(code.rstrip("0123456789")) :]
    swapped = country if prefix != country else country[:2]
    return rng.choice(
        [
            *[code] * 6,
            *[f"{swapped}{digits}"] * 3,
            f"{swapped}-{digits}",
            f"{prefix.lower()} {digits}",
            f"{prefix}0{digits}",
            f"{prefix}{digits.lstrip('0')}",
            f"{swapped}{digits[:2]}0{digits[2:]}",
            f"{prefix}0{digits[:2]}0{digits[2:]}",
            f"{prefix}{rng.randint(1, 3):02}",  # that of another area, perhaps
            digits,
            "-",
            "",
            "Not available",
            None,
        ]
    )


def _name(rng: Random, name: str) -> str | None:
    return rng.choice(
        [
            *[name] * 6,
            name.upper(),
            name.replace("É", "E\u0301").replace("ó", "o"),
            name.replace("'", "\u2019").replace("-", " / "),
            " ".join(reversed(name.split(" "))) + ".",
            rng.choice(_NAMES),
            "",
            "Unknown",
            None,
        ]
    )
