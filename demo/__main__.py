"""`python -m demo` loads the sandbox's data into Postgres, and `python -m demo sql "SELECT ..."` asks.

`python -m demo package` makes a data package of them.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from psycopg.sql import SQL, Identifier

from demo.postgres import EmbeddedPostgres, PostgresError

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "output" / "demo"
SCHEMA = "dtm_sandbox"
SUFFIX = "demo"  # the demo's states are apart from those of the operator's own runs in the sandbox
_LAST_LINES = 400
_TELLING = re.compile(r"\[critical|CRITICAL|FATAL|[A-Za-z]Error: ")  # but a broken pipe tells of another's failure
MELTANO = Path(sys.executable).with_name("meltano")

TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema ORDER BY 1"
FIRST_QUERY = """\
SELECT admin0_name, operation, reporting_date, round_number, assessment_type, idps, freshness
FROM latest_stock_admin0
WHERE is_newest_of_operation
ORDER BY admin0_name, operation, assessment_type"""


def main() -> None:
    """Load and show, or answer one query."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("Stopped."))  # so that the server stops, too
    try:
        if sys.argv[1:2] == ["sql"]:
            ask(" ".join(sys.argv[2:]) or FIRST_QUERY)
        elif sys.argv[1:2] == ["package"]:
            make_package()
        else:
            load_and_show()
    except (PostgresError, psycopg.Error) as error:
        sys.exit(f"demo: {error}")


def load_and_show() -> None:
    """Run the tap with Meltano into the demo's database, make the views, and show what came."""
    signal.signal(signal.SIGINT, lambda *_: None)  # Ctrl-C ends Meltano, then the server stops in peace
    with EmbeddedPostgres(FOLDER / "postgres") as server:
        with psycopg.connect(server.url) as db:
            is_new = db.execute("SELECT to_regnamespace(%s) IS NULL", [SCHEMA]).fetchone() == (True,)
        if is_new:
            forget("target-postgres")
        url = server.url.replace("://", "+psycopg://")
        meltano_run("target-postgres", "dtm-views:install", TARGET_POSTGRES_SQLALCHEMY_URL=url)
        with psycopg.connect(server.url, options=f"-c search_path={SCHEMA}") as db:
            if db.execute("SELECT NOT EXISTS (SELECT FROM idp_admin0)").fetchone() == (True,):
                sys.exit("demo: the tables are empty. Delete the folder output/demo and run the demo again.")
            show(db)


def meltano_run(*blocks: str, **settings: str) -> None:
    """Run the job as an operator would, except that the operator's own settings play no part."""
    remove_stale_plugins()
    arguments = ["run", "tap-dtm", *blocks]
    print("$ meltano --environment=sandbox", *arguments, flush=True)
    arguments.insert(1, f"--state-id-suffix={SUFFIX}")
    with meltano(*arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **settings) as run:
        lines = deque[str](maxlen=_LAST_LINES)
        for line in run.stdout or ():
            print(line, end="", flush=True)
            lines.append(line)
    if run.returncode:
        sys.exit(f"demo: meltano failed. {reason(lines)}")


