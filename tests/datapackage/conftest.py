"""What many tests of packages need. Modules whose ``folder`` holds a finished package say so themselves."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.datapackage.pages_browser import Browser, Page, browser, write
from tests.datapackage.pages_world import world_contents
from tests.datapackage.pipe import without_pages

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a package that is still to be written."""
    return tmp_path / "package"


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One browser for all tests. Each of them opens a page in a tab of its own."""
    with browser(tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A page in a browser, which is still to be opened."""
    page = Page(chromium)
    yield page
    page.close()


@pytest.fixture(scope="session")
def world_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the small world, in a folder of its own. Tests only read it."""
    return write(world_contents(), tmp_path_factory.mktemp("world"))


@pytest.fixture
def no_pages() -> Iterator[None]:
    """Leave out the page and README, which take most of the time and are not what the test is about."""
    with without_pages():
        yield


@pytest.fixture(scope="module")
def no_pages_in_this_module() -> Iterator[None]:
    """Do the same once, for tests that begin many packages themselves."""
    with without_pages():
        yield


@pytest.fixture(scope="session", autouse=True)
def without_a_disk() -> Iterator[None]:
    """Write thousands of small files without waiting for the disk. No test takes the power from the machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield
