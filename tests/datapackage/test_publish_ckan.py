"""Publishing to CKAN, against a site on a real socket that behaves like its action API."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from frictionless import Package
from frictionless_dtm.publish.command import publish

from tests.datapackage.ckan import ORGANISATION, TOKEN, FakeCkan, Fault, sha256
from tests.datapackage.finished import PERMISSION, ROWS, finished_package

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DATASET = "invented-displacement"
FILES = ["idp_admin1.csv", "countries.csv", "CHANGELOG.md", "CITATION.cff", "README.md", "index.html", "quality.json"]
FILES.append("datapackage.json")  # is sent last


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCkan]:
    monkeypatch.setenv("CKAN_API_TOKEN", TOKEN)
    with FakeCkan() as served:
        yield served


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return finished_package(tmp_path / "package")


def run(site: FakeCkan, folder: Path, *args: str, yes: bool = True) -> tuple[int, str]:
    result = CliRunner().invoke(
        publish,
        [
            *(str(folder), "--to", "ckan", "--url", site.url, "--owner-org", ORGANISATION, "--maintainer", "somebody"),
            *args,
            *(["--yes"] if yes else []),
        ],
    )
    assert not isinstance(result.exception, Exception), result.exception
    assert TOKEN not in result.output
    return result.exit_code, result.output


def publish_once(site: FakeCkan, folder: Path, *args: str) -> dict[str, Any]:
    code, output = run(site, folder, *args)
    assert code == 0, output
    return site.dataset(DATASET)


class TestDryRun:
    def test_it_shows_every_field_and_file_and_sends_nothing(self, site: FakeCkan, folder: Path) -> None:
        code, output = run(site, folder, yes=False)
        assert code == 0
        assert output.rstrip().endswith("Nothing was sent. To send it, add --yes.")
        assert '"methodology": "Other"' in output
        for name in FILES:
            assert f"{name}: new" in output
        assert site.writes == []

    def test_it_needs_no_token(self, site: FakeCkan, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("CKAN_API_TOKEN")
        assert run(site, folder, yes=False)[0] == 0
        code, output = run(site, folder)
        assert code == 1
        assert "needs a token: put yours into CKAN_API_TOKEN" in output
        assert site.writes == []

    def test_what_it_shows_is_what_is_sent(self, site: FakeCkan, folder: Path) -> None:
        _, output = run(site, folder, yes=False)
        shown = json.loads(output[output.index("{") : output.index("\n}") + 2])
        publish_once(site, folder)
        sent = site.calls[-1].fields
        assert {name: value for name, value in sent.items() if name != "id"} == shown


class TestMetadata:
    def test_hdx_gets_what_it_requires(self, site: FakeCkan, folder: Path) -> None:
        dataset = publish_once(site, folder)
        assert dataset["dataset_source"] == "Invented Organization"
        assert dataset["license_id"] == "hdx-other"
        assert PERMISSION in dataset["license_other"]
        assert "For tests only." in dataset["license_other"]
        assert dataset["methodology"] == "Other"
        assert "One row per idp_admin1." in dataset["methodology_other"]
        assert dataset["caveats"] == "- Never add up rounds."
        assert dataset["dataset_date"] == "[2024-01-31T00:00:00 TO 2025-06-30T23:59:59]"
        assert dataset["data_update_frequency"] == "-1"
        assert dataset["groups"] == [{"name": "xaa"}, {"name": "xba"}]
        assert {tag["name"] for tag in dataset["tags"]} == {"displacement", "internally displaced persons-idp"}
        assert dataset["subnational"] == "1"
        assert dataset["maintainer"] == "somebody"
        assert dataset["version"] == "1.0.0"
        assert dataset["private"] is True

    def test_any_other_ckan_keeps_the_same_texts_as_extras_that_can_be_read_back(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CKAN_API_TOKEN", TOKEN)
        with FakeCkan(hdx=False) as site:
            dataset = publish_once(site, folder, "--profile", "ckan")
        extras = {extra["key"]: extra["value"] for extra in dataset["extras"]}
        descriptor = json.loads((folder / "datapackage.json").read_text(encoding="utf-8"))
        for name in ("sources", "contributors", "licenses", "dtm:temporalCoverage"):
            assert json.loads(extras[name]) == descriptor[name]
        assert extras["dtm:permission"] == PERMISSION
        assert extras["dataset_date"].startswith("[2024-01-31")
        assert dataset["license_id"] == "other-closed"
        assert {tag["name"] for tag in dataset["tags"]} == {"HXL", "displacement", "people invented"}
        assert "groups" not in dataset

    def test_the_table_schema_of_each_file_can_be_read_back(self, site: FakeCkan, folder: Path) -> None:
        publish_once(site, folder)
        resource = site.resources(DATASET)["idp_admin1.csv"]
        descriptor = json.loads((folder / "datapackage.json").read_text(encoding="utf-8"))
        assert json.loads(resource["schema"]) == descriptor["resources"][0]["schema"]
        assert resource["hash"] == f"sha256:{sha256(ROWS.encode())}"
        assert resource["size"] == str(len(ROWS.encode()))
        assert resource["description"] == "Table idp_admin1. Invented rows."
        assert (resource["format"], resource["mimetype"]) == ("CSV", "text/csv")

    def test_what_the_package_cannot_know_is_said_on_the_command_line(self, site: FakeCkan, folder: Path) -> None:
        dataset = publish_once(
            site,
            folder,
            *("--public", "--frequency", "monthly", "--group", "xba", "--tag", "hxl", "--license-id", "cc-by-igo"),
            *("--set", "methodology=Census", "--set", "methodology_other="),
        )
        assert dataset["private"] is False
        assert dataset["data_update_frequency"] == "30"
        assert dataset["groups"] == [{"name": "xba"}]
        assert [tag["name"] for tag in dataset["tags"]] == ["hxl"]
        assert dataset["license_id"] == "cc-by-igo"
        assert PERMISSION in dataset["notes"]
        assert dataset["methodology"] == "Census"

    def test_what_hdx_requires_and_nobody_says_is_named_before_anything_is_asked(
        self, site: FakeCkan, tmp_path: Path
    ) -> None:
        unknown: dict[str, Any] = {"dtm:temporalCoverage": None, "dtm:spatialCoverage": []}
        folder = finished_package(tmp_path / "p", **unknown)
        code, output = run(site, folder, "--maintainer", "")
        assert code == 1
        assert "HDX requires maintainer, dataset_date, groups" in output
        assert "--maintainer --set dataset_date=... --group" in output
        assert site.calls == []

    def test_a_package_about_something_else_is_not_tagged_as_displacement(self, site: FakeCkan, tmp_path: Path) -> None:
        code, output = run(site, finished_package(tmp_path / "p", keywords=["trees"]))
        assert (code, "HDX requires tags" in output, "--tag" in output) == (1, True, True)

    def test_creators_are_called_by_what_the_package_has_of_them(self, site: FakeCkan, tmp_path: Path) -> None:
        who: list[dict[str, Any]] = [
            {"path": "https://example.org/x", "roles": ["creator"]},
            {"email": "x@example.org"},
        ]
        dataset = publish_once(site, finished_package(tmp_path / "p", contributors=who))
        assert dataset["dataset_source"] == "https://example.org/x"


class TestFiles:
    def test_all_of_them_arrive_byte_for_byte_and_the_descriptor_last(self, site: FakeCkan, folder: Path) -> None:
        publish_once(site, folder)
        assert [call.fields["name"] for call in site.calls if call.action == "resource_create"] == FILES
        for name, resource in site.resources(DATASET).items():
            content = site.files[resource["url"].removeprefix(site.url)]
            assert resource["hash"] == f"sha256:{sha256(content)}"
            if name != "datapackage.json":
                assert content == next(folder.rglob(name)).read_bytes()

    def test_frictionless_reads_and_verifies_the_package_from_the_site(self, site: FakeCkan, folder: Path) -> None:
        publish_once(site, folder)
        package = Package(site.resources(DATASET)["datapackage.json"]["url"])
        assert package.validate().valid
        assert package.custom["dtm:permission"] == PERMISSION

    def test_nobody_else_sees_a_dataset_before_it_is_whole(self, site: FakeCkan, folder: Path) -> None:
        publish_once(site, folder, "--public")
        assert site.calls[1].action == "package_create"
        assert site.calls[1].fields["private"] is True
        assert site.actions[-1] == "package_patch"
        assert site.calls[-1].fields["private"] is False


class TestUpdates:
    def test_nothing_is_sent_twice(self, site: FakeCkan, folder: Path) -> None:
        publish_once(site, folder)
        site.calls.clear()
        code, output = run(site, folder)
        assert code == 0
        assert site.actions == ["package_show"]
        assert output.count(": unchanged") == 2 * len(FILES) + 1

    def test_only_what_changed_is_sent_and_every_id_survives(self, site: FakeCkan, folder: Path) -> None:
        publish_once(site, folder)
        ids = {name: resource["id"] for name, resource in site.resources(DATASET).items()}
        finished_package(folder, rows=ROWS.replace("120", "130"), version="1.0.1")
        for name in ("README.md", "CHANGELOG.md", "CITATION.cff", "index.html", "quality.json"):
            (folder / name).write_bytes(f"{name} of version 1.0.0\n".encode())
        site.calls.clear()
        dataset = publish_once(site, folder)
        assert [(call.action, call.file_name) for call in site.calls] == [
            ("package_show", None),
            ("resource_patch", "idp_admin1.csv"),
            ("resource_patch", "datapackage.json"),
            ("package_patch", None),
        ]
        assert {name: resource["id"] for name, resource in site.resources(DATASET).items()} == ids
        assert dataset["version"] == "1.0.1"

    def test_what_others_added_to_the_dataset_stays(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CKAN_API_TOKEN", TOKEN)
        with FakeCkan(hdx=False) as site:
            dataset = publish_once(site, folder, "--profile", "ckan")
            dataset["extras"].append({"key": "curated", "value": "yes"})
            dataset["tags"].append({"name": "curated"})
            dataset["resources"][0]["note"] = "curated"
            finished_package(folder, rows=ROWS.replace("120", "130"), version="1.0.1")
            dataset = publish_once(site, folder, "--profile", "ckan")
        assert {"key": "curated", "value": "yes"} in dataset["extras"]
        assert {"name": "curated"} in dataset["tags"]
        assert dataset["resources"][0]["note"] == "curated"

    def test_files_that_left_the_package_stay_until_they_are_pruned(self, site: FakeCkan, folder: Path) -> None:
        publish_once(site, folder)
        (folder / "quality.json").unlink()
        code, output = run(site, folder)
        assert (code, "quality.json: not in the package, stays (--prune removes it)" in output) == (0, True)
        assert "quality.json" in site.resources(DATASET)
        run(site, folder, "--prune")
        assert "quality.json" not in site.resources(DATASET)
        assert len(site.resources(DATASET)) == len(FILES) - 1

    def test_what_a_site_names_does_not_reach_the_terminal_as_it_is(self, site: FakeCkan, folder: Path) -> None:
        dataset = publish_once(site, folder)
        dataset["resources"].append({"id": "x", "name": "\x1b]0;owned\x07\nPublished: everything"})
        code, output = run(site, folder)
        assert (code, "\\x1b]0;owned\\x07\\nPublished: everything: not in the package" in output) == (0, True)
        assert "\x1b" not in output


class TestVisibility:
    """Who sees a dataset is decided on the site, unless the command says it."""

    def test_a_new_dataset_is_for_the_organisation_only(self, site: FakeCkan, folder: Path) -> None:
        assert "new; only the organisation sees it (--public: everybody)" in run(site, folder, yes=False)[1]
        assert publish_once(site, folder)["private"] is True

    @pytest.mark.parametrize("option", ["--public", "--private"])
    def test_another_run_leaves_it_as_it_is(self, site: FakeCkan, folder: Path, option: str) -> None:
        publish_once(site, folder, option)
        finished_package(folder, rows=ROWS.replace("120", "130"), version="1.0.1")
        who = "everybody sees it" if option == "--public" else "only the organisation sees it"
        assert f"new metadata; {who}, as before" in run(site, folder, yes=False)[1]
        dataset = publish_once(site, folder)
        assert (dataset["private"], dataset["version"]) == (option == "--private", "1.0.1")

    def test_it_changes_when_the_command_says_so(self, site: FakeCkan, folder: Path) -> None:
        publish_once(site, folder)
        for option, says, private in (
            ("--public", "everybody sees it from now on; until now only the organisation", False),
            ("--private", "only the organisation sees it from now on; until now everybody", True),
        ):
            assert says in run(site, folder, option, yes=False)[1]
            assert publish_once(site, folder, option)["private"] is private


class TestFailures:
    """One sentence, exit code 1, and what is published and what is not."""

    @pytest.mark.parametrize("nth", range(1, len(FILES) + 1))
    def test_a_run_that_broke_off_anywhere_says_how_far_it_came_and_the_next_goes_on(
        self, site: FakeCkan, folder: Path, nth: int
    ) -> None:
        site.faults = [Fault("resource_create", nth, 502)]
        code, output = run(site, folder, "--public")
        assert code == 1
        done = ", ".join(FILES[: nth - 1]) or "no file"
        assert f"Up to date on the site: {done} ({nth - 1} of {len(FILES)} files)" in output
        assert "Run the same command again" in output
        assert "HTTP 502" in output
        assert site.dataset(DATASET)["private"] is True
        site.faults.clear()
        site.calls.clear()
        assert publish_once(site, folder, "--public")["private"] is False
        assert site.actions.count("resource_create") == len(FILES) - nth + 1
        assert "package_create" not in site.actions
        assert sorted(site.resources(DATASET)) == sorted(FILES)

    @pytest.mark.parametrize("action", ["package_create", "resource_create"])
    def test_what_arrived_although_the_answer_was_lost_is_not_sent_again(
        self, site: FakeCkan, folder: Path, action: str
    ) -> None:
        site.faults = [Fault(action, 1, 504, is_done=True)]
        assert run(site, folder)[0] == 1
        site.faults.clear()
        publish_once(site, folder)
        assert site.actions.count("package_create") == 1
        assert site.actions.count("resource_create") == len(FILES)
        assert len(site.datasets) == 1
        assert sorted(site.resources(DATASET)) == sorted(FILES)

    def test_a_validation_error_is_reported_in_one_sentence(self, site: FakeCkan, folder: Path) -> None:
        code, output = run(site, folder, "--tag", "invented tag", "--group", "zzz")
        assert code == 1
        assert "refuses package_create" in output
        assert "tags: Tag invented tag is not in the approved list" in output
        assert "groups: Group zzz does not exist" in output
        assert "Traceback" not in output

    def test_a_name_that_is_taken_by_a_dataset_that_one_may_not_see(self, site: FakeCkan, folder: Path) -> None:
        taken = json.dumps({"success": False, "error": {"name": ["That URL is already in use."]}})
        site.faults = [Fault("package_create", 1, 409, taken)]
        code, output = run(site, folder)
        assert (code, "refuses package_create: name: That URL is already in use. Up to date" in output) == (1, True)

    def test_a_token_without_rights(self, site: FakeCkan, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CKAN_API_TOKEN", "another-token")
        code, output = run(site, folder)
        assert code == 1
        assert "does not allow this token to run package_show (Access denied: invalid token)" in output
        assert "another-token" not in output

    def test_a_site_that_is_no_ckan(self, site: FakeCkan, folder: Path) -> None:
        site.faults = [Fault("package_show", 1, 404, "<html>Not here</html>")]
        code, output = run(site, folder)
        assert (code, "answers package_show with HTTP 404" in output) == (1, True)
        site.calls.clear()
        site.faults = [Fault("package_show", 1, 200, "<html>Hello</html>")]
        assert "something that is not JSON" in run(site, folder)[1]

    @pytest.mark.parametrize(
        "result",
        [
            {"name": "x"},
            {"id": "1", "resources": [], "private": None},
            {"id": "1", "private": False},
            {"id": "1", "private": False, "resources": None},
            {"id": "1", "private": False, "resources": [None]},
            {"id": "1", "private": False, "resources": [{"name": "README.md"}]},
            {"id": "1", "private": False, "resources": [], "tags": ["a"]},
            {"id": "1", "private": False, "resources": [], "tags": None},
            {"id": "1", "private": False, "resources": [], "groups": [{}]},
            {"id": "1", "private": False, "resources": [], "extras": [{"key": "a"}]},
            None,
            [],
        ],
    )
    def test_what_is_no_dataset_is_reported_in_one_sentence(self, site: FakeCkan, folder: Path, result: Any) -> None:
        site.faults = [Fault("package_show", 1, 200, json.dumps({"success": True, "result": result}))]
        code, output = run(site, folder)
        assert (code, "is not from CKAN's action API" in output) == (1, True)
        assert site.writes == []

    @pytest.mark.parametrize("body", ["{}", "[]", '{"success": true}', '{"success": true, "result": {"id": null}}'])
    @pytest.mark.parametrize("action", ["package_create", "resource_create", "package_patch"])
    def test_nor_is_half_an_answer_taken_for_done(self, site: FakeCkan, folder: Path, action: str, body: str) -> None:
        site.faults = [Fault(action, 1, 200, body)]
        code, output = run(site, folder)
        assert (code, f"to {action} is not from CKAN's action API" in output) == (1, True)
        assert "Run the same command again" in output

    def test_a_dataset_that_was_deleted_is_not_filled_unseen(self, site: FakeCkan, folder: Path) -> None:
        publish_once(site, folder)["state"] = "deleted"
        site.calls.clear()
        code, output = run(site, folder)
        assert (code, "was deleted on" in output) == (1, True)
        assert site.writes == []

    @pytest.mark.parametrize("pair", ["tags=a", "groups=a", "extras=a", "resources=a", "name=a", "private=no", "id=1"])
    def test_what_is_not_text_is_not_set_as_text(self, site: FakeCkan, folder: Path, pair: str) -> None:
        code, output = run(site, folder, "--set", pair)
        assert (code, f"--set cannot set {pair.partition('=')[0]}" in output) == (1, True)
        assert site.calls == []

    def test_a_file_that_changes_while_it_is_sent(
        self, site: FakeCkan, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        created = site._package_create

        def meddle(*args: Any) -> Any:
            (folder / "data" / "countries.csv").write_bytes(b"admin0_pcode\nXAA\nXCA\n")
            return created(*args)

        monkeypatch.setattr(site, "_package_create", meddle)
        code, output = run(site, folder)
        assert code == 1
        assert "data/countries.csv changed while it was published" in output
        assert "countries.csv" not in site.resources(DATASET)
