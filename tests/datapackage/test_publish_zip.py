"""Publishing at all, and as an archive."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from frictionless import Package, system
from frictionless_dtm.publish.ckan.metadata import Target, dataset_fields
from frictionless_dtm.publish.command import publish
from frictionless_dtm.publish.folder import open_folder

from tests.datapackage.finished import finished_package

if TYPE_CHECKING:
    from collections.abc import Sequence

TARGETS: dict[str, Sequence[str]] = {
    "zip": (),
    "ckan": ("--url", "http://127.0.0.1:9", "--owner-org", "invented-organisation"),
}


def run(folder: Path, *args: str) -> tuple[int, str]:
    result = CliRunner().invoke(publish, [str(folder), *args])
    assert not isinstance(result.exception, Exception), result.exception
    return result.exit_code, result.output


def edit(folder: Path, properties: dict[str, Any]) -> None:
    path = folder / "datapackage.json"
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **properties}), encoding="utf-8")


class TestRefusals:
    @pytest.mark.parametrize("to", TARGETS)
    def test_a_package_without_permission_goes_nowhere(self, tmp_path: Path, to: str) -> None:
        code, output = run(finished_package(tmp_path / "p", permission=None), "--to", to, *TARGETS[to], "--yes")
        assert code == 1
        assert "may not be passed on" in output
        assert "redistribution: permitted" in output
        assert not list(tmp_path.glob("*.zip"))

    def test_the_refusal_says_of_the_terms_what_the_package_says_and_no_more(self, tmp_path: Path) -> None:
        contact = {"title": "Invented desk", "email": "desk@example.org", "roles": ["contact"]}
        folder = finished_package(tmp_path / "p", permission=None, contributors=[contact])
        output = run(folder, "--to", "zip")[1]
        assert "does not permit redistribution, by its terms (Invented terms). Ask Invented desk desk@exam" in output
        folder = finished_package(tmp_path / "q", permission=None, contributors=[{"email": "x@y"}], licenses=None)
        output = run(folder, "--to", "zip")[1]
        assert "does not permit redistribution. Once the owner of the rights to these data agrees, write" in output
        assert "IOM" not in output

    @pytest.mark.parametrize(
        ("more", "where"),
        [
            ({"resources": [None]}, "Expected `object`, got `null` - at `$.resources[0]`"),
            ({"resources": [{"path": "data/countries.csv"}]}, "missing required field `name` - at `$.resources[0]`"),
            ({"contributors": "somebody"}, "Expected `array`, got `str` - at `$.contributors`"),
            ({"contributors": [None]}, "at `$.contributors[0]`"),
            ({"contributors": [{"title": "x", "roles": "creator"}]}, "at `$.contributors[0].roles`"),
            ({"licenses": {"name": "x"}}, "at `$.licenses`"),
            ({"sources": ["x"]}, "at `$.sources[0]`"),
            ({"keywords": "x"}, "at `$.keywords`"),
            ({"dtm:temporalCoverage": "2024"}, "at `$.dtm:temporalCoverage`"),
            ({"dtm:spatialCoverage": "XAA"}, "at `$.dtm:spatialCoverage`"),
            ({"dtm:terms": "none"}, "at `$.dtm:terms`"),
        ],
    )
    @pytest.mark.parametrize("to", TARGETS)
    def test_a_descriptor_that_was_edited_by_hand(
        self, tmp_path: Path, to: str, more: dict[str, Any], where: str
    ) -> None:
        edit(folder := finished_package(tmp_path / "p"), more)
        code, output = run(folder, "--to", to, *TARGETS[to])
        assert (code, "does not follow the Data Package standard" in output, where in output) == (1, True, True)

    @pytest.mark.parametrize(
        "more",
        [
            {"contributors": [{"email": "x@example.org"}, {"path": "https://example.org", "roles": ["creator"]}]},
            {"contributors": [], "sources": [], "licenses": []},
            {"contributors": None, "sources": None, "licenses": None, "title": None, "homepage": None},
            {"licenses": [{"path": "https://example.org/terms"}, {"name": "other", "title": None}]},
            {"title": "Déplacés & réfugiés <2025>", "description": None},
        ],
    )
    def test_what_the_standard_allows_to_leave_out_may_be_left_out(self, tmp_path: Path, more: dict[str, Any]) -> None:
        edit(folder := finished_package(tmp_path / "p"), more)
        assert run(folder, "--to", "zip")[0] == 0
        texts = dataset_fields(open_folder(folder), Target("invented-organisation", "invented", profile="ckan"))
        assert "None" not in str(texts)

    def test_a_package_without_tables_is_a_package(self, tmp_path: Path) -> None:
        edit(folder := finished_package(tmp_path / "p"), {"resources": []})
        assert run(folder, "--to", "zip", "--yes")[0] == 0

    @pytest.mark.parametrize(
        "permission", ["", "  ", ".", "...", "-/-", "\u200b", "\u200b\u2060.\ufeff", "\u3164" * 9, "ok"]
    )
    def test_permitted_without_saying_by_whom_is_not_permitted(self, tmp_path: Path, permission: str) -> None:
        more = {"dtm:redistribution": "permitted", "dtm:permission": permission}
        code, output = run(finished_package(tmp_path / "p", permission=None, **more), "--to", "zip")
        assert code == 1
        assert "does not name who permitted it" in output

    def test_a_file_that_is_not_what_the_descriptor_says(self, tmp_path: Path) -> None:
        folder = finished_package(tmp_path / "p")
        data = folder / "data" / "idp_admin1.csv"
        data.write_bytes(data.read_bytes().replace(b"120", b"121"))
        code, output = run(folder, "--to", "zip", "--yes")
        assert code == 1
        assert "data/idp_admin1.csv does not match the hash in the descriptor: nothing was published" in output

    def test_a_file_that_is_missing(self, tmp_path: Path) -> None:
        folder = finished_package(tmp_path / "p")
        (folder / "data" / "countries.csv").unlink()
        code, output = run(folder, "--to", "zip", "--yes")
        assert code == 1
        assert "lacks data/countries.csv" in output

    @pytest.mark.parametrize("path", ["../secret.csv", "/etc/hosts", "https://example.org/x.csv", ".state", None])
    def test_a_resource_outside_the_folder(self, tmp_path: Path, path: str | None) -> None:
        folder = finished_package(tmp_path / "p")
        text = (folder / "datapackage.json").read_text(encoding="utf-8")
        spelled = "null" if path is None else f'"{path}"'
        (folder / "datapackage.json").write_text(text.replace('"data/countries.csv"', spelled), encoding="utf-8")
        code, output = run(folder, "--to", "zip", "--yes")
        assert code == 1
        assert "must be one file in the package's folder" in output

    @pytest.mark.skipif(os.name == "nt", reason="links need rights there")
    @pytest.mark.parametrize("name", ["README.md", "data/countries.csv", "data", "notes.md"])
    def test_a_link_out_of_the_folder(self, tmp_path: Path, name: str) -> None:
        folder, elsewhere = finished_package(tmp_path / "p"), tmp_path / "elsewhere"
        if name == "notes.md":
            elsewhere.write_text("secret", encoding="utf-8")
        else:
            (folder / name).rename(elsewhere)
        (folder / name).symlink_to(elsewhere)

        code, output = run(folder, "--to", "zip", "--yes", "--include", "notes.md" if name == "notes.md" else "data")

        assert (code, f"{name} is a link" in output) == (1, True)

    @pytest.mark.parametrize("name", ["name", "version"])
    def test_a_name_of_several_lines(self, tmp_path: Path, name: str) -> None:
        edit(folder := finished_package(tmp_path / "p"), {name: "1.0.0\n\nCo-authored-by: Mallory"})
        code, output = run(folder, "--to", "zip")
        assert (code, f"A {name} must be one line of printable characters" in output) == (1, True)

    def test_a_folder_that_is_no_package(self, tmp_path: Path) -> None:
        code, output = run(tmp_path, "--to", "zip")
        assert (code, "is not a data package" in output) == (1, True)
        (tmp_path / "datapackage.json").write_text("{", encoding="utf-8")
        assert "cannot be read" in run(tmp_path, "--to", "zip")[1]


class TestOtherFiles:
    """What the package does not name, and the target did not write."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        folder = finished_package(tmp_path / "p")
        for name in ("notes.txt", "data/rows.sqlite", "drafts/a.md", "drafts/b/c.md", ".git/config"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(name, encoding="utf-8")
        return folder

    def names(self, folder: Path) -> list[str]:
        (archive,) = folder.parent.glob("*.zip")
        with zipfile.ZipFile(archive) as opened:
            return opened.namelist()

    @pytest.mark.parametrize("to", ["zip", "ckan"])
    def test_they_are_listed_and_left_out(self, folder: Path, to: str) -> None:
        output = run(folder, "--to", to, *TARGETS[to])[1]
        assert ": .git/, .state, data/rows.sqlite, drafts/, notes.txt\n" in output
        assert output.count("notes.txt") == 1

    def test_they_are_not_in_the_archive(self, folder: Path) -> None:
        assert run(folder, "--to", "zip", "--yes")[0] == 0
        assert {"notes.txt", "data/rows.sqlite", "drafts/a.md", ".git/config"}.isdisjoint(self.names(folder))

    def test_they_are_taken_along_when_asked_for(self, folder: Path) -> None:
        code, output = run(folder, "--to", "zip", "--yes", "--include", "notes.txt", "--include", "drafts/")
        assert (code, ": .git/, .state, data/rows.sqlite\n" in output) == (0, True)
        assert {"notes.txt", "drafts/a.md", "drafts/b/c.md"} < set(self.names(folder))

    @pytest.mark.parametrize("name", ["../secret", "/etc/hostname", "nothing", "drafts/../../secret", ""])
    def test_only_what_is_in_the_folder_can_be_asked_for(self, folder: Path, name: str) -> None:
        (folder.parent / "secret").write_text("secret", encoding="utf-8")
        code, output = run(folder, "--to", "zip", "--include", name)
        assert (code, "is not a file or a folder in" in output) == (1, True)

    @pytest.mark.parametrize("name", ["SHA256SUMS", "sha256sums"])
    def test_the_checksums_have_one_entry_and_it_is_the_right_one(self, folder: Path, name: str) -> None:
        (folder / name).write_text("0" * 64 + "  README.md\n", encoding="utf-8")
        code, output = run(folder, "--to", "zip", "--yes", "--include", name)
        assert (code, f"has a file {name}, but the archive needs this name for its checksums" in output) == (1, True)
        assert run(folder, "--to", "zip", "--yes")[0] == 0
        assert self.names(folder).count("SHA256SUMS") == 1
        with zipfile.ZipFile(next(folder.parent.glob("*.zip"))) as archive:
            assert "0" * 64 not in archive.read("SHA256SUMS").decode()

    def test_a_resource_of_that_name_is_refused(self, folder: Path) -> None:
        (folder / "data" / "countries.csv").rename(folder / "SHA256SUMS")
        text = (folder / "datapackage.json").read_text(encoding="utf-8")
        (folder / "datapackage.json").write_text(text.replace("data/countries.csv", "SHA256SUMS"), encoding="utf-8")
        assert "has a file SHA256SUMS" in run(folder, "--to", "zip", "--yes")[1]

    @pytest.mark.skipif(sys.platform != "linux", reason="other systems do not have such names")
    @pytest.mark.parametrize("name", [b"a\nb.txt", b"a\rb.txt", b"a\\b.txt", b"a\xff.txt", b"a\x1b[31m.txt"])
    def test_names_that_lists_cannot_hold_are_refused(self, folder: Path, name: bytes) -> None:
        Path(os.fsdecode(os.fsencode(folder) + b"/drafts/" + name)).write_bytes(b"x")
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(b"x")
        code, output = run(folder, "--to", "zip")
        assert (code, "drafts/, notes.txt" in output) == (0, True), "left out, so it does no harm"
        assert not re.search("[\x00-\x09\x0b-\x1f\ud800-\udfff]", output)
        for asked in (os.fsdecode(name), "drafts"):
            code, output = run(folder, "--to", "zip", "--yes", "--include", asked)
            assert (code, "cannot be published under this name" in output) == (1, True)

    @pytest.mark.parametrize("name", ["data/a\nb.csv", "data\\b.csv", "data/\udcff.csv"])
    def test_resources_with_such_names_are_refused(self, folder: Path, name: str) -> None:
        said = json.loads((folder / "datapackage.json").read_text(encoding="utf-8"))
        said["resources"][0]["path"] = name
        (folder / "datapackage.json").write_text(json.dumps(said), encoding="utf-8")
        code, output = run(folder, "--to", "zip")
        assert (code, "cannot be published under this name" in output) == (1, True)


class TestZip:
    def archive(self, folder: Path) -> Path:
        assert run(folder, "--to", "zip", "--yes")[0] == 0
        return folder.parent / "invented-displacement-1.0.0.zip"

    def test_a_dry_run_shows_every_file_and_writes_none(self, tmp_path: Path) -> None:
        folder = finished_package(tmp_path / "p")
        code, output = run(folder, "--to", "zip")
        assert code == 0
        digest = hashlib.sha256((folder / "README.md").read_bytes()).hexdigest()
        assert f"README.md  {(folder / 'README.md').stat().st_size} bytes  sha256:{digest}" in output
        assert output.endswith("add --yes.\n")
        assert [path.name for path in tmp_path.iterdir()] == ["p"]

    def test_it_holds_the_package_and_its_checksums_first(self, tmp_path: Path) -> None:
        folder = finished_package(tmp_path / "p")
        with zipfile.ZipFile(self.archive(folder)) as archive:
            names = archive.namelist()
            assert names[0] == "SHA256SUMS"
            assert names[1:] == sorted(
                path.relative_to(folder).as_posix()
                for path in folder.rglob("*")
                if path.is_file() and path.name != ".state"
            )
            for line in archive.read("SHA256SUMS").decode().splitlines():
                digest, name = line.split("  ")
                assert hashlib.sha256(archive.read(name)).hexdigest() == digest

    @pytest.mark.skipif(shutil.which("sha256sum") is None, reason="not on this system")
    def test_sha256sum_agrees(self, tmp_path: Path) -> None:
        with zipfile.ZipFile(self.archive(finished_package(tmp_path / "p"))) as archive:
            archive.extractall(tmp_path / "unpacked")
        done = subprocess.run(
            ["sha256sum", "--strict", "-c", "SHA256SUMS"],  # noqa: S607
            cwd=tmp_path / "unpacked",
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0

    def test_frictionless_reads_it_as_it_is(self, tmp_path: Path) -> None:
        archive = self.archive(finished_package(tmp_path / "p"))
        with system.use_context(trusted=True):
            assert Package(str(archive)).validate().valid

    def test_the_same_package_is_the_same_bytes_whatever_the_clock_and_the_modes(self, tmp_path: Path) -> None:
        first = self.archive(finished_package(tmp_path / "a" / "p")).read_bytes()
        folder = finished_package(tmp_path / "b" / "p")
        for path in folder.rglob("*"):
            os.utime(path, (1, 1))
        (folder / "README.md").chmod(0o600)
        assert self.archive(folder).read_bytes() == first

    def test_a_second_run_changes_nothing_and_says_so(self, tmp_path: Path) -> None:
        folder = finished_package(tmp_path / "p")
        before = self.archive(folder).stat().st_mtime_ns
        code, output = run(folder, "--to", "zip", "--yes")
        assert (code, "already has the same content" in output) == (0, True)
        assert self.archive(folder).stat().st_mtime_ns == before

    @pytest.mark.parametrize("name", ["a/b", "../../a/b", ".a b"])
    def test_it_stands_beside_the_folder_whatever_the_name(self, tmp_path: Path, name: str) -> None:
        edit(folder := finished_package(tmp_path / "in" / "p"), {"name": name})
        assert run(folder, "--to", "zip", "--yes")[0] == 0
        (archive,) = [path for path in folder.parent.iterdir() if path != folder]
        assert archive.name.endswith("a-b-1.0.0.zip")
        assert not archive.name.startswith(".")

    def test_it_never_becomes_a_part_of_the_package(self, tmp_path: Path) -> None:
        folder = finished_package(tmp_path / "p")
        code, output = run(folder, "--to", "zip", "--yes", "--output", str(folder / "x.zip"))
        assert (code, "is inside the package" in output) == (1, True)

    def test_a_failure_leaves_nothing_behind(self, tmp_path: Path) -> None:
        folder = finished_package(tmp_path / "p")
        code, output = run(folder, "--to", "zip", "--yes", "--output", str(tmp_path / "nowhere" / "x.zip"))
        assert code == 1
        assert "nowhere" in output
        assert [path.name for path in tmp_path.iterdir()] == ["p"]
