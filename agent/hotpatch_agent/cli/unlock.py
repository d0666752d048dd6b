"""`hotpatch unlock`: the deploy lock."""

from __future__ import annotations

from pathlib import Path

import click

from hotpatch_agent.cli.command import cli_command, home_option
from hotpatch_agent.cli.person import person
from hotpatch_agent.cli.steer import answer_to
from hotpatch_agent.cli.terminal import Terminal
from hotpatch_agent.decision.history import History
from hotpatch_agent.home import spool
from hotpatch_agent.home.folder import open_home


@cli_command("unlock", examples=["hotpatch unlock", "hotpatch unlock --force"])
@home_option
@click.option("--force", is_flag=True, help="Also if somebody else holds it.")
def command(terminal: Terminal, home: Path, force: bool) -> int:
    """Let others push again."""
    place = open_home(home.absolute())
    history = History(place.ledger)
    history.refresh()
    lock = history.state.lock
    if lock is None:
        said = "Nobody holds the deploy lock: there was nothing to let go."
        return terminal.finish(said, {"locked": False, "by": None, "was": None})
    answer_to(terminal, place, spool.Request("unlock", by=person(), force=force))
    return terminal.finish("Others can push again.", {"locked": False, "by": person(), "was": lock.owner})
