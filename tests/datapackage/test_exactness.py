"""Exactness on random histories: the package equals the API, whatever it publishes and whenever a run is killed."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from pathlib import Path
from random import Random
from typing import Any

import pytest
from frictionless_dtm.target.folder import Folder
from frictionless_dtm.target.store import Store
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule
from typing_extensions import override

from tap_dtm.errors import DtmError
from tap_dtm.sandbox import SandboxServer, tiny
from tests.datapackage.pipe import Killed, PackageTarget, content, descriptor, problems
from tests.histories import History, ScrubbedHistory, long, quiet
from tests.target import run_tap
from tests.world import LEVELS, count, served

__all__ = ["quiet"]


pytestmark = pytest.mark.usefixtures("no_pages_in_this_module")


# Where a kill changes what is on disk: before and after each of these.
STEPS: list[tuple[Any, str]] = [(Folder, "ready"), (Store, "commit"), (Folder, "install"), (Store, "close")]


def finish_killed(target: PackageTarget, step: tuple[Any, str], *, is_after: bool) -> None:
    """Let the target write what it has read, and be killed before or after a step of that."""
    owner, name = step
    original = getattr(owner, name)

    def killed(self: Any, *arguments: Any) -> Any:
        if is_after:
            original(self, *arguments)
        if isinstance(self, Store):
            self._db.close()
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, killed)
        with contextlib.suppress(Killed):  # where nothing has changed, nothing is written
            target.finish()


class PackageHistory(History):
    """The same histories as those of the tap, with a data package at the end of the pipe."""

    def __init__(self) -> None:
        super().__init__()
        self.temporary = tempfile.TemporaryDirectory()
        self.target: PackageTarget = PackageTarget(Path(self.temporary.name) / "package")

    @override
    def deliver(self, share: float) -> None:
        """The tap may be killed on its way; the target reads what arrives, to the end."""
        super().deliver(share)
        self.target.finish()

    @precondition(lambda self: self.world.countries)
    @rule(step=st.sampled_from(STEPS), is_after=st.booleans())
    def killed_target(self, step: tuple[Any, str], is_after: bool) -> None:  # noqa: FBT001
        """The target is killed while it writes: no state is confirmed."""
        self.drop_unlisted_operations()
        super().deliver(share=1)
        finish_killed(self.target, step, is_after=is_after)
        self.is_synced = False

    @rule()
    def lose_state(self) -> None:
        """The next run starts from nothing, and the package keeps nothing that it does not bring."""
        self.target.state = {}
        self.is_synced = False

    @precondition(lambda self: self.is_synced)
    @rule()
    def sync_again(self) -> None:
        """Nothing has changed: not a byte does."""
        before = content(self.target.folder)
        self.deliver(share=1)
        assert content(self.target.folder) == before

    @invariant()
    def package_is_whole(self) -> None:
        folder = self.target.folder
        if folder.exists():
            listed = {resource["path"] for resource in descriptor(folder)["resources"]} | {"datapackage.json"}
            assert set(content(folder)) == listed

    @override
    def teardown(self) -> None:
        if hasattr(self, "sandbox") and self.is_synced and self.target.folder.exists():
            assert problems(self.target.folder) == []
        super().teardown()
        self.temporary.cleanup()


class ScrubbedPackageHistory(PackageHistory):
    """Every change is found at once when every run re-reads everything."""

    mutations = ScrubbedHistory.mutations
    scrub_fraction = 1


def test_a_package_steps_back_as_often_as_runs_from_one_state_are_killed(tmp_path: Path) -> None:
    with SandboxServer(tiny(Random(4))) as sandbox:
        operation = str(sandbox.world.operation_list()[0]["operation"])
        everything: dict[str, Any] = {"api_url": sandbox.url, "subscription_key": sandbox.key, "scrub_fraction": 0}
        target = PackageTarget(tmp_path / "package")
        run_tap(target, **everything, operations=[operation])
        target.finish()
        for _ in range(2):
            run_tap(target, **everything)
            finish_killed(target, (Store, "commit"), is_after=True)

        run_tap(target, **everything, operations=[operation])
        target.finish()

        for level in LEVELS:
            expected = served(sandbox.world, level, operations=[operation])
            assert count(target.live(f"idp_admin{level}")) == expected


@pytest.mark.parametrize("is_older", [True, False])
def test_a_state_of_another_run_than_the_last_is_refused(tmp_path: Path, is_older: bool) -> None:  # noqa: FBT001
    """A backup of the state, or of the package, brought back without the other: the tap would not send what differs."""
    with SandboxServer(tiny(Random(4))) as sandbox:
        operations = [str(each["operation"]) for each in sandbox.world.operation_list()]
        everything: dict[str, Any] = {"api_url": sandbox.url, "subscription_key": sandbox.key, "scrub_fraction": 0}
        target = PackageTarget(tmp_path / "now" / "package")
        run_tap(target, **everything, operations=operations[:1])
        target.finish()
        first_state = target.state
        shutil.copytree(tmp_path / "now", tmp_path / "backup")
        for wanted in (operations[:2], operations):
            run_tap(target, **everything, operations=wanted)
            target.finish()
        if is_older:
            target.state, last = first_state, operations[:1]
        else:
            target.folder, last = tmp_path / "backup" / "package", operations
        before = content(target.folder)

        run_tap(target, **everything, operations=last)
        with pytest.raises(DtmError, match=r"not the state of the last run.* --full-refresh"):
            target.finish()

        assert content(target.folder) == before
        target.state = {}
        run_tap(target, **everything, operations=last)
        target.finish()
        for level in LEVELS:
            assert count(target.live(f"idp_admin{level}")) == served(sandbox.world, level, operations=last)


TestPackageHistory = PackageHistory.TestCase
TestPackageHistory.settings = long(8)
TestScrubbedPackageHistory = ScrubbedPackageHistory.TestCase
TestScrubbedPackageHistory.settings = long(4)
