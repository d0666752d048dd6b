"""`hotpatch init`: the home folder of a service."""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Final

import attrs
import click

from hotpatch.errors import NotWritable
from hotpatch_agent.cli.command import cli_command, home_option
from hotpatch_agent.cli.proofs import read_probe
from hotpatch_agent.cli.terminal import Terminal
from hotpatch_agent.home.folder import Service, create, open_home
from hotpatch_agent.home.probes import READY
from hotpatch_agent.home.terms import BadTerms, Terms, read_terms

KNOWN: Final = frozenset(field.name for field in attrs.fields(Terms)) | {
    "barrier_ms",
    "check_seconds",
    "rehearsal_mib",
    READY,
    "step_seconds",
    "version_header",
}
"""The settings that mean something; others are kept, since a newer hotpatch may know them."""


@cli_command(
    "init",
    examples=[
        "hotpatch init --home /srv/shop/hotpatch --service shop --environment production --app shop:app",
        "hotpatch init --home ./home --service shop --environment test --app shop:app --set deadline=20",
        "hotpatch init --service shop --environment test --ready 'GET /healthz -> 200 contains ok'",
    ],
)
@home_option
@click.option("--service", required=True, metavar="NAME", help="The service's name: bundles must bear it.")
@click.option("--environment", required=True, metavar="NAME", help="For example production; bundles too.")
@click.option("--app", default="", metavar="MODULE:OBJECT", help="What gunicorn loads.")
@click.option(
    "--root", default="", metavar="FOLDER", help="Where the program starts, if not where gunicorn does."
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="What holds where a release says nothing (deadline, hold, past_hold ...); may be repeated.",
)
@click.option(
    "--ready",
    "probes",
    multiple=True,
    metavar="PROBE",
    help="What a new worker has to answer before an old one is asked to go: 'GET /healthz -> 200'; may be "
    "repeated, and '' takes back those of before.",
)
def command(
    terminal: Terminal,
    home: Path,
    service: str,
    environment: str,
    app: str,
    root: str,
    settings: tuple[str, ...],
    probes: tuple[str, ...],
) -> int:
    """Make the home folder of a service.

    The folder is made for this user alone: who may write it may offer a bundle. Repeating the command brings
    what it says up to date and keeps everything else.
    """
    for what, text in (("--service", service), ("--environment", environment)):
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", text):
            raise click.UsageError(
                f"{what} {text!r} must be letters, digits, dots, dashes, at most 64 of them"
            )
    if app and not re.fullmatch(r"[\w.]+(:.+)?", app):
        raise click.UsageError(f"--app {app!r} is no MODULE:OBJECT")
    if root and not Path(root).is_dir():
        raise click.UsageError(f"--root {root} is not a folder")
    chosen = {**_settings(settings), **_ready(probes)}
    for name in sorted(set(chosen) - KNOWN):
        near = difflib.get_close_matches(name, KNOWN, 1)
        terminal.warn(f"no part of hotpatch knows the setting {name!r}{f'; {near[0]}?' if near else ''}")
    place = home.absolute()
    existed = (place / "service.json").exists()
    before = open_home(place).service if existed else None
    card = Service(
        service,
        environment,
        app or (before.app if before else ""),
        str(Path(root).absolute()) if root else (before.root if before else ""),
        {**(before.settings if before else {}), **chosen},
    )
    try:
        made = create(place, card)
    except OSError as error:
        reason = (error.strerror or "it can't be").lower()
        raise NotWritable(f"{place} can't be made: {reason}; name another place") from error
    trusted = (made.trust / "root.json").exists()
    what = "is brought up to date" if existed else "is made"
    following = "" if trusted else f"; next: hotpatch keygen KEY --trust {place}"
    return terminal.finish(
        f"The home of {service} ({environment}) {what} at {place}{following}",
        {
            "home": place,
            "service": service,
            "environment": environment,
            "app": card.app,
            "root": card.root,
            "settings": dict(card.settings),
            "trusted": trusted,
        },
    )


def _ready(probes: tuple[str, ...]) -> dict[str, str]:
    """The setting that holds them, one a line; nothing is said where none is given."""
    wanted = [text for text in probes if text.strip()]
    for text in wanted:
        read_probe(text, "'--ready'")
    return {READY: "\n".join(wanted)} if probes else {}


def _settings(pairs: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise click.UsageError(f"--set {pair!r} is no NAME=VALUE")
        found[name] = value
    for line in found.get(READY, "").splitlines():
        read_probe(line, "'--set'")
    try:
        read_terms({}, found)
    except BadTerms as error:
        raise click.UsageError(str(error)) from error
    return found
