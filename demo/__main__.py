"""The demo for newcomers: `python -m demo` loads the sandbox's data into Postgres.

`python -m demo sql "SELECT ..."` runs queries, `python -m demo question 3` answers one of the twelve questions, and
`python -m demo package` makes a data package of the same data.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections import deque
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from filelock import FileLock, Timeout
from psycopg.sql import SQL, Identifier

from demo.database import SCHEMA, answers, connect, explained, table
from demo.postgres import EmbeddedPostgres, PostgresError
from demo.questions import AFTER, BEFORE, questions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "output" / "demo"
SUFFIX = "demo"  # separates the demo's states from those of the user's own runs in the sandbox
_LAST_LINES = 400
_PATIENCE = 60.0  # seconds that a command waits for another one
_FAILURE = re.compile(r"\[critical|CRITICAL|FATAL|[A-Za-z]Error: ")
_RESULT = re.compile("Broken pipe|Connection lost|Event loop is closed")  # of the other program's failure
MELTANO = Path(sys.executable).with_name("meltano")
PROGRAM = [sys.executable, "-m", "demo.meltano"]

TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema ORDER BY 1"
FIRST_QUERY = """\
SELECT admin0_name, operation, reporting_date, round_number, assessment_type, idps, freshness
FROM latest_stock_admin0
WHERE is_newest_of_operation
ORDER BY admin0_name, operation, assessment_type"""


def main() -> None:
    """Run a task of the demo."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("Stopped."))  # so that the server also stops
    task, *arguments = sys.argv[1:] or ["load"]
    tasks = {"load": load_and_show, "sql": ask, "question": ask_question, "package": make_package}
    try:
        tasks[task](*arguments)
        sys.stdout.flush()
    except (PostgresError, psycopg.Error) as error:
        sys.exit(f"demo: {error}")
    except BrokenPipeError:  # `| head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def load_and_show() -> None:
    """Run the tap with Meltano into the demo's database, make the views, and show the result."""
    signal.signal(signal.SIGINT, lambda *_: None)  # Ctrl-C ends Meltano; then the server stops normally
    with _server() as server:
        load(server.url)
        with connect(server.url) as db:
            if db.execute("SELECT NOT EXISTS (SELECT FROM idp_admin0)").fetchone() == (True,):
                sys.exit("demo: The tables are empty. Delete the folder output/demo and run the demo again.")
            shown = show(db)
    print(shown)


def load(url: str) -> None:
    """Load the first publication, then the second; later, only what is new in the second."""
    with connect(url) as db:
        (is_new, is_first_missing) = db.execute(
            "SELECT to_regnamespace(%s) IS NULL, to_regclass('revisions') IS NULL", [SCHEMA]
        ).fetchone() or (True, True)
    if is_new:
        forget("tap-dtm--with-history", "target-postgres")
    blocks = ("tap-dtm--with-history", "target-postgres", "dtm-views:install-with-history")
    settings = {"TARGET_POSTGRES_SQLALCHEMY_URL": alchemy(url)}
    if is_first_missing:
        meltano_run(BEFORE, *blocks, **settings)
        print("\nThe API now adds, corrects and withdraws rounds. The next run reads only what changed.\n")
    meltano_run(AFTER, *blocks, **settings)


def alchemy(url: str) -> str:
    """Return a connection string in the form of the target."""
    return url.replace("://", "+psycopg://")


def meltano_run(publication: str, *blocks: str, **settings: str) -> None:
    """Run the job on a publication with the usual command, but without the user's own settings."""
    remove_stale_plugins()
    arguments = ["run", *blocks]
    print(f"$ TAP_DTM_API_URL='{publication}' meltano --environment=sandbox", *arguments, flush=True)
    settings["TAP_DTM_API_URL"] = publication
    arguments.insert(1, f"--state-id-suffix={SUFFIX}")
    with meltano(*arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **settings) as run:
        lines = deque[str](maxlen=_LAST_LINES)
        for line in run.stdout or ():
            print(line, end="", flush=True)
            lines.append(line)
    if run.returncode:
        sys.exit(f"demo: meltano failed. {reason(lines)}")


