"""`hotpatch lock`: the deploy lock."""

from __future__ import annotations

from pathlib import Path

import click

from hotpatch_agent.cli.command import cli_command, home_option
from hotpatch_agent.cli.person import person
from hotpatch_agent.cli.steer import answer_to
from hotpatch_agent.cli.terminal import Terminal
from hotpatch_agent.home import spool
from hotpatch_agent.home.folder import open_home


@cli_command("lock", examples=["hotpatch lock 'the sale ends at six'"])
@home_option
@click.option("--force", is_flag=True, help="Also if somebody else holds it.")
@click.argument("message")
def command(terminal: Terminal, home: Path, message: str, force: bool) -> int:
    """Let nobody push but yourself.

    Until `hotpatch unlock`. Neither a way back nor a verb is locked: only what is new.
    """
    place = open_home(home.absolute())
    answer_to(terminal, place, spool.Request("lock", by=person(), reason=message, force=force))
    return terminal.finish(
        "Nobody but you can push until `hotpatch unlock`.", {"locked": True, "by": person()}
    )
