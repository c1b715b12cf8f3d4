"""The twelve questions of ``examples/questions/``, and the two publications for their answers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parents[1] / "examples" / "questions"
BEFORE: Final = "sandbox://?seed=112&publication=2"
"""The publication that is loaded first."""
AFTER: Final = "sandbox://?seed=112&publication=3"
"""The publication that is loaded next, and that the answers are about."""
CHOOSE_SCHEMA: Final = """\
The query names no schema. First choose the schema of your tables: in Postgres with SET search_path TO dtm;
in DuckDB with USE dtm; in BigQuery with SET @@dataset_id = 'dtm';"""
"""The last comment before the query in each file."""


@dataclass(frozen=True)
class Question:
    """A question and the SQL that answers it.

    Attributes:
        name: The name of its file, without ``.sql``.
        title: The question, as one sentence.
        caution: How not to misread the answer.
        sql: The query, without the comments before it.
    """

    name: str
    title: str
    caution: str
    sql: str

    @property
    def number(self) -> int:
        """The number of the question, from 1."""
        return int(self.name[:2])


def questions() -> list[Question]:
    """Return the questions in order, from their files."""
    return [_question(path) for path in sorted(FOLDER.glob("[0-9]*.sql"))]


def _question(path: Path) -> Question:
    """Read a file: the question, the caution and how to choose the schema as comments, then the query.

    Raises:
        ValueError: The comments have another form.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    size = next(place for place, line in enumerate(lines) if not line.startswith("--"))
    paragraphs = "\n".join(line.removeprefix("--").strip() for line in lines[:size]).split("\n\n")
    if len(paragraphs) != 3 or paragraphs[-1] != CHOOSE_SCHEMA:  # noqa: PLR2004 - see the docstring
        raise ValueError(f"The comments in {path.name} must be a question, a caution, and:\n{CHOOSE_SCHEMA}")
    return Question(path.stem, paragraphs[0], paragraphs[1], "\n".join(lines[size:]) + "\n")
