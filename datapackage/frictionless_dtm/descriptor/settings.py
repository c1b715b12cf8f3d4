"""The settings of target-datapackage: their JSON Schema, and their checked values."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tap_dtm.errors import DtmError
from tap_dtm.settings import check_names, setting, texts
from tap_dtm.views.preferences import Preference, read_preferences

if TYPE_CHECKING:
    from collections.abc import Mapping

XLSX: Final = "xlsx"
FORMATS: Final = ("csv", "csv.gz", "parquet", XLSX)
PERMITTED: Final = "permitted"
NOT_PERMITTED: Final = "not permitted"
_LEAST: Final = 3
_VERSION: Final = re.compile(r"\d+\.\d+\.\d+([-+][0-9A-Za-z.+-]+)?\Z", re.ASCII)

SETTINGS: Final = {
    "path": setting(
        "string",
        title="Folder",
        description="The folder of the data package. It is replaced as a whole when the data change. The target keeps "
        "its own records in a hidden folder next to it.",
    ),
    "formats": setting(
        ["array", "string"],
        items={"type": ["string"]},
        default=["csv"],
        title="Formats",
        description="The formats of each table, the main one first: csv, csv.gz, parquet. Add xlsx for an Excel "
        "workbook with all tables.",
    ),
    "metadata": setting(
        "string",
        title="Metadata",
        description="For streams of other taps: a folder with fields.yaml, resources.yaml and package.yaml in the form "
        "of this project's files, or one YAML file with fields, warnings, resources and package. Without it, this "
        "project's files describe the streams of tap-dtm.",
    ),
    "include_hxl_row": setting(
        "boolean",
        default=False,
        title="HXL row",
        description="Write a row of HXL tags below the header of CSV files. The dialect declares this row.",
    ),
    "redistribution": setting(
        "string",
        default=NOT_PERMITTED,
        title="Redistribution",
        description="Whether the package may be redistributed: 'not permitted', as in IOM's terms, or 'permitted', "
        "which needs the setting permission.",
    ),
    "permission": setting(
        "string",
        title="Permission",
        description="Who permitted the redistribution, when and for what. The package shows this text.",
    ),
    "preferred_operations": setting(
        "string",
        title="Preferred operations",
        description="A CSV file with the columns admin0_pcode, operation and assessment_type: the operation that the "
        "headline of a country is taken from, and its assessment type, which may be empty. The package prints it.",
    ),
    "version": setting(
        "string",
        title="Version",
        description="The version of the package, such as 1.2.0. Without it, the target increases the version itself.",
    ),
}


@dataclass(frozen=True)
class Settings:
    """The checked settings. ``path`` is absolute. ``permission`` is set if and only if redistribution is permitted.

    ``formats`` are the formats of single tables. ``has_workbook`` is true if there is also a workbook of all tables.
    """

    path: Path
    formats: tuple[str, ...] = ("csv",)
    has_workbook: bool = False
    metadata: Path | None = None
    include_hxl_row: bool = False
    permission: str | None = None
    version: str | None = None
    preferred_operations: tuple[Preference, ...] = ()

    @property
    def redistribution(self) -> str:
        """Whether the settings permit redistribution, in the words of the setting."""
        return PERMITTED if self.permission else NOT_PERMITTED

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Settings:
        """Check a configuration that has passed its JSON Schema.

        Raises:
            DtmError: A setting is wrong or unknown; the message names it.
        """
        check_names(config, SETTINGS)
        path = _path(config, "path")
        if path is None:
            raise DtmError("The setting path is empty: name the folder that the data package is written to.")
        metadata = _path(config, "metadata")
        if metadata and not metadata.exists():
            raise DtmError(f"The setting metadata names {metadata}, which does not exist.")
        preferred = _path(config, "preferred_operations")
        version = config.get("version") or None
        if version and not _VERSION.match(version):
            raise DtmError(f"The setting version is {version!r}: write three numbers, such as 1.2.0.")
        formats = _formats(config)
        return cls(
            path=path.resolve(),
            formats=tuple(name for name in formats if name != XLSX),
            has_workbook=XLSX in formats,
            metadata=metadata,
            include_hxl_row=bool(config.get("include_hxl_row")),
            permission=_permission(config),
            version=version,
            preferred_operations=read_preferences(preferred) if preferred else (),
        )


def is_permission(text: object) -> bool:
    """Return whether a text can name who permits something: it has at least three visible letters or digits."""
    if not isinstance(text, str):
        return False
    letters = [each for each in text if each.isalnum() and "FILLER" not in unicodedata.name(each, "")]
    return len(letters) >= _LEAST


def _path(config: Mapping[str, Any], name: str) -> Path | None:
    if not config.get(name):
        return None
    try:
        path = Path(config[name]).expanduser()
        path.exists()
        str(path.resolve()).encode()  # the name is in the package, which is UTF-8
    except (OSError, RuntimeError, ValueError) as error:
        reason = str(getattr(error, "strerror", None) or error).rstrip(".")
        raise DtmError(f"The setting {name} is {config[name]!r}, which is not a valid path: {reason}.") from error
    return path


def _formats(config: Mapping[str, Any]) -> tuple[str, ...]:
    formats = texts(config, "formats", separator=",") or ["csv"]
    for name in formats:
        if name not in FORMATS:
            raise DtmError(f"The setting formats lists {name!r}. Choose from {', '.join(FORMATS)}.")
    if formats == [XLSX]:
        raise DtmError(
            "The setting formats lists only xlsx, but programs read the tables of a data package in other formats. "
            "List csv or parquet as well."
        )
    return tuple(dict.fromkeys(formats))


def _permission(config: Mapping[str, Any]) -> str | None:
    redistribution = config.get("redistribution") or NOT_PERMITTED
    permission = str(config.get("permission") or "").strip()
    if redistribution not in {PERMITTED, NOT_PERMITTED}:
        raise DtmError(
            f"The setting redistribution is {redistribution!r}: write {NOT_PERMITTED!r}, or {PERMITTED!r} with a "
            "permission."
        )
    if redistribution == PERMITTED and not is_permission(permission):
        raise DtmError(
            "The setting redistribution is 'permitted' without a permission. Write into the setting permission who "
            "permitted it, when and for what. The package shows this text."
        )
    if redistribution == NOT_PERMITTED and permission:
        raise DtmError(
            "The setting permission is set although redistribution is 'not permitted'. Set redistribution to "
            "'permitted', or remove the setting permission."
        )
    return permission or None
