"""What the descriptor says about the package, in the form that all pages need."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from frictionless_dtm.descriptor.package import GENERAL_TERMS, UNKNOWN_TERMS, terms_in_words
from frictionless_dtm.descriptor.reading import Contributor, Descriptor, License, Resource, own
from frictionless_dtm.descriptor.settings import PERMITTED
from frictionless_dtm.pages import words
from frictionless_dtm.quality.streams import reference_date
from tap_dtm.metadata import is_web_address
from tap_dtm.views.preferences import Preference  # noqa: TC001  msgspec reads the type

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


class Column(msgspec.Struct):
    """A field, as the dictionary shows it."""

    name: str
    type: str = "any"
    title: str = ""
    description: str = ""
    unit: str = own("unit")
    measure: str = own("measure")
    hxl: str = own("hxl")
    missing_values: list[str] = msgspec.field(name="missingValues", default_factory=list)
    example: str = ""

    @property
    def missing(self) -> list[str]:
        """The texts that stand for a missing value."""
        return [text for text in self.missing_values if text]


class _Schema(msgspec.Struct):
    fields: list[Column] = []
    key: list[str] = msgspec.field(name="primaryKey", default_factory=list)


class File(Resource, kw_only=True):
    """A resource: its file and its columns."""

    path: str
    rows: int
    hash: str = ""
    bytes: int = 0
    own_bytes: int = own("bytes", 0)  # of Parquet
    schema: _Schema
    same_as: str = own("sameDataAs")
    level: int | None = own("level", None)

    @property
    def columns(self) -> list[Column]:
        """Its columns."""
        return self.schema.fields

    @property
    def size(self) -> str:
        """The size for people."""
        return words.size(self.bytes or self.own_bytes)


class Front(Descriptor, kw_only=True):
    """The package's title page."""

    resources: list[File]  # type: ignore[assignment]  # with more of each than publishing needs
    created: str
    redistributes: str = own("redistribution")
    permission: str = own("permission")
    citation: str = own("citation")
    preferred: list[Preference] = own("preferredOperations", [])
    accessed: str = ""
    invented: bool = False

    @property
    def redistribution(self) -> bool:
        """Whether the data may be passed on."""
        return self.redistributes == PERMITTED

    @property
    def authors(self) -> list[Contributor]:
        """Those who are not just the contact."""
        return [each for each in self.contributors if "contact" not in each.roles]

    @property
    def contact(self) -> str:
        """The address for questions."""
        return next((each.email for each in self.contributors if "contact" in each.roles and each.email), "")

    @property
    def api_version(self) -> str:
        """The version of the API that the data come from."""
        return next((each.version for each in self.sources if each.version), "")

    @property
    def _license(self) -> License:
        return self.licenses[0] if self.licenses else License()

    @property
    def license_title(self) -> str:
        """The name of its licence."""
        return self._license.title or self._license.name

    @property
    def license_url(self) -> str:
        """Where its licence is, on the web."""
        return self._license.path if is_web_address(self._license.path) else ""

    @property
    def terms_in_short(self) -> str:
        """Whether the data may be passed on, and on what terms: in one paragraph."""
        terms = " ".join(self.terms)
        if self.permission:
            return f"Redistribution permitted: {self.permission}" + (f" {GENERAL_TERMS} {terms}" if terms else "")
        return terms if self.redistribution else f"Not for redistribution. {terms}"

    @property
    def warnings(self) -> dict[str, str]:
        """The usage warnings of all tables by code, each once."""
        return {warning.code: warning.text for file in self.resources for warning in file.usage_warnings}


def front_of(descriptor: Mapping[str, Any], *, invented: bool) -> Front:
    """Read the descriptor: what it does not say, no page says."""
    front = msgspec.convert(descriptor, Front)
    front.title = front.title or front.name
    # The terms end the description for those who read nothing else; the pages have a place of their own for them.
    front.description = front.description.removesuffix(terms_in_words(descriptor)).rstrip()
    front.created = front.created[:10]
    front.accessed = reference_date(descriptor)
    front.invented = invented or any("sandbox" in f"{each.title} {each.path}".casefold() for each in front.sources)
    if not front.terms and not front.redistribution:
        front.terms = [UNKNOWN_TERMS.capitalize()]
    for file in front.resources:
        file.title = file.title or file.name
    return front
