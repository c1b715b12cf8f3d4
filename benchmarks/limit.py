"""The least work of a tap in Python for a first load: python -m benchmarks.limit FOLDER > messages.

It reads the answers from files, decodes them with types, sorts them by operation and date, encodes each row, and hashes
the output. It makes no checks and no requests, and has no state.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import msgspec

from benchmarks.answers import LEVELS


class Row(msgspec.Struct, gc=False, rename="camel"):
    """A row as the API sends it."""

    operation: str
    admin0_pcode: str
    reporting_date: str | None = None
    admin0_name: str | None = None
    admin1_name: str | None = None
    admin1_pcode: str | None = None
    admin2_name: str | None = None
    admin2_pcode: str | None = None
    round_number: int | None = None
    assessment_type: str | None = None
    year_reporting_date: int | None = None
    month_reporting_date: int | None = None
    num_present_idp_ind: int | None = None
    displacement_reason: str | None = None
    number_males: int | None = None
    number_females: int | None = None
    idp_origin_admin1_name: str | None = None
    idp_origin_admin1_pcode: str | None = None


class Answer(msgspec.Struct, gc=False):
    """An answer of the API."""

    result: list[Row]


def main() -> None:
    """Write all rows to standard output."""
    folder = Path(sys.argv[1])
    decoder, encoder = msgspec.json.Decoder(Answer), msgspec.json.Encoder()
    digest = hashlib.sha256()
    for level in LEVELS:
        for path in sorted(folder.glob(f"{level}-*.json")):
            rows = decoder.decode(path.read_bytes()).result
            rows.sort(key=lambda row: (row.operation, row.reporting_date or ""))
            for row in rows:
                line = encoder.encode(row)
                digest.update(line)
                sys.stdout.buffer.write(line)
                sys.stdout.buffer.write(b"\n")


if __name__ == "__main__":
    main()
