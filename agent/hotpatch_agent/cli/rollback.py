"""`hotpatch rollback`: back to an earlier release, by the same road as forward."""

from __future__ import annotations

from pathlib import Path

import click

from hotpatch import errors
from hotpatch_agent import clock
from hotpatch_agent.cli.amounts import SECONDS
from hotpatch_agent.cli.command import cli_command, home_option
from hotpatch_agent.cli.ending import finish
from hotpatch_agent.cli.follow import Trail
from hotpatch_agent.cli.person import person
from hotpatch_agent.cli.push import watch
from hotpatch_agent.cli.steer import ask
from hotpatch_agent.cli.terminal import Terminal
from hotpatch_agent.decision.history import History
from hotpatch_agent.home import spool
from hotpatch_agent.home.folder import open_home
from hotpatch_agent.home.status import read_roll


@cli_command(
    "rollback",
    examples=[
        "hotpatch rollback",
        "hotpatch rollback --to 5 --reason 'totals are wrong'",
        "hotpatch rollback --to 0        # the code as it is on disk",
    ],
)
@home_option
@click.option(
    "--to", "to", type=click.IntRange(0), metavar="N", help="The release to go to; 0: the code on disk."
)
@click.option("--reason", default="", help="Why, for the ledger.")
@click.option(
    "--wait",
    "wait",
    type=SECONDS,
    metavar="SECONDS",
    default=300.0,
    show_default=True,
    help="How long to wait for the end.",
)
def command(terminal: Terminal, home: Path, to: int | None, reason: str, wait: float) -> int:
    """Go back to an earlier release.

    Without --to it is the one below the topmost. With it, any release that the service still keeps, also
    forward again. A release that is on its way and not committed yet is called off.
    """
    place = open_home(home.absolute())
    history = History(place.ledger)
    history.refresh()
    if not read_roll(place.workers).alive:
        raise errors.NoWorkerAlive(
            f"no worker of {place.service.name} is alive to go back: start the service, then ask again"
        )
    if to is None and history.state.underway is not None:
        return ask(terminal, place, spool.Request("rollback", to, person(), reason), wait)
    trail = Trail(spool.new_name() + spool.REQUEST, clock.now())
    request = spool.Request("rollback", to, person(), reason)
    spool.ask(place.spool, request, trail.name.removesuffix(spool.REQUEST))
    last = watch(terminal, place, history, trail, wait)
    if last.trail.version is None and last.trail.end is None:
        spool.remove(place.spool, trail.name)
    return finish(terminal, last, wait)
