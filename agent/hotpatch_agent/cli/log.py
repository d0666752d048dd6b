"""`hotpatch log`: what was decided, when, by whom and why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from hotpatch.errors import LedgerDamaged
from hotpatch_agent.cli import tell
from hotpatch_agent.cli.command import cli_command, home_option
from hotpatch_agent.cli.terminal import Terminal
from hotpatch_agent.decision.history import History
from hotpatch_agent.decision.view import plural
from hotpatch_agent.home.facts import encode
from hotpatch_agent.home.folder import open_home
from hotpatch_agent.home.ledger import Record


@cli_command(
    "log",
    examples=[
        "hotpatch log",
        "hotpatch log -n 50 --home /srv/shop/hotpatch",
        "hotpatch log --release 7 --json",
    ],
)
@home_option
@click.option(
    "-n",
    "number",
    type=click.IntRange(1),
    default=30,
    show_default=True,
    help="How many of the last records.",
)
@click.option("--release", type=click.IntRange(1), metavar="N", help="Only what concerns this release.")
def command(terminal: Terminal, home: Path, number: int, release: int | None) -> int:
    """Show the history of releases and decisions.

    The chain of the whole ledger is checked on the way; what does not fit is named, after the records.
    """
    place = open_home(home.absolute())
    history = History(place.ledger)
    damage: LedgerDamaged | None = None
    try:
        history.refresh()
    except LedgerDamaged as error:
        damage = error
    records = [one for one in history.ledger.history() if release is None or _concerns(one, release)][
        -number:
    ]
    for record in records:
        terminal.say(f"{record.seq:>5}  {record.at.text()}  {tell.fact(record.fact)}")
    if damage is not None:
        raise damage
    sentence = f"{plural(len(records), 'record')} of {history.state.seq}; the chain is whole."
    if history.ledger.torn is not None:
        sentence += f" Record {history.ledger.torn} is torn and will be passed over."
    return terminal.finish(sentence, {"records": [_data(record) for record in records]})


def _concerns(record: Record, version: int) -> bool:
    fact = record.fact
    versions = getattr(fact, "versions", None) or (getattr(fact, "version", None), getattr(fact, "to", None))
    return version in versions


def _data(record: Record) -> dict[str, Any]:
    kind, data = encode(record.fact)
    return {
        "seq": record.seq,
        "time": record.at.text(),
        "who": record.who,
        "kind": kind,
        "data": data,
        "text": tell.fact(record.fact),
        "digest": record.digest,
    }
