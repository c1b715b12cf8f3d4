"""Starts the emulator of BigQuery faster than its own command. It runs in the emulator's environment.

The emulator spends nearly all of its time in SQLGlot, which parses each statement a dozen times. Two things make it
slow, and neither changes an answer:

* For each join, SQLGlot copies both sides in full, with all that is nested in them, to find arrays that are joined
  without `UNNEST`. Our statements write `UNNEST`; one that did not would fail.
* Python looks for cycles among the parts of a statement, over and over.
"""

from __future__ import annotations

import gc

from bqemulator.cli import main
from sqlglot.dialects.bigquery import BigQuery

if __name__ == "__main__":
    BigQuery.Parser.SUPPORTS_IMPLICIT_UNNEST = False
    gc.freeze()
    gc.set_threshold(1_000_000)
    main()
