"""``target-datapackage publish``: shows what would be sent, and sends it when told to."""

from __future__ import annotations

import json
import os
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from frictionless_dtm.publish.archive import SUMS, archive_path, write_archive
from frictionless_dtm.publish.ckan import publisher as ckan
from frictionless_dtm.publish.ckan.metadata import CKAN, FREQUENCIES, HDX, Target
from frictionless_dtm.publish.descriptor import DESCRIPTOR
from frictionless_dtm.publish.folder import open_folder
from frictionless_dtm.publish.github import publisher as github
from frictionless_dtm.publish.github.plan import commit_message
from frictionless_dtm.publish.site import Site
from tap_dtm.errors import DtmError
from tap_dtm.redaction import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from frictionless_dtm.publish.ckan.plan import Plan as CkanPlan
    from frictionless_dtm.publish.folder import Folder
    from frictionless_dtm.publish.github.plan import Plan as GithubPlan

_SET_BY: Final = {
    "name": "use --dataset",
    "private": "use --public or --private",
    "tags": "use --tag",
    "groups": "use --group",
    "extras": "they come from the package",
    "resources": "they are the files of the package",
    "id": "the site gives it",
}
"""What is not text among a dataset's fields, and how it is given."""
_NOTHING_SENT: Final = "Nothing was sent. Add --yes to do it."


@click.command(
    name="publish",
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True},
    help="Publish the data package in the folder PATH. Without --yes, only show what would be sent. "
    f"Tokens come from the environment: {ckan.TOKEN_VARIABLE}, {github.TOKEN_VARIABLE}.",
)
@click.argument("path", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--to", "to", type=click.Choice(["zip", "ckan", "github"]), required=True, help="Where it goes.")
@click.option("--yes", is_flag=True, help="Do it.")
@click.option(
    "--include",
    multiple=True,
    metavar="NAME",
    help="Another file or folder in PATH to publish: else only the package's own files are. Repeatable.",
)
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="zip: the file, else beside PATH.")
@click.option("--url", help="ckan: the site, such as https://data.humdata.org. github: the API, if not GitHub's own.")
@click.option("--owner-org", help="ckan: the organisation that the dataset belongs to.")
@click.option("--dataset", help="ckan: the dataset's name in the address, else the package's.")
@click.option("--maintainer", help="ckan: the user who answers for it.")
@click.option(
    "--profile", type=click.Choice([HDX, CKAN]), default=HDX, help="ckan: fields as HDX has them, or as any CKAN."
)
@click.option(
    "--public/--private",
    default=None,
    help="ckan: for everybody to see, or for the organisation only; else as it is on the site, and private if new.",
)
@click.option("--frequency", type=click.Choice(list(FREQUENCIES)), default="irregular", help="ckan: of updates.")
@click.option("--license-id", help="ckan: else 'other', with the terms in words. Never an open licence by itself.")
@click.option("--group", "groups", multiple=True, help="ckan: groups, else on HDX the countries. Repeatable.")
@click.option("--tag", "tags", multiple=True, help="ckan: tags, else for displacement its own. Repeatable.")
@click.option("--set", "overrides", multiple=True, metavar="FIELD=TEXT", help="ckan: any other field. Repeatable.")
@click.option("--prune", is_flag=True, help="ckan: remove files of the dataset that are not in the package.")
@click.option("--repository", help="github: owner/name.")
@click.option("--branch", default="main", help="github: the branch, which must exist.")
@click.option("--folder", "subfolder", default="", help="github: where in the repository, else at its top.")
@click.option("--replace", is_flag=True, help="github: replace files there that are not the package's.")
def publish(path: Path, to: str, *, yes: bool, include: Sequence[str], **options: Any) -> None:  # noqa: ANN401, D103
    try:
        folder = open_folder(path, include)
        if folder.others:
            others = ", ".join(folder.others)
            _say(f"Left out, since the package does not name them (--include takes one along): {others}")
        {"zip": _zip, "ckan": _ckan, "github": _github}[to](folder, options, yes=yes)
    except (DtmError, OSError) as error:
        raise click.ClickException(shown(error)) from error


def main(argv: Sequence[str]) -> None:
    """Run the command with the arguments after ``publish``; ends the program when it fails."""
    publish.main(args=list(argv), prog_name="target-datapackage publish", standalone_mode=True)


def _say(text: str) -> None:
    """Print one line, whatever a site, a descriptor or the name of a file says in it."""
    click.echo(shown(text))


def _zip(folder: Folder, options: dict[str, Any], *, yes: bool) -> None:
    target = options["output"] or archive_path(folder)
    if target.resolve().is_relative_to(folder.path.resolve()):
        raise DtmError(f"{target} would be part of the package: choose a place outside {folder.path}.")
    _say(f"{target}: {folder.name} {folder.version}{', replaces what is there' if target.exists() else ''}")
    _say(f"  {SUMS}")
    for file in folder.files:
        _say(f"  {file.path}  {file.size} bytes  sha256:{file.sha256}")
    if not yes:
        _say("Nothing was written. Add --yes to do it.")
    elif write_archive(folder, target):
        _say(f"Written: {target}")
    else:
        _say(f"{target} is that already, byte for byte.")


