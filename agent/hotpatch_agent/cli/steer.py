"""What is asked of a rollout: put into the spool, answered by the ledger, followed until it rests again."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from hotpatch import errors
from hotpatch_agent.cli import tell
from hotpatch_agent.cli.amounts import SECONDS
from hotpatch_agent.cli.command import Command, cli_command, home_option
from hotpatch_agent.cli.follow import looks
from hotpatch_agent.cli.person import person
from hotpatch_agent.cli.push import raise_problem
from hotpatch_agent.cli.rollout_view import data, sentence
from hotpatch_agent.cli.terminal import Terminal
from hotpatch_agent.decision.history import History
from hotpatch_agent.home import facts, spool
from hotpatch_agent.home.folder import Home, open_home
from hotpatch_agent.home.status import read_roll
from hotpatch_agent.rollout.progress import Progress
from hotpatch_agent.rollout.states import STOPPED, Event, Station
from hotpatch_agent.rollout.steps import exit_code

ANSWERED: Final = 30.0
"""Seconds within which the service answers, if a worker lives."""
STOPPING: Final = (Event.ABORT.value, Event.ROLLBACK.value, Event.PAUSE.value)


def verb_command(event: Event, summary: str, examples: list[str]) -> Command:
    """The command of a verb: asks, waits for the answer, and until the rollout is at rest again."""

    @home_option
    @click.option("--reason", default="", help="Why, for the ledger.")
    @click.option(
        "--wait",
        type=SECONDS,
        metavar="SECONDS",
        default=60.0,
        show_default=True,
        help="How long to wait until the rollout is where it was sent.",
    )
    def command(terminal: Terminal, home: Path, reason: str, wait: float, full: bool = False) -> int:
        place = open_home(home.absolute())
        meant = Event.PROMOTE_FULL if full else event
        return ask(terminal, place, spool.Request(meant.value, by=person(), reason=reason), wait)

    command.__doc__ = summary
    if event is Event.PROMOTE:
        command = click.option("--full", is_flag=True, help="Skip the steps that are left.")(command)
    return cli_command(event.value, examples=examples)(command)


def ask(terminal: Terminal, home: Home, request: spool.Request, wait: float) -> int:
    """Ask, and follow what comes of it.  Raises the error that the service answers with."""
    answer, history = answer_to(terminal, home, request), History(home.ledger)
    history.refresh()
    if isinstance(answer, facts.Moved):
        for records in looks(home, history, wait):
            for record in records:
                terminal.say(tell.fact(record.fact))
            if _rests(history.state.progress):
                break
    progress = history.state.progress
    # Whoever asked it to stop or to go back is not disappointed that it has.
    code = 0 if progress is None or request.kind in STOPPING else exit_code(progress) or 0
    return terminal.finish(sentence(progress), data(progress, history.state), code)


def answer_to(terminal: Terminal, home: Home, request: spool.Request) -> facts.Fact:
    """Ask; the record that answers.  Raises the error that the service answers with."""
    history = History(home.ledger)
    history.refresh()
    if not read_roll(home.workers).alive:
        raise errors.NoWorkerAlive(f"no worker of {home.service.name} is alive to do it: start the service")
    name = spool.ask(home.spool, request)
    for records in looks(home, history, ANSWERED):
        for record in records:
            if _answers(record.fact, name):
                if isinstance(record.fact, facts.Refused):
                    raise_problem(record.fact.problem)
                terminal.say(tell.fact(record.fact))
                return record.fact
    spool.remove(home.spool, name)
    raise errors.OutcomeUnknown(f"nobody answered within {ANSWERED:g} s; nothing was changed")


def _answers(fact: facts.Fact, name: str) -> bool:
    return name in (getattr(fact, "request", ""), getattr(fact, "name", ""))


def _rests(progress: Progress | None) -> bool:
    """Does it stay where it is for a while, or for good?"""
    if progress is None:
        return True
    kept = progress.station is Station.KEEPING and progress.strategy.keep > 0
    return kept or progress.ended or progress.station in (*STOPPED, Station.WATCHING)
