"""`hotpatch show`: what is inside a bundle, without trusting it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hotpatch.errors import NotABundle
from hotpatch_agent.cli.amounts import count
from hotpatch_agent.cli.command import cli_command
from hotpatch_agent.cli.plan_view import plan_data, show_plan, summary
from hotpatch_agent.cli.terminal import Terminal

if TYPE_CHECKING:
    from hotpatch.bundle import Inspection
    from hotpatch.release import Check, Release


@cli_command(
    "show",
    examples=[
        "hotpatch show shop-7.bundle",
        "hotpatch show shop-7.bundle --file shop/pricing.py",
        "hotpatch show shop-7.bundle --json",
    ],
)
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option(
    "--file", "path", metavar="PATH", help="Print the new text of this source or check, nothing else."
)
def command(terminal: Terminal, bundle: Path, path: str | None) -> int:
    """Show what is inside a bundle.

    Nothing of it is run, and nothing is said of whether to trust it: that is `hotpatch verify`.
    """
    from hotpatch import bundle as bundles

    found = bundles.inspect(bundles.read(bundle))
    if path is not None:
        return _show_file(terminal, found.release, path)
    _show(terminal, found)
    release = found.release
    return terminal.finish(
        f"Release {release.version} of {release.service} ({release.environment}) with "
        f"{count(len(found.keys), 'signature')}; whether to trust it says `hotpatch verify`.",
        _data(found),
    )


def _show_file(terminal: Terminal, release: Release, path: str) -> int:
    texts: dict[str, bytes] = {name: text for name, text in release.sources.items() if text is not None}
    texts |= {f"{check.name}.py": check.source.encode() for check in release.checks if check.source}
    if path not in texts:
        raise NotABundle(f"the bundle has no source {path}; it has {', '.join(sorted(texts)) or 'none'}")
    text = texts[path].decode("utf-8", "replace")
    if terminal.as_json:
        return terminal.finish(f"The text of {path}.", {"file": path, "text": text})
    click.echo(text, nl=not text.endswith("\n"))
    return 0


def _show(terminal: Terminal, found: Inspection) -> None:
    release = found.release
    terminal.say(f"Release {release.version} of {release.service} ({release.environment})", style="bold")
    facts = {
        "message": release.message or "none",
        "created": f"{release.created:%Y-%m-%d %H:%M} UTC",
        "expires": f"{release.expires:%Y-%m-%d %H:%M} UTC",
        "app": release.app,
        "python": release.python,
        "base": count(len(release.base), "file"),
        "measured": "yes" if release.measurement else "no, the service measures it",
        "signed by": ", ".join(key[:8] for key in found.keys) or "nobody",
        "digest": release.digest,
    }
    if release.transformers:
        facts["transformers"] = count(len(release.transformers.splitlines()), "line")
    facts |= {f"set {name}": value for name, value in sorted(release.settings.items())}
    terminal.rows([(f"  {name}", value) for name, value in facts.items()])
    terminal.say("Sources", style="bold")
    terminal.rows(
        [(f"  {_mark(release, path)} {path}", _size(text)) for path, text in release.sources.items()]
    )
    if release.checks:
        terminal.say("Checks", style="bold")
        terminal.rows([(f"  {check.name}", describe_check(check)) for check in release.checks])
    if release.plan.edits:
        terminal.say("Plan", style="bold")
        show_plan(terminal, release.plan)
        terminal.say(summary(release.plan))


def _mark(release: Release, path: str) -> str:
    if release.sources[path] is None:
        return "-"
    return "~" if path in release.base else "+"


def _size(text: bytes | None) -> str:
    return "removed" if text is None else count(len(text), "byte")


def describe_check(check: Check) -> str:
    """One line that says what a smoke check does."""
    if check.kind == "python":
        return f"Python, {count(len(check.source.splitlines()), 'line')}"
    contains = f" contains {check.contains}" if check.contains else ""
    return f"{check.method} {check.path} -> {check.status}{contains}"


def _data(found: Inspection) -> dict[str, Any]:
    release = found.release
    return {
        "service": release.service,
        "environment": release.environment,
        "version": release.version,
        "created": release.created,
        "expires": release.expires,
        "note": release.message,
        "python": release.python,
        "app": release.app,
        "base": release.base,
        "sources": {path: None if text is None else len(text) for path, text in release.sources.items()},
        "measured": bool(release.measurement),
        "plan": plan_data(release.plan),
        "checks": [
            {"name": check.name, "kind": check.kind, "says": describe_check(check)}
            for check in release.checks
        ],
        "transformers": release.transformers,
        "settings": release.settings,
        "keys": found.keys,
        "digest": release.digest,
    }
