"""Hooks that must say yes: a command that exits with 0, an URL that answers 2xx.  No answer means no.

Several gates at one point are asked one after the other; the first no ends it.  What a gate at `rollback`
says is told, but holds nothing up: the way back is never barred.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hotpatch_agent.rollout import outside
from hotpatch_agent.rollout.seen import Answer
from hotpatch_agent.rollout.strategy import GateSpec


def ask(gates: tuple[GateSpec, ...], point: str, document: Mapping[str, Any]) -> Answer:
    """Ask every gate of this point.  Blocks for up to the sum of their timeouts; does not raise.

    The document says what is about to happen: `event` (`gate`), `at`, `release`, `step`, `attempt`, and `id`,
    by which a gate can know a question that it is asked again after a leader's death.
    """
    for gate in gates:
        if gate.at != point:
            continue
        sent = {**document, "event": "gate", "at": point}
        if gate.command:
            said, who = outside.run(gate.command, sent, gate.timeout), gate.command[0]
        else:
            said, who = outside.fetch(gate.url, gate.timeout, sent), gate.url
        if not said.ok:
            return Answer(False, f"the gate at {point!r} ({who}) said no: {said.told()}")
    return Answer(True)
