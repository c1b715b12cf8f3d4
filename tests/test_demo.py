"""The demo: its state does not depend on the folder's name, and a failure says why in its last line."""

from __future__ import annotations

import shutil
from contextlib import nullcontext
from typing import TYPE_CHECKING

import pytest
from filelock import FileLock

import demo.__main__ as demo
from demo.database import SCHEMA, answers, connect
from demo.questions import AFTER, questions
from tests.meltano import DEMO_S_MELTANO, MeltanoProject, database, demo_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import psycopg

    from demo.postgres import EmbeddedPostgres
    from tests.pipeline import Warehouse

pytestmark = pytest.mark.programs

NAME = "mes données # 100% & d'autres"


@pytest.fixture
def project(tmp_path: Path) -> Iterator[MeltanoProject]:
    """A clone with a difficult name, which the demo takes for its own."""
    with demo_in(tmp_path / NAME) as project:
        yield project
    assert [path.name for path in tmp_path.iterdir()] == [NAME], "the demo wrote outside its folder"


@pytest.fixture
def db(postgres: EmbeddedPostgres) -> Iterator[psycopg.Connection]:
    """A connection as the demo's commands have it, with one table and one view in its schema."""
    with connect(postgres.url) as made:
        made.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE; CREATE SCHEMA {SCHEMA}".encode())
        made.execute("CREATE TABLE invented (place text, idps bigint)")
        made.execute("COMMENT ON TABLE invented IS 'One row per place. Nothing in it is real.'")
        made.execute("COMMENT ON COLUMN invented.idps IS 'How many people were there.'")
        made.execute("INSERT INTO invented VALUES ('Nowhere', 3), ('Elsewhere', NULL)")
        made.execute("CREATE VIEW known AS SELECT place FROM invented WHERE idps IS NOT NULL")
    with connect(postgres.url) as connection:
        yield connection
    with connect(postgres.url) as last:
        last.execute(f"DROP SCHEMA {SCHEMA} CASCADE".encode())


@pytest.mark.usefixtures("project")
def test_an_empty_target_gets_everything(warehouse: Warehouse, capfd: pytest.CaptureFixture[str]) -> None:
    url = demo.alchemy(warehouse.server.url)

    def run() -> str:
        demo.meltano_run(AFTER, "tap-dtm", "target-postgres", TARGET_POSTGRES_SQLALCHEMY_URL=url)
        return next(line for line in capfd.readouterr().out.splitlines() if "Read 6 countries" in line)

    assert "operations 12 new" in run()
    demo.forget("tap-dtm", "target-postgres")
    assert "operations 12 new" in run()


def test_a_data_package_that_was_deleted_is_made_again(
    project: MeltanoProject, capfd: pytest.CaptureFixture[str]
) -> None:
    package = project.folder / "output" / "demo" / "package"
    demo.meltano_run(AFTER, "tap-dtm", "target-datapackage", TARGET_DATAPACKAGE_PATH=str(package))
    for path in package.parent.glob("*package*"):
        shutil.rmtree(path)

    demo.make_package()

    assert (package / "datapackage.json").is_file()
    assert "### Withdrawn" in (package / "CHANGELOG.md").read_text("utf-8"), "it has seen both publications"
    assert "The data package is in the folder" in capfd.readouterr().out


@pytest.mark.usefixtures("project")
def test_a_failure_ends_with_its_reason(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "PROGRAM", DEMO_S_MELTANO)  # not as a fork
    settings = database(warehouse.server) | {"TARGET_POSTGRES_PASSWORD": "invented-wrong-password"}

    with pytest.raises(SystemExit, match="password authentication failed") as ended:
        demo.meltano_run(AFTER, "tap-dtm", "target-postgres", **settings)

    assert "invented-wrong-password" not in str(ended.value)


def test_several_statements_have_an_answer_each(db: psycopg.Connection) -> None:
    found = answers(db, "SELECT * FROM invented ORDER BY place; SELECT true AS yes; CREATE TEMP TABLE t (c int);")

    assert found == (
        "place      idps\n---------  ----\nElsewhere\nNowhere    3\n"  # unknown is empty
        "\nyes\n----\ntrue\n"
        "\nCREATE TABLE\n"
    )


