"""A state that somebody has edited: whatever it contains, it is used, or refused in a sentence."""

from __future__ import annotations

from copy import deepcopy
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from tap_dtm.airbyte.messages import failure
from tap_dtm.errors import DtmError
from tests.airbyte.support import DEDUP, EVERYTHING, OVERWRITE, STREAMS, Destination, configured, run_read
from tests.chance import CHANCE
from tests.extent import sampled
from tests.guards.support import config_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_dtm.sandbox import SandboxServer

ODD: list[Any] = [None, 5, -1, 1.5, True, "x", "9999-12-31T23:59:59.999+00:00", [], [1], {}, {"a": 1}]
Path = tuple[Any, ...]


def places(content: Any, path: Path = ()) -> Iterator[Path]:
    """Walk through all that a state holds."""
    if path:
        yield path
    items = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for name, value in items:
        yield from places(value, (*path, name))


def edited(content: Any, path: Path, value: Any) -> Any:
    changed = inner = deepcopy(content)
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    return changed


@pytest.mark.parametrize("seed", sampled([1, CHANCE]))
@pytest.mark.parametrize(
    "modes", [EVERYTHING, {"idp_admin1": DEDUP}, dict.fromkeys(STREAMS, OVERWRITE)], ids=["all", "one", "replaced"]
)
def test_an_edited_state_is_never_a_mistake_of_the_program(
    sandbox: SandboxServer, destination: Destination, modes: Any, seed: int
) -> None:
    rng = Random(seed)
    catalog = configured(modes)
    destination.take(run_read(catalog, **config_for(sandbox)), catalog)
    states = {name: state["stream"]["stream_state"] for name, state in destination.states.items()}
    found = list(places(states))

    refusals = []
    for _ in range(30):
        state = edited(states, rng.choice(found), rng.choice(ODD))
        try:
            run_read(catalog, [state], **config_for(sandbox))
        except DtmError as error:  # any other ends the test
            refusals.append(failure(error)["trace"]["error"]["failure_type"])

    assert set(refusals) == {"config_error"}
