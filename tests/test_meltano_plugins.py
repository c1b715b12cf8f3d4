"""`catalog/meltano/`: any project of Meltano adds the plugins from there, and does what this project's own does."""

from __future__ import annotations

import re
import shlex
import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import distribution
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import yaml
from meltano.core.plugin.base import PluginDefinition, PluginType
from psycopg import sql

from generate.plugins import FOLDER, REPOSITORY, definition, files
from tap_dtm.sandbox import world_at
from tests.meltano import Project, database, program_of, run_meltano
from tests.pages import README
from tests.pipeline import Warehouse
from tests.views.databases import assert_views_are_right, place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from demo.postgres import EmbeddedPostgres

ROOT = FOLDER.parents[1]
ADDED_BY_README = re.findall(r"^meltano (add .+)$", README.read_text("utf-8"), re.MULTILINE)
ADDRESS = "https://raw.githubusercontent.com/tap-dtm/tap-dtm/main/catalog/meltano"
DEFINITIONS: dict[str, dict[str, Any]] = {path.stem: yaml.safe_load(path.read_text("utf-8")) for path in files()}
KINDS = {"tap-dtm": "extractor", "dtm-views": "utility"}  # the others are loaders
LOAD = ("tap-dtm", "target-postgres", "dtm-views:install")


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_the_definitions_are_up_to_date(path: Path) -> None:
    assert path.read_text("utf-8") == files()[path], "run: python3 make.py generate"


def test_no_definition_is_left_over() -> None:
    assert set(FOLDER.glob("*.yml")) == set(files())


@pytest.mark.parametrize("name", DEFINITIONS)
def test_each_has_the_form_of_the_hub(name: str) -> None:
    text = (FOLDER / f"{name}.yml").read_text("utf-8")
    declared = DEFINITIONS[name]

    parsed = PluginDefinition.parse({"plugin_type": PluginType.LOADERS, **declared})

    assert parsed.name == name
    assert {"label", "description", "variant", "repo", "maintenance_status"} <= declared.keys()
    assert list(declared) == sorted(declared), "the Hub orders the keys"
    assert text.isascii(), "Meltano reads a file in the encoding of the locale"
    assert "config" not in declared, "`meltano add --from-ref` drops it"


@pytest.mark.parametrize("name", ["tap-dtm", "target-datapackage", "dtm-views"])
def test_each_program_is_in_the_package_that_is_installed(name: str) -> None:
    scripts = distribution("tap-dtm").entry_points.select(group="console_scripts")
    declared = DEFINITIONS[name]
    (extra,) = re.findall(r"^tap-dtm(?:\[(\w+)\])?@git\+https://github\.com/tap-dtm/tap-dtm\.git$", declared["pip_url"])

    assert declared["executable"] in scripts.names
    assert not extra or extra in (distribution("tap-dtm").metadata.get_all("Provides-Extra") or [])


@pytest.mark.parametrize(
    ("pip_url", "package"),
    [
        ("-e .", f"tap-dtm@git+{REPOSITORY}.git"),
        ("-e .[postgres]", f"tap-dtm[postgres]@git+{REPOSITORY}.git"),
        ("-e ./loaders/bigquery", f"checked-target-bigquery@git+{REPOSITORY}.git#subdirectory=loaders/bigquery"),
        ("meltanolabs-target-postgres", "meltanolabs-target-postgres"),
    ],
)
def test_a_folder_of_this_repository_is_found_from_everywhere(pip_url: str, package: str) -> None:
    made = definition({"name": "tap-dtm", "pip_url": pip_url, "settings": []})

    assert made["pip_url"] == package


def test_what_meltano_yml_configures_is_a_default() -> None:
    made = definition(
        {"name": "tap-dtm", "pip_url": "-e .", "settings": [{"name": "a", "value": 1}], "config": {"a": 2}}
    )

    assert made["settings"] == [{"name": "a", "value": 2}]
    values = {setting["name"]: setting.get("value") for setting in DEFINITIONS["tap-dtm"]["settings"]}
    assert values["scrub_resends"] is True


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on this machine; the address is yielded."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def new_project(folder: Path) -> Project:
    """Make a project as Meltano does, in a folder whose name has an accent and a blank."""
    made = run_meltano(folder, "init", "projet été", "--no-usage-stats")
    assert made.returncode == 0, made.stderr
    return Project(folder / "projet été")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A new project, to which the README's lines have added the plugins, with the programs of the tests."""
    definitions = tmp_path_factory.mktemp("definitions")
    for name, declared in DEFINITIONS.items():
        program = {"pip_url": None, "executable": str(program_of(declared))}
        (definitions / f"{name}.yml").write_text(yaml.safe_dump(declared | program), encoding="utf-8")
    project = new_project(tmp_path_factory.mktemp("own"))
    with served(definitions) as address:
        for line in ADDED_BY_README:
            added = project.run(*shlex.split(line.replace(ADDRESS, address)))
            assert added.returncode == 0, added.stderr
    return project