def forget(tap: str, target: str) -> None:
    """Clear the state of a target that has lost its tables, so that everything is loaded again."""
    state = f"sandbox:{tap}-to-{target}:{SUFFIX}"
    with meltano("state", "clear", "--force", state, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
        pass  # fails if there is no such state yet


def meltano(*arguments: str, stdout: int, stderr: int, **settings: str) -> subprocess.Popen[str]:
    """Start Meltano in this project, without the user's settings for real data.

    The state is in Meltano's own database. A state backend would need a URL, which Meltano cuts at a ``#`` or a ``%``
    in the path of this folder.
    """
    own = ("MELTANO_", "TAP_DTM_", "TARGET_", "DTM_VIEWS_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(own)} | settings
    command = [*PROGRAM, f"--env-file={os.devnull}", "--environment=sandbox", *arguments]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=stdout, stderr=stderr, text=True, encoding="utf-8", errors="replace"
    )


def reason(lines: Iterable[str]) -> str:
    """Return the reason for a failure of Meltano: the last line of a log about an error of a plugin."""
    failures = [line for line in lines if _FAILURE.search(line) and not _RESULT.search(line)]
    return failures[-1].strip() if failures else "Its last lines above give the reason."


def make_package() -> None:
    """Run the tap with Meltano into a data package, and list its files."""
    signal.signal(signal.SIGINT, lambda *_: None)
    package = FOLDER / "package"
    publications: tuple[str, ...] = (AFTER,)
    if not package.exists():
        forget("tap-dtm", "target-datapackage")
        publications = (BEFORE, AFTER)
    for publication in publications:
        meltano_run(publication, "tap-dtm", "target-datapackage", TARGET_DATAPACKAGE_PATH=str(package))
    if not package.exists():
        sys.exit("demo: there is no package. Delete the folder output/demo and run this again.")
    print("\nThe data package is in the folder output/demo/package:\n")
    for path in sorted(path for path in package.rglob("*") if path.is_file()):
        print(f"{path.stat().st_size:>9,}  {path.relative_to(package)}")
    print(
        "\nLook at it:       open output/demo/package/index.html in a browser; it needs no network"
        "\nWhat changed:     output/demo/package/CHANGELOG.md lists the rounds, publication by publication"
        "\nCheck it:         .venv/bin/frictionless validate output/demo/package/datapackage.json"
        "\n\nAll data are invented, even the countries."
    )


def remove_stale_plugins() -> None:
    """Delete plugins that have another Python or other dependencies, because Meltano does not detect the change."""
    changed = max(path.stat().st_mtime for path in (ROOT / "pyproject.toml", Path(sys.prefix, "pyvenv.cfg")))
    for plugin in ROOT.glob(".meltano/*/*/venv/pyvenv.cfg"):
        if plugin.stat().st_mtime < changed:
            shutil.rmtree(plugin.parent)


def show(db: psycopg.Connection) -> str:
    """Return the place of the data, a first query with its answer, and what to try next."""
    count = SQL("SELECT {} AS table, count(*) AS rows FROM {}")
    counts = [count.format(name, Identifier(name)) for (name,) in db.execute(TABLES).fetchall()]
    program = os.path.relpath(MELTANO, ROOT)
    return f"""
The data are in a Postgres database in the folder output/demo/postgres, schema {SCHEMA}:

{table(db.execute(SQL(" UNION ALL ").join(counts)))}
The newest figures of each operation, from one of the views:

{FIRST_QUERY};

{answers(db, FIRST_QUERY)}
All data are invented, even the countries. In real data as well, figures are stocks:
never add up rounds, operations, or the assessment types of one round.

Try next:
  What changed:          python3 make.py question 9
  Twelve questions:      python3 make.py question
  Tables and views:      python3 make.py sql
  A query of your own:   python3 make.py sql "SELECT * FROM stock_over_time_admin1 LIMIT 5"
  A page to look at:     python3 make.py package
  The same run again:    python3 make.py demo     (it reads only what is new)
  Start over:            delete output/demo
  Real data:             README.md; in short, copy .env.example to .env, fill it in, and run
                         {program} --environment=prod run tap-dtm target-postgres dtm-views:install"""  # noqa: S608 - names and a query of our own


def ask(*statements: str) -> None:
    """Run statements in the demo's database; without a statement, list its tables and views."""
    with database() as db:
        shown = answers(db, " ".join(statements))
    print(shown, end="")


def ask_question(*numbers: str) -> None:
    """Answer one of the twelve questions from the demo's database, or list them."""
    asked = {str(each.number): each for each in questions()}
    if not numbers:
        for number, each in asked.items():
            print(f"{number:>2}  {each.title}")
        print("\nAsk one:  python3 make.py question 3")
        return
    question = asked.get(" ".join(numbers))
    if question is None:
        sys.exit(
            f"demo: There is no question {' '.join(numbers)!r}. Give a number from 1 to {len(asked)}; "
            "`python3 make.py question` lists the questions."
        )
    with database() as db:
        shown = explained(question, db)
    print(shown, end="")


@contextmanager
def _server() -> Iterator[EmbeddedPostgres]:
    """Start the demo's Postgres. If another command uses it, wait for that command."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    lock = FileLock(FOLDER / "lock")
    try:
        lock.acquire(timeout=_PATIENCE)
    except Timeout:
        sys.exit("demo: Another command uses the demo's database. Wait until it ends, and try again.")
    try:
        with EmbeddedPostgres(FOLDER / "postgres") as server:
            yield server
    finally:
        lock.release()


@contextmanager
def database() -> Iterator[psycopg.Connection]:
    """Start the demo's database for a while; exit with a sentence if it does not exist."""
    if not (FOLDER / "postgres" / "data").exists():
        sys.exit("demo: There is no demo database yet. Make it with `python3 make.py demo`.")
    with _server() as server, connect(server.url) as db:
        if db.execute("SELECT to_regclass('revisions') IS NULL").fetchone() == (True,):
            sys.exit("demo: The demo database is not complete. Run `python3 make.py demo` again.")
        db.rollback()
        db.read_only = True  # the tap's state describes what the tables hold
        yield db


if __name__ == "__main__":
    main()
