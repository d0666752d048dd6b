"""`hotpatch verify`: a bundle against a trust root, rule by rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hotpatch.release import python_tag
from hotpatch_agent.cli.command import cli_command, optional_home_option
from hotpatch_agent.cli.terminal import Terminal

if TYPE_CHECKING:
    from hotpatch.trust import Expectation, Finding
    from hotpatch_agent.home.folder import Home


@cli_command(
    "verify",
    examples=[
        "hotpatch verify shop-7.bundle --home /srv/shop/hotpatch",
        "hotpatch verify shop-7.bundle --trust-root root.json --service shop --environment prod",
    ],
)
@click.argument("bundle", type=click.Path(path_type=Path))
@optional_home_option
@click.option(
    "--trust-root",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The trust root to judge by, instead of the home's.",
)
@click.option("--service", help="The service that the release should be for; the home's if not given.")
@click.option("--environment", help="The environment that it should be for; the home's if not given.")
@click.option(
    "--sources",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="The program's sources as they run; those that the home knows if not given.",
)
def command(
    terminal: Terminal,
    bundle: Path,
    home: Path | None,
    trust_root: Path | None,
    service: str | None,
    environment: str | None,
    sources: Path | None,
) -> int:
    """Check a bundle against a trust root, rule by rule.

    These are the rules by which every worker judges for itself; where it is not known here what a rule asks
    for, the rule is left out and named. Nothing of the bundle is run.
    """
    from hotpatch import bundle as bundles
    from hotpatch import trust
    from hotpatch_agent.home.folder import open_home

    here = open_home(home) if home is not None else None
    if here is None and trust_root is None:
        raise click.UsageError("say whom to trust: --home FOLDER or --trust-root FILE")
    root = trust.read_root(trust_root or _root_of(here))
    expectation, left_out = _expectation(here, service, environment, sources)
    findings = list(trust.examine(bundles.read(bundle), root, expectation, left_out))
    terminal.rows([_line(number, finding) for number, finding in enumerate(findings, 1)])
    failed = [finding.error for finding in findings if finding.error is not None]
    data = {"accepted": not failed and not left_out, "rules": [_data(finding) for finding in findings]}
    if failed:
        told = f"{bundle} is refused: {failed[0]}."
        return terminal.finish(told, {"error": type(failed[0]).__name__, **data}, failed[0].exit_code)
    if left_out:
        return terminal.finish(f"{bundle} holds by every rule that could be asked here.", data)
    return terminal.finish(f"{bundle} would be accepted by this service.", data)


def _root_of(home: Home | None) -> Path:
    assert home is not None
    return home.trust / "root.json"


def _expectation(
    home: Home | None, service: str | None, environment: str | None, sources: Path | None
) -> tuple[Expectation, Mapping[str, str]]:
    """What this service expects, and the rules that can't be asked, with the reason."""
    from hotpatch.trust import Expectation

    left_out: dict[str, str] = {}
    if home is not None:
        service, environment = service or home.service.name, environment or home.service.environment
    if service is None or environment is None:
        left_out["service"] = "give --service and --environment, or --home"
    running = _running(home, sources)
    if running is None:
        left_out["base"] = "give --sources, or the --home of a service whose sources are known"
    highest = 0
    if home is None:
        left_out["version"] = left_out["python"] = "give --home"
    else:
        from hotpatch_agent.cli.origin import history_of

        highest = history_of(home).floor
    expectation = Expectation(
        service=service or "",
        environment=environment or "",
        highest_version=highest,
        now=datetime.now(UTC),
        python=python_tag(),
        running_digest=running or (lambda path: None),
    )
    return expectation, left_out


def _running(home: Home | None, sources: Path | None) -> Callable[[str], str | None] | None:
    """How to look up the digest of a source that runs; None if the sources are not known."""
    from hotpatch_agent.process.layers import digest_of, layer

    root = sources or (Path(home.service.root) if home is not None and home.service.root else None)
    if root is None:
        return None

    def disk(path: str) -> str | None:
        file = root / path
        return digest_of(file.read_bytes()) if file.is_file() else None

    if sources is not None or home is None:
        return disk
    from hotpatch import bundle as bundles
    from hotpatch_agent.cli.origin import history_of

    head = [
        bundles.inspect(bundles.read(home.bundle(entry.digest))).release for entry in history_of(home).head
    ]
    return layer(head, disk).running(disk)


def _line(number: int, finding: Finding) -> tuple[object, ...]:
    from rich.text import Text

    if finding.error is not None:
        return (
            f"  {number:2}",
            Text("no", style="bold red"),
            finding.says,
            Text(str(finding.error), style="red"),
        )
    if finding.skipped:
        return f"  {number:2}", Text("--", style="dim"), finding.says, Text(finding.skipped, style="dim")
    return f"  {number:2}", Text("ok", style="green"), finding.says, ""


def _data(finding: Finding) -> dict[str, object]:
    verdict = None if finding.skipped else finding.error is None
    error = type(finding.error).__name__ if finding.error else None
    return {
        "rule": finding.rule,
        "holds": verdict,
        "error": error,
        "reason": str(finding.error) if finding.error else finding.skipped,
    }
