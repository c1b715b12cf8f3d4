"""``target-datapackage publish``: shows what would be sent, and sends it on request."""

from __future__ import annotations

import json
import os
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from typing_extensions import override

from frictionless_dtm.publish.archive import SUMS, archive_path, write_archive
from frictionless_dtm.publish.ckan.client import TOKEN_VARIABLE, Client
from frictionless_dtm.publish.ckan.metadata import CKAN, FREQUENCIES, HDX, Target
from frictionless_dtm.publish.ckan.publisher import CkanPublisher
from frictionless_dtm.publish.descriptor import DESCRIPTOR
from frictionless_dtm.publish.folder import open_folder
from tap_dtm.errors import DtmError
from tap_dtm.redaction import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from frictionless_dtm.publish.ckan.plan import Plan
    from frictionless_dtm.publish.folder import Folder

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
_NOT_GITHUB: Final = (
    "target-datapackage no longer publishes to GitHub. Use the workflow examples/recipes/publish-on-github.yml in your "
    "repository. It runs target-datapackage publish PATH --check before it commits."
)


class _Places(click.Choice[str]):
    @override
    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return super().convert(_left(ctx, param, value) if value == "github" else value, param, ctx)


def _left(_: click.Context | None, __: click.Parameter | None, value: Any) -> Any:  # noqa: ANN401
    """Refuse what was an option of publishing to GitHub."""
    if value:
        raise click.ClickException(_NOT_GITHUB)
    return value


@click.command(
    name="publish",
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True},
    help="Publish the data package in the folder PATH. Without --yes, only show what would be sent. "
    f"The token for CKAN comes from the environment: {TOKEN_VARIABLE}.",
)
@click.argument("path", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--to", type=_Places(["zip", "ckan"]), help="Where it goes.")
@click.option("--check", is_flag=True, help="Check that the package is whole and may be published; send nothing.")
@click.option("--yes", is_flag=True, help="Do it.")
@click.option(
    "--include",
    multiple=True,
    metavar="NAME",
    help="Another file or folder in PATH to publish: else only the package's own files are. Repeatable.",
)
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="zip: the file, else next to PATH.")
@click.option("--url", help="ckan: the site, such as https://data.humdata.org.")
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
@click.option("--repository", "--branch", "--folder", hidden=True, expose_value=False, callback=_left)
@click.option("--replace", is_flag=True, hidden=True, expose_value=False, callback=_left)
def publish(  # noqa: D103
    path: Path,
    to: str | None,
    *,
    check: bool,
    yes: bool,
    include: Sequence[str],
    **options: Any,  # noqa: ANN401
) -> None:
    if check == bool(to) or (check and yes):
        raise click.UsageError("Give either --to, which says where the package goes, or --check alone.")
    try:
        folder = open_folder(path, include)
        if check:
            _say(f"{path}: {folder.name} {folder.version} is whole, and its terms permit publication.")
            return
        if folder.others:
            others = ", ".join(folder.others)
            _say(f"Left out, since the package does not name them (--include takes one along): {others}")
        (_zip if to == "zip" else _ckan)(folder, options, yes=yes)
    except (DtmError, OSError) as error:
        raise click.ClickException(shown(error)) from error


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
        groups=options["groups"] or None,
        tags=options["tags"] or None,
        overrides=_pairs(options["overrides"]),
        **{name: options[name] for name in ("maintainer", "profile", "public", "frequency", "license_id")},
    )
    with closing(Client(_required(options, "url", "--url"), os.environ.get(TOKEN_VARIABLE))) as site:
        publisher = CkanPublisher(site, folder, target, prune=options["prune"])
        plan = publisher.plan()
        _show_ckan(plan, target, site, prune=options["prune"])
        _say(f"Published: {publisher.run(plan, _say)}" if yes else "Nothing was sent. Add --yes to do it.")


def _show_ckan(plan: Plan, target: Target, site: Client, *, prune: bool) -> None:
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


def _seen_by(plan: Plan) -> str:
    who = "only the organisation sees it" if plan.private else "everybody sees it"
    if plan.was_private is None:
        return f"{who} (--public: everybody)" if plan.private else who
    if plan.was_private == plan.private:
        return f"{who}, as before"
    return f"{who} from now on, until now {'everybody' if plan.private else 'only the organisation'}"


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
