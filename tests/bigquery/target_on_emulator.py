"""Runs the loader for BigQuery against the emulator. It runs in the loader's own environment.

Whoever uses the loader runs it as it is; here, five things differ, because of what the emulator is or lacks:

* It asks for no account, so nobody signs in.
* The client of the Storage Write API knows no emulator, and has to get its address, without TLS.
* The emulator refuses `MERGE ... UPDATE SET target.column = ...`, which BigQuery takes with and without `target.`, and
  several actions in one `ALTER TABLE`.
* It is consistent at once, so the pauses that the target makes for BigQuery's sake (7 seconds per table, 2 before it
  tries again) are left out.
* Every run counts as one of more than five minutes, in which the target by itself confirms a state before the rows are
  in their tables.

The environment says where the emulator is: BIGQUERY_EMULATOR_HOST, which the client of BigQuery knows by itself, and
BIGQUERY_EMULATOR_GRPC.
"""

from __future__ import annotations

import os
import re
import time
from types import SimpleNamespace
from typing import Any

import checked_target_bigquery
import google.auth
import grpc
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery
from google.cloud.bigquery_storage_v1 import BigQueryWriteClient
from google.cloud.bigquery_storage_v1.services.big_query_write.transports import BigQueryWriteGrpcTransport
from target_bigquery import core, storage_write
from tenacity import nap


def _write_client(_credentials: object) -> BigQueryWriteClient:
    channel = grpc.insecure_channel(os.environ["BIGQUERY_EMULATOR_GRPC"])
    return BigQueryWriteClient(transport=BigQueryWriteGrpcTransport(channel=channel))


def _query(self: bigquery.Client, sql: str, *arguments: Any, **options: Any) -> Any:
    if sql.startswith("ALTER TABLE"):
        table, *actions = re.split(r",? (?=ADD COLUMN)", sql)
        sql = "; ".join(f"{table} {action}" for action in actions)
    return _original_query(self, re.sub(r"(SET |, )target\.(`\w+` = )", r"\1\2", sql), *arguments, **options)


_original_query = bigquery.Client.query

if __name__ == "__main__":
    google.auth.default = lambda *_, **__: (AnonymousCredentials(), None)
    storage_write.storage_client_factory = _write_client
    bigquery.Client.query = _query
    core.time = nap.time = SimpleNamespace(sleep=lambda _: None, strftime=time.strftime)
    checked_target_bigquery.CheckedTargetBigQuery._MAX_RECORD_AGE_IN_MINUTES = -1
    checked_target_bigquery.main()