def forget(target: str) -> None:
    """Clear the state of a target that has lost its tables, so that everything is loaded again."""
    state = f"sandbox:tap-dtm-to-{target}:{SUFFIX}"
    with meltano("state", "clear", "--force", state, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
        pass  # fails where there is no such state yet


def meltano(*arguments: str, stdout: int, stderr: int, **settings: str) -> subprocess.Popen[str]:
    """Start Meltano in this project, without the settings that the operator has for real data.

    The state is in Meltano's own database: a state backend is named by a URL, which Meltano cuts where the path of this
    folder has a ``#`` or a ``%``.
    """
    own = ("MELTANO_", "TAP_DTM_", "TARGET_", "DTM_VIEWS_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(own)} | settings
    command = [sys.executable, "-m", "demo.meltano", f"--env-file={os.devnull}", "--environment=sandbox", *arguments]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=stdout, stderr=stderr, text=True, encoding="utf-8", errors="replace"
    )


def reason(lines: Iterable[str]) -> str:
    """Return the line of a log that says why Meltano failed: the last one of a plugin about an error."""
    telling = [line for line in lines if _TELLING.search(line) and "Broken pipe" not in line]
    return telling[-1].strip() if telling else "Its last lines above say why."


def make_package() -> None:
    """Run the tap with Meltano into a data package, and say where it is."""
    signal.signal(signal.SIGINT, lambda *_: None)
    package = FOLDER / "package"
    if not package.exists():
        forget("target-datapackage")
    meltano_run("target-datapackage", TARGET_DATAPACKAGE_PATH=str(package))
    if not package.exists():
        sys.exit("demo: there is no package. Delete the folder output/demo and run this again.")
    print("\nThe data package is in the folder output/demo/package:\n")
    for path in sorted(path for path in package.rglob("*") if path.is_file()):
        print(f"{path.stat().st_size:>9,}  {path.relative_to(package)}")
    print(
        "\nLook at it:       open output/demo/package/index.html in a browser; it needs no network"
        "\nCheck it:         .venv/bin/frictionless validate output/demo/package/datapackage.json"
        "\n\nAll of it is invented, countries included."
    )


def remove_stale_plugins() -> None:
    """Let Meltano install its plugins again after another Python or other dependencies: it does not notice."""
    changed = max(path.stat().st_mtime for path in (ROOT / "pyproject.toml", Path(sys.prefix, "pyvenv.cfg")))
    for plugin in ROOT.glob(".meltano/*/*/venv/pyvenv.cfg"):
        if plugin.stat().st_mtime < changed:
            shutil.rmtree(plugin.parent)


def show(db: psycopg.Connection) -> None:
    """Print where the data are, and a first query with its answer."""
    print(f"\nThe data are in a Postgres database in the folder output/demo/postgres, schema {SCHEMA}:\n")
    count = SQL("SELECT {} AS table, count(*) AS rows FROM {}")
    counts = [count.format(name, Identifier(name)) for (name,) in db.execute(TABLES).fetchall()]
    print_answer(db.execute(SQL(" UNION ALL ").join(counts)))
    print(f"\nThe newest figures of each operation, from one of the views:\n\n{FIRST_QUERY};\n")
    print_answer(db.execute(FIRST_QUERY))
    print(
        "\nAll of this is invented, countries included. With real data, too, figures are stocks:"
        "\nnever add up rounds, operations, or the assessment types of one round."
        '\n\nAsk more:         python3 make.py sql "SELECT * FROM stock_over_time_admin1 LIMIT 5"'
        "\nRun it again:     python3 make.py demo     (only what is new is read)"
        "\nStart over:       delete output/demo"
        "\nReal data:        README.md; in short, copy .env.example to .env, fill it in, and"
    )
    run = "--environment=prod run tap-dtm target-postgres dtm-views:install"
    print(f"                  {MELTANO.relative_to(ROOT)} {run}")


def ask(query: str) -> None:
    """Answer one query from the demo's database."""
    if not (FOLDER / "postgres" / "data").exists():
        sys.exit("There is no demo database yet: `python3 make.py demo` makes one.")
    with (
        EmbeddedPostgres(FOLDER / "postgres") as server,
        psycopg.connect(server.url, options=f"-c search_path={SCHEMA}") as db,
    ):
        print_answer(db.execute(query))


def print_answer(answer: psycopg.Cursor) -> None:
    """Print a table of rows in aligned columns."""
    if answer.description is None:
        print(answer.statusmessage)
        return
    head = [column.name for column in answer.description]
    rows = [["" if value is None else str(value) for value in row] for row in answer]
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for row in [head, ["-" * width for width in widths], *rows]:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


if __name__ == "__main__":
    main()
