"""`hotpatch reload`: workers are replaced one at a time, as the sources on disk are; nothing is dropped."""

from __future__ import annotations

import getpass
import time
from pathlib import Path
from typing import Any, Final

import click

from hotpatch import errors
from hotpatch_agent.cli import tell
from hotpatch_agent.cli.amounts import SECONDS
from hotpatch_agent.cli.command import cli_command, home_option
from hotpatch_agent.cli.terminal import Terminal
from hotpatch_agent.decision.history import History
from hotpatch_agent.home import facts, spool
from hotpatch_agent.home.facts import Fact
from hotpatch_agent.home.folder import Home, open_home
from hotpatch_agent.home.status import Life, read_roll

LOOK: Final = 0.1
"""Seconds between two looks into the ledger."""


@cli_command("reload", examples=["hotpatch reload", "hotpatch reload --reason 'new translations' --wait 60"])
@home_option
@click.option("--reason", default="", help="Why, for the ledger.")
@click.option(
    "--wait",
    "wait",
    type=SECONDS,
    metavar="SECONDS",
    default=600.0,
    show_default=True,
    help="How long to wait for the end.",
)
def command(terminal: Terminal, home: Path, reason: str, wait: float) -> int:
    """Start every worker anew, one at a time, on the sources on disk.

    One at a time: a new worker serves before an old one is asked to go, and that one answers what it has
    accepted. A new worker that can't start ends it, with the old ones still there.
    """
    place = open_home(home.absolute())
    history = History(place.ledger)
    history.refresh()
    if not read_roll(place.workers).alive:
        raise errors.NoWorkerAlive(
            f"no worker of {place.service.name} is alive: start the service, it starts on what is on disk"
        )
    name = spool.ask(place.spool, spool.Request("reload", by=_person(), reason=reason))
    accepted, until = False, time.monotonic() + wait
    while True:
        for record in history.refresh():
            if not accepted and isinstance(record.fact, facts.Refused) and record.fact.name == name:
                problem = record.fact.problem
                data = {"outcome": "refused", "error": problem.error}
                return terminal.finish(f"Refused: {problem.text}", data, problem.code)
            accepted = accepted or getattr(record.fact, "request", "") == name
            if accepted and isinstance(record.fact, facts.Replacing | facts.Replaced):
                terminal.say(tell.fact(record.fact))
            if accepted and (ended := _ended(record.fact)) is not None:
                outcome, sentence, code = ended
                return terminal.finish(sentence, {"outcome": outcome, **_figures(record.fact)}, code)
        if time.monotonic() > until:
            break
        time.sleep(LOOK)
    if not accepted:
        spool.remove(place.spool, name)
    answering = _answering(place) if accepted else []
    what = "The reload goes on" if accepted else "The service has not answered"
    held = "".join(f"; {one}" for one in answering)
    sentence = f"{what} after {tell.span(wait)}{held}; see `hotpatch status`."
    unknown: dict[str, Any] = {"outcome": "unknown", "waits_for": answering}
    return terminal.finish(sentence, unknown, errors.OutcomeUnknown.exit_code)


def _answering(home: Home) -> list[str]:
    """The old workers that have been asked to go and still answer, with what."""
    leaving = [one for one in read_roll(home.workers).alive if one.life is Life.LEAVING]
    return [
        f"worker {one.pid} still answers {', '.join(blocker.what for blocker in one.blockers) or 'requests'}"
        for one in leaving
    ]


def _figures(fact: Fact) -> dict[str, Any]:
    return {"workers": fact.workers, "seconds": fact.seconds} if isinstance(fact, facts.Reloaded) else {}


def _ended(fact: Fact) -> tuple[str, str, int] | None:
    """Outcome, sentence and exit code, if this record ends a reload."""
    if isinstance(fact, facts.Reloaded):
        said = tell.fact(fact)
        code = fact.problem.code if fact.problem is not None else 0
        return ("reverted" if fact.problem else "done"), f"{said[:1].upper()}{said[1:]}.", code
    if isinstance(fact, facts.Started):
        return "done", "The service was started anew meanwhile: every worker is new.", 0
    if isinstance(fact, facts.RolledBack | facts.Quarantined):
        said = tell.fact(fact)
        return "reverted", f"The reload was ended: {said}.", errors.ReleaseFailed.exit_code
    return None


def _person() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "somebody without a name"
