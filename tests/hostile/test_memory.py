"""Four answers at once, hostile or large: how much memory they take. Each measurement has a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tap_dtm.sandbox import SandboxServer, invent
from tests.hostile import support
from tests.hostile.support import RawServer, chunk, head

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator

    from tests.hostile.support import Hostility, Pieces

pytestmark = [
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of memory is read from /proc"),
    pytest.mark.programs,
]

MEGABYTE = 1_000_000
ONE = "/v3/any"
FOUR = [ONE] * 4
ROW: dict[str, object] = {
    "id": 1,
    "operation": "Countrywide monitoring",
    "admin0Name": "Invented",
    "admin0Pcode": "XAA",
    "admin1Name": "Region",
    "admin1Pcode": "XA01",
    "admin2Name": "District",
    "admin2Pcode": "XA0101",
    "numPresentIdpInd": 1234,
    "reportingDate": "2025-06-30T00:00:00",
    "yearReportingDate": 2025,
    "monthReportingDate": 6,
    "roundNumber": 10,
    "displacementReason": "Conflict",
    "numberMales": 600,
    "numberFemales": 634,
    "idpOriginAdmin1Name": "Not available",
    "idpOriginAdmin1Pcode": "Not available",
    "assessmentType": "BA",
}


@pytest.fixture
def serve() -> Iterator[Callable[..., RawServer]]:
    servers: list[RawServer] = []

    def start(hostility: Hostility, **others: Hostility) -> RawServer:
        by_path = {f"/{name}": other for name, other in others.items()}
        servers.append(RawServer(sandbox, hostility, lambda _: True, by_path))
        return servers[-1]

    with SandboxServer(invent(seed=1, countries=1)) as sandbox:
        yield start
    for server in servers:
        server.__exit__(None, None, None)


def ask(server: RawServer, budget: int, *paths: str, address_space: int | None = None) -> dict[str, Any]:
    """Ask for several paths at once, within so many megabytes of address space."""
    command = [sys.executable, "-m", "tests.hostile.asking", server.url, str(budget), *paths]
    if address_space:
        command = ["sh", "-c", f'ulimit -v {address_space * 1000}; exec "$@"', "sh", *command]
    done = subprocess.run(command, capture_output=True, check=True, timeout=120)
    return json.loads(done.stdout)  # type: ignore[no-any-return]


class Large:
    """A valid answer of many rows, each different, in chunks. ``go`` holds all of them back before their last rows."""

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.size = 0
        row = json.dumps(ROW)
        self._start = [row.replace("1234", str(1000 + number % 9000)) for number in range(rows)]

    def __call__(self, closing: threading.Event) -> Pieces:
        said = {"statusCode": 200, "isSuccess": True, "errorMessages": [], "totalRecordsCount": self.rows}
        yield head(200, "Transfer-Encoding: chunked") + chunk(b'{"result":[')
        self.size = 0
        for first in range(0, self.rows, 1000):
            if closing.is_set():
                return
            piece = ",".join(self._start[first : first + 1000]).encode()
            self.size += len(piece)
            yield chunk((b"," if first else b"") + piece)
        yield chunk(b"]," + json.dumps(said).encode()[1:]) + b"0\r\n\r\n"


@pytest.mark.parametrize(
    "hostility", [support.endless_body, support.endless_list, support.gzip_bomb, support.endless_trailer]
)
def test_hostile_answers_take_the_budget_and_little_more(serve: Callable[..., RawServer], hostility: Hostility) -> None:
    outcome = ask(serve(hostility), 40, *FOUR)

    assert all("larger than 40 MB" in said or "was interrupted" in said for said in outcome["outcomes"])
    assert outcome["peak"] - outcome["before"] < 40 + 40


def test_large_answers_wait_for_each_other(serve: Callable[..., RawServer]) -> None:
    large = Large(40_000)

    outcome = ask(serve(large), 30, *FOUR)

    assert outcome["outcomes"] == [40_000] * 4
    size = large.size / MEGABYTE
    assert 15 < size < 30  # no two of them fit into the budget
    # At once and as plain objects, they would take 16 times their size. Threads keep some freed memory for later.
    assert outcome["peak"] - outcome["before"] < 30 + 3 * size + 100


def test_a_machine_with_less_memory_than_the_budget_fails_in_a_sentence(
    serve: Callable[..., RawServer],
) -> None:
    outcome = ask(serve(support.endless_body), 100_000, ONE, address_space=800)

    assert "there is not enough memory for the answer. Lower answer_budget_mb" in outcome["outcomes"][0]


def test_rows_that_are_small_in_json_alone_take_three_times_their_bytes(
    serve: Callable[..., RawServer],
) -> None:
    bomb = serve(partial(support.memory_bomb, rows=4_000_000))

    outcome = ask(bomb, 20, ONE)

    assert all("would take far more memory than rows of the DTM API do" in said for said in outcome["outcomes"])
    assert outcome["peak"] - outcome["before"] < 20 + 3 * 12 + 60


def test_large_answers_arrive_next_to_hostile_ones(serve: Callable[..., RawServer]) -> None:
    large = Large(40_000)
    server = serve(large, body=support.endless_body, list=support.endless_list, bomb=support.gzip_bomb)

    outcome = ask(server, 30, "/body", "/v3/a", "/list", "/v3/b", "/bomb", "/v3/c", "/body", "/v3/d")

    assert outcome["outcomes"][1::2] == [40_000] * 4
    assert all("larger than 30 MB" in said for said in outcome["outcomes"][::2])
    assert outcome["peak"] - outcome["before"] < 30 + 3 * large.size / MEGABYTE + 200


def test_an_answer_that_is_larger_than_the_budget_is_read_with_a_larger_one(
    serve: Callable[..., RawServer],
) -> None:
    server = serve(Large(10_000))

    refused, accepted = ask(server, 4, ONE), ask(server, 8, ONE)

    assert "larger than 4 MB" in refused["outcomes"][0]
    assert "raise answer_budget_mb" in refused["outcomes"][0]
    assert accepted["outcomes"] == [10_000]
