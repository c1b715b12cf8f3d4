"""Dagster: DTM with one op for each line of workers.txt, four at a time."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import dagster as dg

FOLDER = Path("/srv/tap-dtm")


@dg.op(out=dg.DynamicOut(str))
def workers() -> Iterator[dg.DynamicOutput[str]]:
    """Read the list of workers."""
    for worker in (FOLDER / "workers.txt").read_text("utf-8").split():
        yield dg.DynamicOutput(worker, mapping_key=worker)


@dg.op(retry_policy=dg.RetryPolicy(max_retries=2, delay=600))
def load(worker: str) -> None:
    """Run one worker."""
    subprocess.run(["examples/recipes/worker.sh", worker], cwd=FOLDER, check=True)


@dg.job(executor_def=dg.multiprocess_executor.configured({"max_concurrent": 4}))
def dtm() -> None:
    """Load all of DTM."""
    workers().map(load)


defs = dg.Definitions(jobs=[dtm], schedules=[dg.ScheduleDefinition(job=dtm, cron_schedule="15 3 * * *")])
