"""z3-target-bigquery with a reliable exit code, which is 0 only if every row is in BigQuery.

Without this module, version 0.7.2 can lose rows with exit code 0, and confirm their state. This happens with every
method: a load that fails near the end goes back into a queue that is no longer read; errors after the last batch are
ignored; the target does not wait for the first of several workers; and a run of more than five minutes confirms its
state before it merges. Its issues 88 and 101 describe these faults. No setting prevents them.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from google.api_core.exceptions import GoogleAPIError
from google.auth.exceptions import GoogleAuthError
from google.cloud.bigquery import TimePartitioning, TimePartitioningType
from target_bigquery.core import BaseBigQuerySink, bigquery_client_factory
from target_bigquery.target import TargetBigQuery

if TYPE_CHECKING:
    from google.cloud import bigquery


_METHODS = ("storage_write_api", "batch_job", "streaming_insert", "gcs_stage")


class SettingsError(ValueError):
    """A setting is missing or wrong."""


class RowsMissingError(RuntimeError):
    """The rows in BigQuery are not exactly the rows that were sent."""


class CheckedSink(BaseBigQuerySink):  # type: ignore[misc]
    """Counts the rows of a stream in BigQuery before they are merged into its table."""

    def create_target(self, key_properties: list[str] | None = None) -> None:
        """Create the table of the stream, partitioned by the month of the time in the key, or else of loading."""
        keys = key_properties or []
        times = [name for name in keys if self.schema["properties"][name].get("format") == "date-time"]
        if times:
            options = {
                "clustering_fields": tuple(name for name in keys if name not in times),
                "time_partitioning": TimePartitioning(type_=TimePartitioningType.MONTH, field=times[0]),
            }
            self.table.create_table(
                self.client,
                self.apply_transforms,
                table=options,
                dataset={"location": self.config.get("location", "US")},
            )
        super().create_target(key_properties)  # uses the table if it exists

    def clean_up(self) -> None:
        """Merge the staging table into the table of the stream, if it is complete."""
        if self.merge_target is None:
            raise RowsMissingError(
                f"Stream '{self.stream_name}' cannot be checked: set `denormalized` and `upsert` to true."
            )
        client: bigquery.Client = bigquery_client_factory(self._credentials)
        query = f"SELECT COUNT(*) FROM {self.table.get_escaped_name()}"  # noqa: S608 - names come from the settings
        ((loaded,),) = client.query(query).result()
        if loaded != self._total_records_read:
            raise RowsMissingError(
                f"BigQuery has {loaded} of the {self._total_records_read} rows that were sent for '{self.stream_name}'."
            )
        self._add_new_columns(client)
        super().clean_up()

    def _add_new_columns(self, client: bigquery.Client) -> None:
        """Add new columns to the table. The target itself compares the stream's columns only with themselves."""
        known = {field.name for field in client.get_table(self.merge_target.as_ref()).schema}
        new = [field for field in self.table.as_table().schema if field.name not in known]
        if new:
            columns = ", ".join(f"ADD COLUMN IF NOT EXISTS `{field.name}` {field.field_type}" for field in new)
            client.query(f"ALTER TABLE {self.merge_target.get_escaped_name()} {columns}").result()


class CheckedTargetBigQuery(TargetBigQuery):  # type: ignore[misc]
    """Waits for all rows, merges them if they are complete, and only then confirms the state."""

    def _validate_config(self, *_: object, **__: object) -> tuple[list[str], list[str]]:
        """Check the settings that the target itself does not check."""
        for name in ("project", "dataset"):
            if not self.config.get(name):
                raise SettingsError(f"The setting `{name}` is missing. Set it to the {name} in BigQuery to load into.")
        if (method := self.config.get("method", _METHODS[0])) not in _METHODS:
            raise SettingsError(f"The setting `method` is {method!r}; it must be one of: {', '.join(_METHODS)}.")
        if path := self.config.get("credentials_path"):
            _check_key(f"The file {path} of the setting `credentials_path`", Path(path).read_bytes())
        elif text := self.config.get("credentials_json"):
            _check_key("The setting `credentials_json`", text)
        return [], []

    add_worker_predicate = False  # the target waits only for the worker that always exists

    def get_sink_class(self, stream_name: str | None = None) -> type[BaseBigQuerySink]:
        """Return the sink of the configured method, extended by the count before the merge."""
        return type("Sink", (super().get_sink_class(stream_name), CheckedSink), {})

    def _process_state_message(self, message_dict: dict[str, Any]) -> None:
        """Keep the state until the end, because it is not valid before the rows are merged."""
        self._assert_line_requires(message_dict, requires={"value"})
        self._latest_state = message_dict["value"]

    def drain_all(self, is_endofpipe: bool = False) -> None:  # noqa: FBT001, FBT002 - the SDK's signature
        """Wait for every load and its retries; then merge and confirm."""
        for sink in list(self._sinks_active.values()):
            self.drain_one(sink)
        while self.queue.unfinished_tasks:
            self.resize_worker_pool()  # replaces workers that end after a failed load
            time.sleep(0.1)
        super().drain_all(is_endofpipe)


def _check_key(name: str, content: str | bytes) -> None:
    try:
        is_object = isinstance(json.loads(content), dict)
    except ValueError:  # not chained: the error may quote the content
        is_object = False
    if not is_object:
        raise SettingsError(f"{name} is not the key of a service account, which is a JSON file of Google.")


def main() -> None:
    """Run the target. It ends with exit code 1 after a failed load or a missing row."""
    if os.name == "posix" and not sys.flags.utf8_mode:  # Singer messages are UTF-8 in every locale
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])  # noqa: S606
    try:
        CheckedTargetBigQuery.cli()
    except SettingsError as error:
        sys.exit(str(error))
    # The target also raises RuntimeError, with BigQuery's message. The others come from Google's libraries.
    except (RuntimeError, GoogleAPIError, GoogleAuthError, OSError) as error:
        sys.exit(
            f"{error}\nNot all rows are in BigQuery, so no state is confirmed. Correct the error above, and run again."
        )


if __name__ == "__main__":
    main()
