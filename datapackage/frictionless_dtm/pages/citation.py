"""CITATION.cff: how to cite a package, for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from frictionless_dtm.pages.front import Front


def citation_cff(front: Front) -> str:
    """Return CITATION.cff, version 1.2.0."""
    authors = [
        {"name": each.title, **({"website": each.path} if each.path else {})}
        for each in front.authors
        if {"creator", "author", "rightsHolder"} & set(each.roles)
    ]
    said: dict[str, Any] = {
        "cff-version": "1.2.0",
        "message": f"Please cite this data as: {front.citation}" if front.citation else "Please cite this data.",
        "type": "dataset",
        "title": front.title,
        "authors": authors or [{"name": front.title}],
        "version": front.version or None,
        "date-released": front.created or None,
        "url": front.homepage or None,
        # The format has no word for terms other than open licences, so they stand where everybody reads.
        "abstract": "\n\n".join(filter(None, (front.description, front.terms_in_short))),
        "keywords": front.keywords or None,
        "license-url": front.license_url or None,
        "contact": [{"name": "Contact for the data", "email": front.contact}] if front.contact else None,
    }
    return yaml.safe_dump(
        {name: value for name, value in said.items() if value},
        sort_keys=False,
        allow_unicode=True,
        width=100,
    )
