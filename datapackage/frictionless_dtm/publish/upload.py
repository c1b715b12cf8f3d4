"""A file on its way to a site."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from frictionless_dtm.publish.folder import File


@dataclass(frozen=True)
class Upload:
    """A file under the name that it gets; read when it is sent."""

    name: str
    media_type: str
    size: int
    sha256: str
    chunks: Callable[[], Iterator[bytes]]

    @classmethod
    def of_file(cls, file: File, media_type: str) -> Upload:
        """Return a file of the package."""
        return cls(file.path.rsplit("/", 1)[-1], media_type, file.size, file.sha256, file.chunks)

    @classmethod
    def of_bytes(cls, name: str, media_type: str, content: bytes) -> Upload:
        """Return a file that is made for the site."""
        return cls(name, media_type, len(content), hashlib.sha256(content).hexdigest(), lambda: iter([content]))