@pytest.mark.parametrize("nothing", ["", "\\d", " \\dt+ "])
def test_without_a_statement_the_tables_and_views_are_listed(db: psycopg.Connection, nothing: str) -> None:
    assert answers(db, nothing).splitlines()[2:] == ["invented  table  One row per place.", "known     view"]


def test_the_columns_of_a_table_are_listed_as_in_psql(db: psycopg.Connection) -> None:
    assert answers(db, "\\d invented").splitlines()[2:] == [
        "place   text",
        "idps    bigint  How many people were there.",
    ]


@pytest.mark.parametrize(
    ("statements", "sentence"),
    [
        ("SELECT 1;\nSELECT idp FROM invented", 'SQL error in line 2, column 8: column "idp" does not exist. Perhaps'),
        ("SELEC 1", 'SQL error in line 1, column 1: syntax error at or near "SELEC".'),
        ("SELECT * FROM dtm.invented", "`python3 make.py sql` lists the tables and views. Leave out their schema."),
        ("COPY invented TO STDOUT", "SQL error: COPY cannot be used"),
        ("\\d nothing", "There is no table or view nothing. `python3 make.py sql` lists them."),
    ],
)
def test_a_wrong_statement_ends_with_one_sentence(db: psycopg.Connection, statements: str, sentence: str) -> None:
    with pytest.raises(SystemExit) as ended:
        answers(db, statements)

    assert sentence in str(ended.value)
    assert "\n" not in str(ended.value)


def test_a_wrong_statement_takes_back_those_before_it(postgres: EmbeddedPostgres, db: psycopg.Connection) -> None:
    with pytest.raises(SystemExit):
        answers(db, "DELETE FROM invented; SELECT nothing")

    with connect(postgres.url) as other:
        assert other.execute("SELECT count(*) FROM invented").fetchone() == (2,)


@pytest.mark.parametrize("command", [["sql"], ["sql", "SELECT 1"], ["question", "3"]])
def test_without_a_demo_the_commands_say_how_to_make_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.setattr(demo, "FOLDER", tmp_path)
    monkeypatch.setattr("sys.argv", ["demo", *command])

    with pytest.raises(SystemExit, match=r"no demo database yet. Make it with `python3 make.py demo`"):
        demo.main()


def test_a_query_cannot_change_what_the_state_describes(
    postgres: EmbeddedPostgres, db: psycopg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "FOLDER", tmp_path)
    monkeypatch.setattr(demo, "_server", lambda: nullcontext(postgres))
    (tmp_path / "postgres" / "data").mkdir(parents=True)
    db.execute("CREATE TABLE revisions ()")
    db.commit()

    with demo.database() as asked, pytest.raises(SystemExit, match="cannot execute DELETE in a read-only transaction"):
        answers(asked, "DELETE FROM invented")


def test_two_commands_at_once_wait_for_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "FOLDER", tmp_path)
    monkeypatch.setattr(demo, "_PATIENCE", 0.1)
    (tmp_path / "postgres" / "data").mkdir(parents=True)

    with (
        FileLock(tmp_path / "lock"),
        pytest.raises(SystemExit, match=r"^demo: Another command uses the demo's database\."),
    ):
        demo.database().__enter__()


def test_questions_are_listed_without_a_demo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "FOLDER", tmp_path)

    demo.ask_question()

    listed = capsys.readouterr().out
    assert [each.title for each in questions() if f"{each.number:>2}  {each.title}\n" in listed] == [
        each.title for each in questions()
    ]


@pytest.mark.parametrize("numbers", [["13"], ["0"], ["three"], ["3", "4"]])
def test_a_number_without_a_question_is_refused(numbers: list[str]) -> None:
    with pytest.raises(SystemExit, match=f"no question '{' '.join(numbers)}'. Give a number from 1 to 12"):
        demo.ask_question(*numbers)


def test_what_only_shows_that_the_other_program_has_failed_is_no_reason() -> None:
    cause = "psycopg.OperationalError: password authentication failed"
    results = [
        "BrokenPipeError: Broken pipe",
        "ConnectionResetError: Connection lost",
        "RuntimeError: Event loop is closed",
    ]

    assert demo.reason([cause, *results]) == cause
