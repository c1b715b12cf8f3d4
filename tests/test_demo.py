"""The demo: its state does not depend on the folder's name, and a failure says why in its last line."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

import demo.__main__ as demo
from tests.meltano import MeltanoProject, database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.pipeline import Warehouse

pytestmark = pytest.mark.programs

NAME = "mes données # 100% & d'autres"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MeltanoProject]:
    """A clone with a difficult name, which the demo takes for its own."""
    project = MeltanoProject(tmp_path / NAME)
    (project.folder / "demo").symlink_to(demo.ROOT / "demo")
    monkeypatch.setattr(demo, "ROOT", project.folder)
    monkeypatch.setattr(demo, "FOLDER", project.folder / "output" / "demo")
    monkeypatch.setattr(demo, "remove_stale_plugins", lambda: None)
    monkeypatch.setenv("PYTHONUTF8", "1")  # as make.py does
    yield project
    assert [path.name for path in tmp_path.iterdir()] == [NAME], "the demo wrote outside its folder"


@pytest.mark.usefixtures("project")
def test_a_second_run_reads_only_what_is_new_and_an_empty_target_gets_everything(
    warehouse: Warehouse, capfd: pytest.CaptureFixture[str]
) -> None:
    url = warehouse.server.url.replace("://", "+psycopg://")

    def run() -> str:
        demo.meltano_run("target-postgres", "dtm-views:install", TARGET_POSTGRES_SQLALCHEMY_URL=url)
        return next(line for line in capfd.readouterr().out.splitlines() if "Read 6 countries" in line)

    assert "operations 12 new" in run()
    assert "operations 0 new" in run()
    demo.forget("target-postgres")
    assert "operations 12 new" in run()


def test_a_data_package_that_was_deleted_is_made_again(
    project: MeltanoProject, capfd: pytest.CaptureFixture[str]
) -> None:
    package = project.folder / "output" / "demo" / "package"
    for _ in range(2):
        demo.make_package()

        assert (package / "datapackage.json").is_file()
        for path in sorted(package.parent.glob("*package*")):
            shutil.rmtree(path)
    assert "The data package is in the folder" in capfd.readouterr().out


@pytest.mark.usefixtures("project")
def test_a_failure_ends_with_its_reason(warehouse: Warehouse) -> None:
    settings = database(warehouse.server) | {"TARGET_POSTGRES_PASSWORD": "invented-wrong-password"}

    with pytest.raises(SystemExit, match="password authentication failed") as ended:
        demo.meltano_run("target-postgres", **settings)

    assert "invented-wrong-password" not in str(ended.value)
