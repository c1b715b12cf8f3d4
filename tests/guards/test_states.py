"""What people, platforms and other programs do to a state: understood, or refused in one sentence, never silent."""

from __future__ import annotations

import copy
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tap_dtm.errors import DtmError
from tap_dtm.exact.state import FORM
from tap_dtm.singer.tap import TapDTM
from tests.forked import forked
from tests.guards.support import (
    FLOOD,
    add_a_round_in,
    an_operation,
    assert_exact,
    config_for,
    put_operations,
    sync,
    warnings,
)
from tests.target import MemoryTarget, run_tap

if TYPE_CHECKING:
    from pathlib import Path

    from tap_dtm.sandbox import SandboxServer, World


class TestStates:
    def refused(self, sandbox: SandboxServer, state: dict[str, Any]) -> str:
        sandbox.requests.clear()
        with pytest.raises(DtmError) as caught:
            TapDTM(config=config_for(sandbox), state=state).sync_all()
        assert not sandbox.requests
        return str(caught.value)

    def test_of_another_tap_are_refused(self, sandbox: SandboxServer) -> None:
        said = self.refused(sandbox, {"bookmarks": {"users": {"replication_key_value": "2024-01-01"}}})

        assert said.startswith("The state is that of another tap: it has bookmarks of users ")

    @pytest.mark.parametrize(
        ("change", "place"),
        [
            (lambda part: part["context"].update(month=1), "country XBA"),
            (lambda part: part["operations"][FLOOD].update(rows=-3), "country XBA"),
            (lambda part: part["operations"][FLOOD].update(rows=float("nan")), "country XBA"),
            (lambda part: part["operations"][FLOOD].update(digest=None), "country XBA"),
            (lambda part: part["operations"].update({FLOOD: []}), "country XBA"),
            (lambda part: part.update(operations="eNqrrgUAAXUA+Q=="), "country XBA"),
            (lambda part: part.update(operations=None), "country XBA"),
            (lambda part: part.pop("operations"), "country XBA"),
            (lambda part: part["operations"][FLOOD].pop("rows"), "country XBA"),
            (lambda part: part["operations"][FLOOD].update(rows=0), "country XBA"),
            (lambda part: part["operations"][FLOOD].update(contradiction={"digest": "x"}), "country XBA"),
            (lambda part: part.update(of_a_newer_version=1), "country XBA"),
            (lambda part: part["context"].update(admin0_pcode="xba"), "country xba"),
            (lambda part: part.pop("context"), "idp_admin2"),
        ],
        ids=range(14),
    )
    def test_that_are_damaged_are_refused_with_the_country(
        self, sandbox: SandboxServer, loaded: MemoryTarget, change: Any, place: str
    ) -> None:
        state = copy.deepcopy(loaded.state)
        change(state["bookmarks"]["idp_admin2"]["partitions"][1])

        said = self.refused(sandbox, state)

        assert f"that of idp_admin2, {place}" in said or place == "idp_admin2"
        assert said.endswith("Restore it from a backup, or empty the tables and start with an empty state.")

    @pytest.mark.parametrize(
        "operations", ["e30", "!", "eNqLNowFAAHTAOo="], ids=["no zlib", "no base64", "no bookmarks"]
    )
    def test_of_a_history_that_are_damaged_are_refused_with_the_country(
        self, sandbox: SandboxServer, operations: str
    ) -> None:
        partition = {"context": {"admin0_pcode": "XBA"}, "operations": operations}

        said = self.refused(sandbox, {"bookmarks": {"idp_admin2_history": {"partitions": [partition]}}})

        assert "that of idp_admin2_history, country XBA, is damaged" in said

    def test_without_partitions_are_refused(self, sandbox: SandboxServer, loaded: MemoryTarget) -> None:
        state = copy.deepcopy(loaded.state)
        state["bookmarks"]["idp_admin1"] = {"replication_key_value": "2024-01-01"}

        assert "that of idp_admin1 is damaged" in self.refused(sandbox, state)

    @pytest.mark.parametrize("other", ["the same", "an older one", "a newer one"])
    def test_with_a_partition_twice_are_joined(self, sandbox: SandboxServer, loaded: MemoryTarget, other: str) -> None:
        """As programs that merge states leave them: no row is lost, doubled or left behind."""
        older = copy.deepcopy(loaded.state)
        sandbox.world.publish(add_a_round_in(1))
        sync(sandbox, loaded)
        newer = copy.deepcopy(loaded.state)
        second = {"the same": newer, "an older one": older, "a newer one": older}[other]
        for stream in ("idp_admin0", "idp_admin1", "idp_admin2"):
            twice = second["bookmarks"][stream]["partitions"]
            own = loaded.state["bookmarks"][stream]["partitions"]
            loaded.state["bookmarks"][stream]["partitions"] = twice + own if other == "a newer one" else own + twice
        first, *others = sandbox.world.countries[1].operations
        put_operations(sandbox.world, "XBA", an_operation(first.name, first.rounds[0]), *others)

        sync(sandbox, loaded)

        assert_exact(sandbox.world, loaded)
        codes = [part["context"]["admin0_pcode"] for part in loaded.state["bookmarks"]["idp_admin2"]["partitions"]]
        assert codes == ["XAA", "XBA", "XCA"]

    def test_in_which_a_country_was_read_in_a_later_run_than_the_last_are_scrubbed_all_the_same(
        self, sandbox: SandboxServer, loaded: MemoryTarget
    ) -> None:
        for partition in loaded.state["bookmarks"]["idp_admin2"]["partitions"]:
            partition["read_whole"] = 1000
        loaded.tables["idp_admin2"].clear()

        for _ in range(2):
            sync(sandbox, loaded, scrub_fraction=0.5, scrub_resends=True)

        assert_exact(sandbox.world, loaded)

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ('{"bookmarks": {"countries": {"runs": NaN}}}', "NaN is not a value of JSON"),
            ('{"bookmarks": ' * 100_000, "is nested too deeply"),
            ('{"bookmarks": {"countries": {"runs": 1', "is not valid JSON"),
            ('{"bookmarks": {}, "bookmarks": {"countries": {}}}', "bookmarks is declared twice in one object"),
        ],
        ids=["NaN", "deep", "half", "twice"],
    )
    def test_files_that_are_not_valid_json_are_refused(self, tmp_path: Path, text: str, words: str) -> None:
        (tmp_path / "state.json").write_text(text, encoding="utf-8")
        (tmp_path / "config.json").write_text('{"api_url": "sandbox://"}', encoding="utf-8")

        done = subprocess.run(
            [*forked("tap-dtm"), "--config", "config.json", "--state", "state.json"],
            capture_output=True, text=True, check=False, cwd=tmp_path,
        )  # fmt: skip

        assert done.returncode == 1
        assert done.stdout == ""
        last = done.stderr.splitlines()[-1]
        assert "state.json" in last
        assert words in last

    def test_of_a_newer_version_are_refused(self, sandbox: SandboxServer, loaded: MemoryTarget) -> None:
        """Whatever else is in them: this version cannot know what it would lose."""
        state = copy.deepcopy(loaded.state)
        state["bookmarks"]["countries"]["form"] = FORM + 1
        state["bookmarks"]["idp_admin0"]["partitions"][0]["of_a_newer_version"] = 1

        said = self.refused(sandbox, state)

        assert said.startswith(f"The state was written by a newer version of tap-dtm (form {FORM + 1}, and this ")

    def test_with_bookmarks_of_another_tap_as_well_lose_only_them(
        self, sandbox: SandboxServer, loaded: MemoryTarget, caplog: pytest.LogCaptureFixture
    ) -> None:
        loaded.state["bookmarks"] |= {"users": {"partitions": [{"context": {"id": 1}}]}, "orders": 5}

        messages = sync(sandbox, loaded)

        assert not [message for message in messages if message["type"] == "RECORD" and "idp" in message["stream"]]
        assert not {"users", "orders"} & loaded.state["bookmarks"].keys()
        assert [line.partition(",")[0] for line in warnings(caplog)] == [
            "The state has bookmarks of orders",
            "The state has bookmarks of users",
        ]


