"""The catalogue as plain values: fields, resources and the package. Its files describe the keys that they have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, Literal, get_args

from msgspec import Meta, Struct

from tap_dtm.errors import DtmError

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

Text = Annotated[str, Meta(min_length=1)]
Texts = Annotated[tuple[Text, ...], Meta(min_length=1)]
Level = Literal[0, 1, 2]
ApiVersion = Literal["v2", "v3"]
FieldType = Literal["string", "integer", "date", "datetime", "number", "boolean"]
Measure = Literal["stock", "flow"]
Constraint = int | str | tuple[str, ...]

API_VERSIONS: Final = get_args(ApiVersion)
LEVELS: Final = get_args(Level)
CHOICES: Final = {
    "type": get_args(FieldType),
    "measure": get_args(Measure),
    "versions": API_VERSIONS,
    "endpoints": API_VERSIONS,
    "level": LEVELS,
    "from_level": LEVELS,
    "levels": LEVELS,
}
"""The values of keys that are not free."""

ROUND: Final = ("reporting_date", "round_number", "assessment_type")
"""What identifies a round within its operation."""

PUBLICATION_LAG_DAYS: Final = 92
"""Rounds are published up to three months after their date, so no round is missed before that."""

LAG_ROUNDS: Final = 3
"""The smallest number of rounds, noticed one after the other, whose lags show how long an operation needs."""

ROUND_SPAN_DAYS: Final = 31
"""Two dates of one operation and round number, at most so far apart, belong to one round that was assessed twice."""

SINGLE_ROUND_DAYS: Final = 365
"""An operation with a single round has no interval that could be its measure: its figure is current this long."""


class CatalogueError(DtmError):
    """The catalogue's YAML is wrong; the message names the file and the line, and what is expected there."""


class Field(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One column, declared once and shared by every resource that lists it; its keys are those of fields.yaml."""

    name: Text
    type: FieldType
    title: Text
    description: Text
    hxl: Text | Literal[""] = ""
    nullable: bool = False
    example: Text
    api_name: Text | None = None
    documented_name: Text | None = None
    versions: Annotated[tuple[ApiVersion, ...], Meta(min_length=1)] = API_VERSIONS
    from_level: Level = 0
    unit: Text | None = None
    measure: Measure | None = None
    constraints: dict[str, Constraint] = {}
    missing_values: tuple[Text, ...] = ()
    known_values: tuple[Text, ...] = ()
    caveats: tuple[Text, ...] = ()
    is_mark: bool = False
    omitted: Text | None = None

    @property
    def full_description(self) -> str:
        """Description, unit, measure, missing values and caveats as one paragraph.

        For places with room for one text per column, such as Singer messages and warehouse comments.
        """
        parts = [self.description]
        if self.unit:
            parts.append(f"Unit: {self.unit}.")
        if self.measure == "stock":
            parts.append("A stock, not a flow.")
        if self.missing_values:
            texts = " or ".join(f'"{value}"' for value in self.missing_values)
            parts.append(f"A missing value is published as {texts}.")
        return " ".join([*parts, *self.caveats])


class ForeignKey(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Columns of one resource whose values are a key of another resource, pair by pair."""

    fields: Texts
    resource: Text
    reference_fields: Texts


class UsageWarning(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One way to read a resource wrongly: a short stable code and a sentence for people."""

    code: Text
    text: Text


class Source(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the data comes from: the API and the pages that document it."""

    title: Text
    url: Text
    documentation: Text


class License(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The terms of the data (not of this program), as flags and in whole sentences."""

    name: Text
    title: Text
    url: Text
    stated_by: Text
    commercial_use: bool
    redistribution: bool
    derivative_works: bool
    credit_required: bool
    terms: Texts


class Table(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What resources.yaml and a `Resource` have in the same form.

    Attributes:
        grain: What one row stands for, as a sentence.
        level: Administrative level of the records; None for the lists.
        endpoints: Path per API version, below the API's base URL; empty for a list that is not DTM's.
        source: Where the rows come from, if not from DTM.
        license: The terms of the rows, if they are not those of the package.
        replication_key: The field of an incremental stream; None for a stream that every run replicates whole.
        dated_by: The field whose newest value is the date of that source.
    """

    title: Text
    description: Text
    grain: Text
    key: Texts
    level: Level | None = None
    foreign_keys: tuple[ForeignKey, ...] = ()
    replication_key: Text | None = None
    endpoints: dict[str, Text] = {}
    selected_by_default: bool = True
    source: Source | None = None
    license: License | None = None
    dated_by: Text | None = None
    history_of: Text | None = None


class Resource(Table, frozen=True, kw_only=True):
    """One stream, or one table of a data package. ``fields_for`` has the fields of one API version."""

    name: Text
    fields: tuple[Field, ...]
    warnings: tuple[UsageWarning, ...] = ()

    @property
    def full_description(self) -> str:
        """Description, grain and warnings as one paragraph."""
        return " ".join([self.description, self.grain, *(warning.text for warning in self.warnings)])

    @property
    def keeps_the_past(self) -> bool:
        """Whether it holds what cannot be read again: a history, or the runs."""
        return self.replication_key == "observed_at"

    @property
    def marks(self) -> tuple[str, ...]:
        """The columns, other than the key, that decide which rows count: in a history, also those of the round."""
        names = [field.name for field in self.fields if field.is_mark or (self.history_of and field.name in ROUND)]
        return tuple(name for name in names if name not in self.key)

    def fields_for(self, api_version: str) -> tuple[Field, ...]:
        """Return the fields that one API version publishes, and those this project adds, in column order.

        Raises:
            CatalogueError: The resource has no such API version.
        """
        if self.endpoints and api_version not in self.endpoints:
            known = ", ".join(sorted(self.endpoints))
            raise CatalogueError(
                f"The resource {self.name} knows no API version {api_version!r}; expected one of: {known}.",
            )
        return tuple(field for field in self.fields if api_version in field.versions)


class Contact(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whom to ask about the data."""

    title: Text
    email: Text


class Contributor(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who made the data, or the package of it; roles as in Data Package v2."""

    title: Text
    url: Text
    roles: Texts


class Package(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What holds for all resources together: provenance, terms, credit, contact (None: nobody to ask)."""

    name: Text
    title: Text
    description: Text
    homepage: Text
    source: Source
    license: License
    credit_line: Text
    citation: Text
    contact: Contact | None
    keywords: Texts
    contributors: tuple[Contributor, ...]

    def cite(self, access_date: dt.date) -> str:
        """Return the citation for data that was fetched on this date."""
        return self.citation.replace("{access_date}", access_date.isoformat())


class Catalogue(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All metadata of this project; resources in the order of their file."""

    fields: Mapping[str, Field]
    resources: Mapping[str, Resource]
    package: Package