class Operator:
    """Writes settings where an operator may have them, runs Meltano, and takes them back."""

    def __init__(self, project: Project, warehouse: Warehouse) -> None:
        self.project = project
        self.as_added = project.meltano_yml.read_text("utf-8")
        self.declared = yaml.safe_load(self.as_added)
        self.plugin("extractors", "tap-dtm")["config"] = {"api_url": "sandbox://"}
        self.variables = {**database(warehouse.server), "TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA": warehouse.schema}
        self.settings = {name.removeprefix("TARGET_POSTGRES_").lower(): v for name, v in self.variables.items()}
        self.environment = "dev"

    def plugin(self, kind: str, name: str) -> dict[str, Any]:
        (found,) = (plugin for plugin in self.declared["plugins"][kind] if plugin["name"] == name)
        assert isinstance(found, dict)
        return found

    def in_meltano_yml(self) -> None:
        self.plugin("loaders", "target-postgres")["config"] = self.settings

    def in_env(self) -> None:
        (self.project.folder / ".env").write_text("".join(f"{n}='{v}'\n" for n, v in self.variables.items()), "utf-8")

    def in_an_environment(self) -> None:
        self.environment = "staging"
        (staging,) = (each for each in self.declared["environments"] if each["name"] == self.environment)
        staging["config"] = {"plugins": {"loaders": [{"name": "target-postgres", "config": self.settings}]}}

    def in_a_loader_of_another_name(self) -> None:
        own = {"name": "target-postgres--warehouse", "inherit_from": "target-postgres", "config": self.settings}
        self.declared["plugins"]["loaders"].append(own)
        self.plugin("utilities", "dtm-views")["config"] = {"loader": own["name"]}

    def run(self, *blocks: str) -> str:
        """Run Meltano, and return what it printed."""
        self.project.meltano_yml.write_text(yaml.safe_dump(self.declared), encoding="utf-8")
        try:
            run = self.project.run(f"--environment={self.environment}", "run", *blocks)
        finally:
            self.project.meltano_yml.write_text(self.as_added, encoding="utf-8")
            (self.project.folder / ".env").unlink(missing_ok=True)
        assert run.returncode == 0, run.stderr
        return run.stdout + run.stderr


@pytest.fixture(scope="module")
def loaded(project: Project, postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """A schema that the project has loaded, with its settings in meltano.yml."""
    warehouse = Warehouse(postgres, "dtm_of_another_project", tmp_path_factory.mktemp("loaded"))
    operator = Operator(project, warehouse)
    operator.in_meltano_yml()
    operator.run(*LOAD)
    return warehouse


@pytest.mark.programs
def test_a_run_loads_and_makes_the_views_in_the_schema_that_meltano_yml_names(loaded: Warehouse) -> None:
    assert_views_are_right(loaded.query, world_at(), place("postgres", loaded.schema))


@pytest.mark.programs
@pytest.mark.parametrize("write", [Operator.in_env, Operator.in_an_environment, Operator.in_a_loader_of_another_name])
def test_the_views_are_where_the_loader_is_wherever_its_settings_are(
    project: Project, loaded: Warehouse, write: Callable[[Operator], None]
) -> None:
    rename(loaded, f"dtm_{write.__name__}")
    operator = Operator(project, loaded)
    write(operator)

    printed = operator.run("dtm-views:install")

    assert f"the views in the schema {loaded.schema} are up to date" in printed
    assert loaded.server.password not in printed


def rename(warehouse: Warehouse, schema: str) -> None:
    """Rename the schema, so that nothing finds it by a name that it had before."""
    names = (sql.Identifier(name) for name in (warehouse.schema, schema))
    with psycopg.connect(warehouse.server.url) as connection:
        connection.execute(sql.SQL("ALTER SCHEMA {} RENAME TO {}").format(*names))
    warehouse.schema = schema


@pytest.mark.everything
def test_the_packages_are_installed_from_this_checkout(postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    warehouse = Warehouse(postgres, "dtm_installed", tmp_path)
    warehouse.drop()
    project = new_project(tmp_path)
    for name, declared in DEFINITIONS.items():
        source = tmp_path / f"{name}.yml"
        package = re.sub(r"git\+https://[^#]+(?:#subdirectory=)?", f"{ROOT.as_uri()}/", declared["pip_url"])
        source.write_text(yaml.safe_dump(declared | {"pip_url": package}), encoding="utf-8")

        kind = KINDS.get(name, "loader")
        added = project.run("add", name, "--plugin-type", kind, "--from-ref", str(source))

        assert added.returncode == 0, added.stderr
        assert f"Installed {kind} '{name}'" in added.stderr

    operator = Operator(project, warehouse)
    operator.plugin("loaders", "target-datapackage")["config"] = {"path": "package"}
    operator.in_meltano_yml()
    operator.run(*LOAD, "tap-dtm", "target-datapackage")

    assert_views_are_right(warehouse.query, world_at(), place("postgres", warehouse.schema))
    assert (project.folder / "package" / "datapackage.json").exists()
