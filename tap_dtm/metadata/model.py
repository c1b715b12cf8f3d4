"""What the catalogue says, as plain values: fields, resources and the package around them.

Nothing here reads files or knows about Singer or data packages; see `loader` and `singer`.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final, Literal

from tap_dtm.errors import DtmError

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

FieldType = Literal["string", "integer", "date", "datetime", "number", "boolean"]
Measure = Literal["stock", "flow"]
ReplicationMethod = Literal["FULL_TABLE", "INCREMENTAL"]
Constraint = int | str | tuple[str, ...]

DTM_TYPES: Final = ("string", "integer", "date", "datetime")
"""The types of DTM's own fields; those of other taps may have the others, too."""

API_VERSIONS: Final = ("v2", "v3")

PUBLICATION_LAG_DAYS: Final = 92
"""Rounds are published up to three months after their date, so no round is missed before that."""

ROUND_SPAN_DAYS: Final = 31
"""Rounds of one operation with one number, dated at most so many days apart, are one round that was assessed twice."""


class CatalogueError(DtmError):
    """The catalogue's YAML is wrong; the message names the file and the line, and what is expected there."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Field:
    """One column, declared once and shared by every resource that lists it.

    Attributes:
        name: Column name; the API's name in snake_case.
        type: Type of the delivered value.
        title: A few words, for headings.
        description: Meaning, in one or two sentences. See `full_description` for all that is known.
        hxl: HXL hashtag with its attributes; empty for fields of other taps without one.
        nullable: Whether the API publishes null here. Singer schemas are wider, because of tombstones.
        example: A value as text; invented, never a published row.
        api_name: Name in the API's JSON; None for columns that this project adds.
        documented_name: Name in IOM's documentation; None for columns that this project adds.
        versions: API versions that publish the field.
        levels: Administrative levels (0, 1, 2) whose records carry it; empty for fields of the lists only.
            Where the versions differ, those of the newest one.
        unit: Unit of a number, such as ``persons``.
        measure: ``stock`` for a state on a date, ``flow`` for change over a period.
        constraints: ``minimum``, ``maximum`` (inclusive), ``pattern`` and ``enum`` that every value meets.
        missing_values: Texts that the API publishes in place of a value.
        known_values: Values of an open vocabulary seen so far. Others may appear at any time.
        caveats: What goes wrong when the column is used naively; whole sentences.
        omitted: Why no stream carries the field; None for all fields that streams may carry.
    """

    name: str
    type: FieldType
    title: str
    description: str
    hxl: str
    nullable: bool
    example: str
    api_name: str | None
    documented_name: str | None
    versions: tuple[str, ...]
    levels: tuple[int, ...] = ()
    unit: str | None = None
    measure: Measure | None = None
    constraints: Mapping[str, Constraint] = dataclasses.field(hash=False)
    missing_values: tuple[str, ...] = ()
    known_values: tuple[str, ...] = ()
    caveats: tuple[str, ...] = ()
    omitted: str | None = None

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


@dataclasses.dataclass(frozen=True, kw_only=True)
class ForeignKey:
    """Columns of one resource whose values are a key of another resource, pair by pair."""

    fields: tuple[str, ...]
    resource: str
    reference_fields: tuple[str, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class UsageWarning:
    """One way to read a resource wrongly: a short stable code and a sentence for people."""

    code: str
    text: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Resource:
    """One stream, or one table of a data package.

    Attributes:
        name: Stream name.
        title: A few words, for headings.
        description: What the rows are and where they come from.
        grain: What one row stands for, as a sentence.
        level: Administrative level of the records; None for the lists.
        key: Names of the fields that identify a row.
        fields: Every field, in column order, whichever API version publishes it. See `fields_for`.
        foreign_keys: References to other resources.
        replication_method: ``FULL_TABLE`` or ``INCREMENTAL``.
        replication_key: Field that orders an INCREMENTAL resource; None otherwise.
        endpoints: Path per API version, below the API's base URL.
        warnings: How the figures must not be used.
    """

    name: str
    title: str
    description: str
    grain: str
    level: int | None
    key: tuple[str, ...]
    fields: tuple[Field, ...]
    foreign_keys: tuple[ForeignKey, ...]
    replication_method: ReplicationMethod
    replication_key: str | None
    endpoints: Mapping[str, str] = dataclasses.field(hash=False)
    warnings: tuple[UsageWarning, ...] = ()

    @property
    def full_description(self) -> str:
        """Description, grain and warnings as one paragraph."""
        return " ".join([self.description, self.grain, *(warning.text for warning in self.warnings)])

    def fields_for(self, api_version: str) -> tuple[Field, ...]:
        """Return the fields that one API version publishes, and those this project adds, in column order.

        Raises:
            CatalogueError: The resource has no such API version.
        """
        if api_version not in self.endpoints:
            known = ", ".join(sorted(self.endpoints))
            raise CatalogueError(
                f"The resource {self.name} knows no API version {api_version!r}; expected one of: {known}.",
            )
        return tuple(field for field in self.fields if api_version in field.versions)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """Where the data comes from: the API and the pages that document it."""

    title: str
    url: str
    documentation: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class License:
    """The terms of the data (not of this program).

    Attributes:
        name: Identifier as the data portal gives it; ``other`` is no open licence.
        title: Name for people.
        url: The rights holder's own terms.
        stated_by: Who states these terms for this data set.
        commercial_use: Whether the data may be used commercially.
        redistribution: Whether copies may be passed on.
        derivative_works: Whether works derived from the data may be made.
        credit_required: Whether the credit line must accompany the data.
        terms: The same in whole sentences.
    """

    name: str
    title: str
    url: str
    stated_by: str
    commercial_use: bool
    redistribution: bool
    derivative_works: bool
    credit_required: bool
    terms: tuple[str, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Contact:
    """Whom to ask about the data."""

    title: str
    email: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Contributor:
    """Who made the data, or the package of it; roles as in Data Package v2."""

    title: str
    url: str
    roles: tuple[str, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Package:
    """What holds for all resources together: provenance, terms, credit, contact (None: nobody to ask)."""

    name: str
    title: str
    description: str
    homepage: str
    source: Source
    license: License
    credit_line: str
    citation: str
    contact: Contact | None
    keywords: tuple[str, ...]
    contributors: tuple[Contributor, ...]

    def cite(self, access_date: dt.date) -> str:
        """Return the citation for data that was fetched on this date."""
        return self.citation.replace("{access_date}", access_date.isoformat())


@dataclasses.dataclass(frozen=True, kw_only=True)
class Catalogue:
    """All metadata of this project; resources in the order of their file."""

    fields: Mapping[str, Field] = dataclasses.field(hash=False)
    resources: Mapping[str, Resource] = dataclasses.field(hash=False)
    package: Package