class TestJoinedStates:
    """`meltano state merge` joins objects, and puts the list of one state in the place of the other's."""

    def joined(self, source: dict[str, Any], destination: dict[str, Any]) -> dict[str, Any]:
        state: dict[str, Any] = pytest.importorskip("meltano.core.utils").merge(source, destination)
        return state

    def withdrawn_from(self, world: World, code: str) -> None:
        (country,) = [each for each in world.countries if each.pcode == code]
        first, *others = country.operations
        put_operations(world, code, an_operation(first.name, first.rounds[0]), *others)

    @pytest.mark.parametrize("into", ["XAA", "XBA"])
    def test_of_two_jobs_know_the_rows_of_both(self, sandbox: SandboxServer, into: str) -> None:
        target = MemoryTarget()
        states = {}
        for code in ("XAA", "XBA"):
            target.state = {}
            sync(sandbox, target, countries=[code])
            states[code] = copy.deepcopy(target.state)
        (other,) = states.keys() - {into}
        target.state = self.joined(states[other], states[into])
        self.withdrawn_from(sandbox.world, "XAA")
        self.withdrawn_from(sandbox.world, "XBA")

        sync(sandbox, target)

        assert_exact(sandbox.world, target)

    @pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
    def test_of_a_full_refresh_that_broke_off_know_what_was_loaded_before(
        self, sandbox: SandboxServer, loaded: MemoryTarget, share: float
    ) -> None:
        """Meltano lays the state of the run that broke off over the one that was complete."""
        complete = loaded.state
        loaded.state = {}
        run_tap(loaded, killed_at=share, **config_for(sandbox))
        loaded.state = self.joined(loaded.state, copy.deepcopy(complete))
        for code in ("XAA", "XBA", "XCA"):
            self.withdrawn_from(sandbox.world, code)

        sync(sandbox, loaded)

        assert_exact(sandbox.world, loaded)

    def test_of_the_first_release_are_refused_if_they_have_lost_a_country(
        self, sandbox: SandboxServer, loaded: MemoryTarget
    ) -> None:
        state = loaded.state
        state["bookmarks"]["countries"]["read_whole"] = {"XAA": 1, "XBA": 1}
        for stream in ("idp_admin0", "idp_admin1", "idp_admin2"):
            del state["bookmarks"][stream]["partitions"][0], state["bookmarks"][stream]["taken"]

        with pytest.raises(DtmError, match=r"The state remembers that XAA was read, and has lost .* Restore it"):
            TapDTM(config=config_for(sandbox), state=state)


def test_nothing_of_a_state_is_lost_by_reading_it(sandbox: SandboxServer, loaded: MemoryTarget) -> None:
    """What the tap itself writes passes its own check, after every kind of run."""
    for config in ({"scrub_fraction": 1}, {"start_date": "2022-01-01"}, {"operations": [FLOOD]}, {}):
        run_tap(loaded, **(config_for(sandbox) | config))

    assert_exact(sandbox.world, loaded)
