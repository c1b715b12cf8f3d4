"""``target-datapackage publish``: shows what would be published, and publishes it on request."""

from __future__ import annotations

import json
import os
import re
from contextlib import closing
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from frictionless_dtm.descriptor.package import DESCRIPTOR
from frictionless_dtm.publish.archive import SUMS, write_archive
from frictionless_dtm.publish.ckan.client import TOKEN_VARIABLE, Client
from frictionless_dtm.publish.ckan.metadata import CKAN, FREQUENCIES, HDX, Target, dataset_fields
from frictionless_dtm.publish.ckan.plan import make_plan, send
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
    "id": "the site assigns it",
}
"""The fields of a dataset that are not text, and how to set them."""


@click.command(
    name="publish",
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True},
    help="Publish the data package in the folder PATH. Without --yes, only show what would be sent. "
    f"The token for CKAN comes from the environment: {TOKEN_VARIABLE}.",
)
@click.argument("path", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--to", type=click.Choice(["zip", "ckan"]), help="Where to publish.")
@click.option("--check", is_flag=True, help="Only check that the package is complete and may be published.")
@click.option("--yes", is_flag=True, help="Publish. Without this option, nothing is written or sent.")
@click.option(
    "--include",
    multiple=True,
    metavar="NAME",
    help="Another file or folder in PATH to publish in addition to the package's own files. Repeatable.",
)
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="zip: the file; by default next to PATH."
)
@click.option("--url", help="ckan: the site, such as https://data.humdata.org.")
@click.option("--owner-org", help="ckan: the organisation that the dataset belongs to.")
@click.option("--dataset", help="ckan: the name of the dataset in its address; by default the package's.")
@click.option("--maintainer", help="ckan: the user who maintains the dataset.")
@click.option(
    "--profile", type=click.Choice([HDX, CKAN]), default=HDX, help="ckan: the fields of HDX, or of any CKAN site."
)
@click.option(
    "--public/--private",
    default=None,
    help="ckan: visible to everybody, or only to the organisation. By default unchanged; a new dataset is private.",
)
@click.option(
    "--frequency",
    type=click.Choice(list(FREQUENCIES)),
    default="irregular",
    help="ckan: how often updates are expected.",
)
@click.option("--license-id", help="ckan: by default 'other', with the terms in words.")
@click.option("--group", "groups", multiple=True, help="ckan: groups; on HDX by default the countries. Repeatable.")
@click.option("--tag", "tags", multiple=True, help="ckan: tags; by default those for displacement. Repeatable.")
@click.option("--set", "overrides", multiple=True, metavar="FIELD=TEXT", help="ckan: any other field. Repeatable.")
@click.option("--prune", is_flag=True, help="ckan: remove files of the dataset that are not in the package.")
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
        raise click.UsageError("Give either --to, the place to publish to, or only --check.")
    try:
        folder = open_folder(path, include)
        if check:
            _print_line(
                f"{path}: {folder.package.name} {folder.package.version} is complete, and its terms permit publication."
            )
            return
        if folder.others:
            others = ", ".join(folder.others)
            _print_line(f"Not part of the package, so left out (use --include to publish one): {others}")
        (_zip if to == "zip" else _ckan)(folder, options, yes=yes)
    except (DtmError, OSError) as error:
        raise click.ClickException(shown(error)) from error


def _print_line(text: str) -> None:
    """Print one line. Control characters from a site, a descriptor or a file name are escaped."""
    click.echo(shown(text))


def _zip(folder: Folder, options: dict[str, Any], *, yes: bool) -> None:
    package = folder.package
    # The standard allows slashes in the name of a package.
    name = re.sub(r"[^\w.+-]+|^\.+", "-", f"{package.name}-{package.version}")
    target = options["output"] or folder.path.resolve().parent / f"{name}.zip"
    if target.resolve().is_relative_to(folder.path.resolve()):
        raise DtmError(f"{target} is inside the package. Choose a path outside {folder.path}.")
    replaces = ", replaces the existing file" if target.exists() else ""
    _print_line(f"{target}: {package.name} {package.version}{replaces}")
    _print_line(f"  {SUMS}")
    for file in folder.files:
        _print_line(f"  {file.path}  {file.size} bytes  sha256:{file.sha256}")
    if not yes:
        _print_line("Nothing was written. To write it, add --yes.")
    elif write_archive(folder, target):
        _print_line(f"Written: {target}")
    else:
        _print_line(f"{target} already has the same content.")


def _ckan(folder: Folder, options: dict[str, Any], *, yes: bool) -> None:
    for name in ("owner_org", "url"):
        if not options[name]:
            raise DtmError(f"The option --{name.replace('_', '-')} is missing.")
    options |= {"dataset": options["dataset"] or folder.package.name, "overrides": _pairs(options["overrides"])}
    target = Target(**{each.name: options[each.name] for each in fields(Target)})
    prune: bool = options["prune"]
    with closing(Client(options["url"], os.environ.get(TOKEN_VARIABLE))) as site:
        wanted = dataset_fields(folder, target)
        existing = site.dataset(target.dataset)
        if existing and existing.get("state") == "deleted":
            raise DtmError(
                f"The dataset {target.dataset} was deleted on {site.host}. Have it restored or purged there, or choose "
                "another name with --dataset."
            )
        plan = make_plan(folder, wanted, existing, public=target.public)
        address = f"{site.url}/dataset/{target.dataset}"
        _show_plan(plan, address, prune=prune)
        if not yes:
            _print_line("Nothing was sent. To send it, add --yes.")
            return
        send(plan, folder, site, _print_line, prune=prune)
        _print_line(f"Published: {address}")


def _show_plan(plan: Plan, address: str, *, prune: bool) -> None:
    word = "new" if plan.dataset_id is None else "new metadata" if plan.is_new_metadata else "unchanged metadata"
    _print_line(f"{address}: {word}; {_seen_by(plan)}")
    for line in json.dumps({**plan.fields, "private": plan.private}, ensure_ascii=False, indent=2).split("\n"):
        _print_line(line)
    for step in plan.steps:
        _print_line(f"  {step.name}: {step.word}, {step.fields['size']} bytes{f', id {step.id}' if step.id else ''}")
        if step.file.path == DESCRIPTOR and step.is_new_content:
            _print_line("    with the addresses of the files on the site as paths, and a new hash and size")
        if step.is_new_metadata:
            _print_line("    " + json.dumps(dict(step.fields), ensure_ascii=False))
    for name in plan.surplus:
        _print_line(f"  {name}: not in the package, {'is removed' if prune else 'stays (--prune removes it)'}")


def _seen_by(plan: Plan) -> str:
    who = "only the organisation sees it" if plan.private else "everybody sees it"
    if plan.was_private is None:
        return f"{who} (--public: everybody)" if plan.private else who
    if plan.was_private == plan.private:
        return f"{who}, as before"
    return f"{who} from now on; until now {'everybody' if plan.private else 'only the organisation'}"


def _pairs(texts: Sequence[str]) -> dict[str, str]:
    pairs = dict(text.partition("=")[::2] for text in texts)
    if wrong := [text for text in texts if "=" not in text]:
        raise DtmError(f"--set {wrong[0]} has no value: write FIELD=TEXT.")
    if taken := sorted(pairs.keys() & _SET_BY.keys()):
        raise DtmError(f"--set cannot set {taken[0]}: {_SET_BY[taken[0]]}.")
    return pairs
