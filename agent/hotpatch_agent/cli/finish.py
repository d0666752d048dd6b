"""`hotpatch finish`: a transition that does not end by itself is ended, worker by worker or by force."""

from __future__ import annotations

import time
from pathlib import Path

import click

from hotpatch import errors
from hotpatch_agent import clock
from hotpatch_agent.cli import tell
from hotpatch_agent.cli.amounts import SECONDS
from hotpatch_agent.cli.command import cli_command, home_option
from hotpatch_agent.cli.follow import looks
from hotpatch_agent.cli.person import person
from hotpatch_agent.cli.steer import answer_to
from hotpatch_agent.cli.terminal import Terminal
from hotpatch_agent.decision.history import History
from hotpatch_agent.decision.observe import Observations
from hotpatch_agent.decision.states import Stage
from hotpatch_agent.decision.transition import is_over
from hotpatch_agent.decision.view import View
from hotpatch_agent.home import facts, spool
from hotpatch_agent.home.folder import Home, open_home
from hotpatch_agent.home.status import Roll, read_roll


@cli_command(
    "finish",
    examples=["hotpatch finish", "hotpatch finish --force --reason 'the stream must show the right price'"],
)
@home_option
@click.option(
    "--force",
    is_flag=True,
    help="The last resort: requests in flight go on with new code, and see a mixture. It leaves a mark.",
)
@click.option("--reason", default="", help="Why, for the ledger.")
@click.option(
    "--wait",
    type=SECONDS,
    metavar="SECONDS",
    default=300.0,
    show_default=True,
    help="How long to wait for the end.",
)
def command(terminal: Terminal, home: Path, force: bool, reason: str, wait: float) -> int:
    """End a transition that doesn't end by itself.

    `hotpatch status` says which workers still run old code, and what keeps them: a request, a thread, a task.
    They are replaced, one at a time, a new worker serving before an old one is asked to go. With --force they
    stay, and requests in flight go on with the new code in the middle; old code that is in a loop of its own
    goes on even then. Exit code 0: nothing runs old code any more; 2: something does; 41: nothing did.
    """
    place = open_home(home.absolute())
    asked = spool.Request("finish", by=person(), reason=reason, force=force)
    answer = answer_to(terminal, place, asked)
    assert isinstance(answer, facts.Finishing)
    history = History(place.ledger)
    history.refresh()
    for records in looks(place, history, wait):
        for record in records:
            terminal.say(tell.fact(record.fact))
        roll = read_roll(place.workers)
        if _is_done(history, roll):
            what = tell.release(answer.version)
            forced = " It was forced: requests in flight may have seen both versions." if force else ""
            return terminal.finish(
                f"Nothing runs old code any more; {what} is everywhere.{forced}", _data(roll)
            )
    return _unfinished(terminal, place, wait)


def _is_done(history: History, roll: Roll) -> bool:
    view = View(history.state, Observations("", roll.alive), clock.now())
    at_rest = history.state.stage is Stage.IDLE and history.state.replacement is None
    return at_rest and bool(view.voters) and is_over(view)


def _unfinished(terminal: Terminal, home: Home, wait: float) -> int:
    roll = read_roll(home.workers)
    for one in roll.alive:
        for blocker in one.blockers:
            age = tell.span(max(0.0, time.time() - blocker.since))
            terminal.say(f"  worker {one.pid} still runs old code: {blocker}, since {age}")
    sentence = f"Old code goes on after {tell.span(wait)}; see `hotpatch status`."
    return terminal.finish(sentence, _data(roll), errors.OutcomeUnknown.exit_code)


def _data(roll: Roll) -> dict[str, object]:
    return {"blockers": {str(one.pid): [str(each) for each in one.blockers] for one in roll.alive}}
