"""What happened when: the drill's steps, and what the service decided meanwhile, in one line of time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from hotpatch_agent.drill.score import Moment, Step

OPERATOR, SERVICE = "operator", "service"


def ledger(records: Iterable[Mapping[str, Any]], began_at: float) -> tuple[Moment, ...]:
    """The ledger's records, as `hotpatch log --json` gives them; `began_at` in seconds since 1970."""
    return tuple(
        Moment(datetime.fromisoformat(record["time"]).timestamp() - began_at, SERVICE, record["text"])
        for record in records
    )


def merged(steps: Iterable[Step], decided: Iterable[Moment]) -> tuple[Moment, ...]:
    """All of it, in the order in which it began."""
    done = (Moment(step.at, OPERATOR, step.name) for step in steps)
    return tuple(sorted((*done, *decided), key=lambda moment: moment.at))
