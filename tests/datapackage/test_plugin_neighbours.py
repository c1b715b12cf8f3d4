"""frictionless loads every plugin at every start. Ours leaves the sources of others alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.programs


@pytest.fixture
def nowhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("nowhere")  # python -c imports from where it runs


def python(nowhere: Path, code: str, *path: Path) -> subprocess.CompletedProcess[str]:
    entries = [*map(str, path), os.environ.get("PYTHONPATH", "")]
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, entries))},
        capture_output=True,
        text=True,
        cwd=nowhere,
        timeout=60,
        check=False,
    )


def test_nothing_is_imported_until_a_dtm_source_is_used(nowhere: Path) -> None:
    done = python(
        nowhere,
        "import sys; from frictionless import Resource, system; Resource(path='x.csv'); "
        "assert 'dtm' in system.plugins; Resource(data=[['a'], [1]]).read_rows(); "
        "print(sorted(m for m in sys.modules if m.split('.')[0] in ('tap_dtm', 'frictionless_dtm'))); "
        "print('requests' in sys.modules)",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["['frictionless_dtm', 'frictionless_dtm.plugin']", "False"]


def test_parquet_files_of_others_are_read_as_before(nowhere: Path) -> None:
    """The hash in this descriptor is the one that frictionless itself infers for Parquet."""
    theirs = {"name": "theirs", "path": "theirs.parquet", "hash": "sha256:None", "other:bytes": 1}
    (nowhere / "datapackage.json").write_text(json.dumps({"resources": [theirs]}), encoding="utf-8")
    done = python(
        nowhere,
        "import sys, pyarrow, pyarrow.parquet; from frictionless import Package; "
        "pyarrow.parquet.write_table(pyarrow.table({'a': [1, 2]}), 'theirs.parquet'); "
        "package = Package('datapackage.json'); report = package.validate(); "
        "print(report.valid, report.tasks[0].stats['rows'], package.resources[0].stats.sha256); "
        "print(sorted(m for m in sys.modules if m.split('.')[0] in ('tap_dtm', 'frictionless_dtm')))",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["True 2 None", "['frictionless_dtm', 'frictionless_dtm.plugin']"]


def test_a_broken_installation_harms_dtm_sources_only(nowhere: Path, tmp_path: Path) -> None:
    broken = tmp_path / "tap_dtm"
    broken.mkdir()
    (broken / "__init__.py").write_text("raise ImportError('half an upgrade')", encoding="utf-8")
    done = python(
        nowhere,
        "from frictionless import Resource; print(Resource(data=[['a'], [1]]).read_rows()); "
        "Resource('dtm://v3/admin1?country=XAA')",
        tmp_path,
    )
    assert "{'a': 1}" in done.stdout
    assert "pip install 'tap-dtm[datapackage]'" in done.stderr.splitlines()[-1]
