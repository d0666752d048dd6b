"""The diagram of the stations and the table of the verbs, drawn from the table that a rollout goes by.

python -m hotpatch_agent.rollout.diagram docs/rollouts.md     # redraws both there
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from hotpatch_agent.rollout.states import ENDED, TABLE, VERBS, Event, Station, To

BEGIN: Final = "```mermaid\n"
END: Final = "```\n"
VERBS_BEGIN: Final = "<!-- verbs -->\n"
VERBS_END: Final = "<!-- end of verbs -->\n"

# Ways that nearly every station has; with them the picture would be all arrows.
_LEFT_OUT: Final = {
    (Event.PAUSE, Station.PAUSED),
    (Event.WORSE, Station.REVERTING),
    (Event.LOST, Station.REVERTING),
    (Event.OVERDUE, Station.REVERTING),
    (Event.ROLLBACK, Station.REVERTING),
    (Event.ABORT, Station.ABORTING),
    (Event.SUPERSEDED, Station.YIELDING),
    (Event.FROZEN, Station.HELD),
}


def draw() -> str:
    """A mermaid state diagram: an arrow for each way from one station to another, but for those of nearly
    all."""
    lines = ["stateDiagram-v2", f"    [*] --> {_id(Station.WAITING)}"]
    for station, row in TABLE.items():
        for after in Station:
            events = [e.value for e, to in row.items() if to is after and (e, after) not in _LEFT_OUT]
            if events:
                lines.append(f"    {_id(station)} --> {_id(after)}: {', '.join(events)}")
    lines += [f"    {_id(station)} --> [*]" for station in ENDED]
    return "\n".join(lines) + "\n"


def verbs() -> str:
    """A table: what each verb does at each station; empty where it is refused."""
    lines = [
        "| | " + " | ".join(f"`{verb.value}`" for verb in VERBS) + " |",
        "| --- |" + " --- |" * len(VERBS),
    ]
    for station, row in TABLE.items():
        cells = (_cell(row.get(verb)) for verb in VERBS)
        lines.append(f"| {station.value} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def redraw(text: str) -> str:
    """The page with its diagram and table as they should be.  ValueError if it has no place for one."""
    for begin, end, drawing in ((BEGIN, END, draw()), (VERBS_BEGIN, VERBS_END, verbs())):
        before, found, rest = text.partition(begin)
        _, ended, after = rest.partition(end)
        if not found or not ended:
            raise ValueError(f"the page has no {begin.strip()} block")
        text = before + begin + drawing + end + after
    return text


def _cell(to: Station | To | None) -> str:
    if to is None:
        return ""
    if isinstance(to, Station):
        return to.value
    return {To.BACK: "where it was", To.VIA: "as where it was", To.STAY: "stays"}[to]


def _id(station: Station) -> str:
    return station.value.replace(" ", "_")


if __name__ == "__main__":
    page = Path(sys.argv[1])
    page.write_text(redraw(page.read_text(encoding="utf-8")), encoding="utf-8")
