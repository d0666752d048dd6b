"""`hotpatch build`: a bundle from two revisions or two folders."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from hotpatch.bundle import fields
from hotpatch.errors import BuildFailed
from hotpatch.release import Release
from hotpatch_agent.cli.amounts import count, duration
from hotpatch_agent.cli.command import cli_command, optional_home_option
from hotpatch_agent.cli.output import OUTPUT
from hotpatch_agent.cli.plan_view import plan_data, show_plan, summary
from hotpatch_agent.cli.preparing import Prepared, source_options
from hotpatch_agent.cli.signing import key_option, load_signers
from hotpatch_agent.cli.terminal import Terminal


@cli_command(
    "build",
    examples=[
        "hotpatch build --from v1.4 --to fix-price --home /srv/shop/hotpatch --key release.key",
        "hotpatch build --from old/ --to new/ --app wsgi:app --service shop --environment prod --release 7",
        "hotpatch build --from v1.4 --to fix-price --home /srv/shop/hotpatch \\",
        "    --check checks.py --http 'GET /cart -> 200 contains Total' --expires 1d --message 'Right total'",
    ],
)
@source_options
@optional_home_option
@click.option("--service", help="The service that the release is for; the home's if not given.")
@click.option("--environment", help="Its environment; the home's if not given.")
@click.option(
    "--release",
    "version",
    type=click.IntRange(1, 2**53 - 1),
    help="The release's number; one above all that the home's ledger has seen if not given.",
)
@click.option(
    "--expires",
    type=duration,
    default="7d",
    show_default=True,
    metavar="TIME",
    help="How long the release may be pushed: 90m, 12h, 7d ...",
)
@click.option(
    "--check",
    "files",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="A smoke check in Python: functions whose names begin with check. May be repeated.",
)
@click.option(
    "--http",
    "probes",
    multiple=True,
    metavar="PROBE",
    help="A smoke check by HTTP: 'GET /path -> 200 contains text'. May be repeated.",
)
@click.option(
    "--transformers",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A Python file with state transformers (hotpatch.transform) and refresh callbacks.",
)
@click.option("--message", "-m", default="", help="What the release is for, in a sentence.")
@click.option("--temporary", is_flag=True, help="The release ends at the next start of the master.")
@click.option(
    "--cumulative",
    is_flag=True,
    help="It replaces all releases before it, whatever they were: --from is the code on the service's disk.",
)
@click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE", help="A choice of the author's, e.g. hold=5."
)
@click.option(
    "--no-measure", is_flag=True, help="Leave measuring to the service; the sources are not looked at."
)
@key_option(required=False)
@click.option("-o", "--output", type=OUTPUT, help="The bundle to write.")
def command(
    terminal: Terminal,
    home: Path | None,
    service: str | None,
    environment: str | None,
    version: int | None,
    expires: timedelta,
    files: tuple[Path, ...],
    probes: tuple[str, ...],
    transformers: Path | None,
    message: str,
    temporary: bool,
    cumulative: bool,
    settings: tuple[str, ...],
    no_measure: bool,
    keys: tuple[str, ...],
    output: Path | None,
    **sources: Any,
) -> int:
    """Build a bundle from two revisions or two folders.

    Both versions are started here, in clean processes, and what differs between them is the release. Without
    --key the bundle is unsigned, and no service accepts it until `hotpatch sign` has signed it.
    """
    from hotpatch_agent.cli.origin import origin_of
    from hotpatch_agent.cli.preparing import prepare
    from hotpatch_agent.cli.proofs import read_checks

    origin = origin_of(home=home, **sources)
    service, environment, version = _address(home, service, environment, version)
    kind = (("permanent=no",) if temporary else ()) + (("cumulative=yes",) if cumulative else ())
    choices = read_settings((*kind, *settings))
    checks = read_checks(files, probes)
    program = read_transformers(transformers)
    signers = load_signers(keys)
    with terminal.busy("Starting and measuring both versions"):
        prepared = prepare(origin, measured=not no_measure, choices=choices)
    now = datetime.now(UTC).replace(microsecond=0)
    release = Release(
        service=service,
        environment=environment,
        version=version,
        created=now,
        expires=now + expires,
        message=message,
        python=prepared.python,
        app=origin.app,
        base=prepared.change.base,
        sources=prepared.change.sources,
        measurement=prepared.measurement,
        plan=prepared.plan,
        checks=checks,
        transformers=program,
        settings=choices,
        data=prepared.change.data,
    )
    target = output or Path(f"{service}-{version}.bundle")
    return _finish(terminal, target, _write(target, release, signers), release, prepared, len(signers))


def _write(target: Path, release: Release, signers: Sequence[Any]) -> bytes:
    from hotpatch import bundle as bundles
    from hotpatch_agent.home.disk import write_whole

    data = bundles.build(release)
    for signer in signers:
        data = bundles.sign(data, signer)
    write_whole(str(target.absolute()), data, "bundle")
    return data


def _finish(
    terminal: Terminal, target: Path, data: bytes, release: Release, prepared: Prepared, signatures: int
) -> int:
    from hotpatch.bundle.statement import digest_of

    show_plan(terminal, release.plan)
    for path in prepared.change.left_out:
        terminal.say(f"  left out, no part of the program: {path}", style="dim")
    terminal.say(summary(release.plan) if release.measurement else "Not measured: the service does that.")
    signed = count(signatures, "signature") if signatures else "no signature yet"
    return terminal.finish(
        f"{target} is release {release.version} of {release.service} ({release.environment}): "
        f"{count(len(release.sources), 'file')}, {count(len(data), 'byte')}, {signed}.",
        {
            "bundle": str(target),
            "service": release.service,
            "environment": release.environment,
            "version": release.version,
            "expires": release.expires,
            "digest": digest_of(data),
            "bytes": len(data),
            "signatures": signatures,
            "sources": sorted(release.sources),
            "data": sorted(release.data),
            "left_out": prepared.change.left_out,
            "measured": bool(release.measurement),
            "plan": plan_data(release.plan),
        },
    )


def _address(
    home: Path | None, service: str | None, environment: str | None, version: int | None
) -> tuple[str, str, int]:
    """Whom the release is for, and its number."""
    if home is not None:
        from hotpatch_agent.cli.origin import history_of, next_version
        from hotpatch_agent.home.folder import open_home

        here = open_home(home)
        service = service or here.service.name
        environment = environment or here.service.environment
        version = version or next_version(history_of(here))
    for option, value in (("--service", service), ("--environment", environment), ("--release", version)):
        if not value:
            raise click.UsageError(f"say {option}, or --home where that is known")
    assert service and environment and version
    for option, name in (("--service", service), ("--environment", environment)):
        if not fields.NAME.fullmatch(name):
            raise click.UsageError(
                f"{option} {name!r} is no name: letters, digits, dots and dashes, at most 64"
            )
    return service, environment, version


def read_settings(settings: Sequence[str]) -> dict[str, str]:
    """`KEY=VALUE` texts as a mapping.  Raises a usage error for one that makes no sense."""
    from hotpatch_agent.home.terms import BadTerms, read_terms

    found: dict[str, str] = {}
    for text in settings:
        key, sign, value = text.partition("=")
        if not sign or not fields.SETTING.fullmatch(key):
            raise click.UsageError(f"--set {text!r} is no KEY=VALUE")
        found[key] = value
    try:
        read_terms(found, {})
    except BadTerms as problem:
        raise click.UsageError(str(problem)) from None
    return found


def read_transformers(path: Path | None) -> str:
    """The text of the transformers' file.  Raises `BuildFailed`, or `PatchInvalid` if it is no Python."""
    from hotpatch.bundle.change import check_syntax

    if path is None:
        return ""
    try:
        text = path.read_text("utf-8")
    except (FileNotFoundError, UnicodeDecodeError) as problem:
        raise BuildFailed(f"the transformers {path} can't be read: {problem}") from None
    check_syntax({str(path): text.encode()})
    return text