def _ckan(folder: Folder, options: dict[str, Any], *, yes: bool) -> None:
    target = Target(
        owner_org=_required(options, "owner_org", "--owner-org"),
        dataset=options["dataset"] or folder.name,
        maintainer=options["maintainer"],
        profile=options["profile"],
        public=options["public"],
        frequency=options["frequency"],
        license_id=options["license_id"],
        groups=options["groups"] or None,
        tags=options["tags"] or None,
        overrides=_pairs(options["overrides"]),
    )
    url = _required(options, "url", "--url")
    token = os.environ.get(ckan.TOKEN_VARIABLE)
    with closing(Site(url, token, token_variable=ckan.TOKEN_VARIABLE)) as site:
        publisher = ckan.CkanPublisher(site, folder, target, prune=options["prune"])
        plan = publisher.plan()
        _show_ckan(plan, target, site, prune=options["prune"])
        if yes:
            _say(f"Published: {publisher.run(plan, _say)}")
        else:
            _say(_NOTHING_SENT)


def _show_ckan(plan: CkanPlan, target: Target, site: Site, *, prune: bool) -> None:
    word = "new" if plan.dataset_id is None else "new metadata" if plan.is_new_metadata else "unchanged metadata"
    _say(f"{site.url}/dataset/{target.dataset}: {word}; {_seen_by(plan)}")
    for line in json.dumps({**plan.fields, "private": plan.private}, ensure_ascii=False, indent=2).split("\n"):
        _say(line)
    for step in plan.steps:
        _say(f"  {step.name}: {step.word}, {step.fields['size']} bytes{f', id {step.id}' if step.id else ''}")
        if step.file.path == DESCRIPTOR and step.is_new_content:
            _say("    with the files' addresses on the site as paths, and its hash and size accordingly")
        if step.is_new_metadata:
            _say("    " + json.dumps(dict(step.fields), ensure_ascii=False))
    for name in plan.surplus:
        _say(f"  {name}: not in the package, {'is removed' if prune else 'stays (--prune removes it)'}")


def _seen_by(plan: CkanPlan) -> str:
    who = "only the organisation sees it" if plan.private else "everybody sees it"
    if plan.was_private is None:
        return f"{who} (--public: everybody)" if plan.private else who
    if plan.was_private == plan.private:
        return f"{who}, as before"
    return f"{who} from now on, until now {'everybody' if plan.private else 'only the organisation'}"


def _github(folder: Folder, options: dict[str, Any], *, yes: bool) -> None:
    repository = _required(options, "repository", "--repository")
    token = os.environ.get(github.TOKEN_VARIABLE)
    url = options["url"] or github.API
    with closing(Site(url, token, scheme="Bearer", token_variable=github.TOKEN_VARIABLE)) as site:
        publisher = github.GithubPublisher(
            site, folder, repository, options["branch"], options["subfolder"], replace=options["replace"]
        )
        plan = publisher.plan()
        _show_github(plan, folder, f"{repository}, branch {options['branch']}")
        publisher.check(plan)
        if plan.is_empty:
            _say("The repository has it all: nothing to do.")
        elif yes:
            _say(f"Published: {publisher.run(plan, _say)}")
        else:
            _say(_NOTHING_SENT)


def _show_github(plan: GithubPlan, folder: Folder, where: str) -> None:
    _say(f"{where}: one commit; {'everybody' if plan.is_public else 'only who may read the repository'} sees it")
    _say(f"  {commit_message(folder, plan).splitlines()[0]}")
    for path, file in sorted(plan.changed.items()):
        word = "replaces what is not the package's" if path in plan.foreign else "changed"
        _say(f"  {path}: {'new' if path in plan.added else word}, {file.size} bytes")
    for path in sorted(set(plan.foreign) - plan.changed.keys()):
        _say(f"  {path}: makes way, though it is not the package's")
    for path in plan.removed:
        _say(f"  {path}: removed")
    _say(f"  {len(plan.unchanged)} files unchanged")


def _required(options: dict[str, Any], name: str, option: str) -> str:
    value = options[name]
    if not value:
        raise DtmError(f"{option} is missing: it says where the package goes.")
    return str(value)


def _pairs(texts: Sequence[str]) -> dict[str, str]:
    pairs = dict(text.partition("=")[::2] for text in texts)
    if wrong := [text for text in texts if "=" not in text]:
        raise DtmError(f"--set {wrong[0]} has no value: write FIELD=TEXT.")
    if taken := sorted(pairs.keys() & _SET_BY.keys()):
        raise DtmError(f"--set {taken[0]} is not for text: {_SET_BY[taken[0]]}.")
    return pairs
