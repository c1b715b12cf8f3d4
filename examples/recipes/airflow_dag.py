"""Airflow 3: DTM with one task for each line of workers.txt, four at a time."""

from datetime import datetime, timedelta, timezone
from pathlib import Path

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

FOLDER = Path("/srv/tap-dtm")
WORKERS = (FOLDER / "workers.txt").read_text("utf-8").split()

with DAG(
    dag_id="dtm",
    schedule="15 3 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=10)},
) as dag:
    BashOperator.partial(task_id="load", cwd=str(FOLDER), append_env=True, max_active_tis_per_dagrun=4).expand(
        bash_command=[f"examples/recipes/worker.sh {worker}" for worker in WORKERS]
    )
