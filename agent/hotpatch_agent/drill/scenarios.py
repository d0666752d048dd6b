"""Which drills there are, and which acts each of them has."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping

from attrs import frozen

from hotpatch_agent.drill.failure import DrillFailed
from hotpatch_agent.drill.patches import Patch
from hotpatch_agent.drill.play import Play
from hotpatch_agent.drill.score import Score, Step
from hotpatch_agent.drill.stage import Options, stage

INCIDENT = "incident"
FIXED, REFUSED, CREEPING = "wrong-total", "wrong-answer", "slow-quote"
"""The fault and the bad patches of the incident."""


@frozen
class Drill:
    name: str
    title: str
    fault: Patch
    """The fault whose answers are watched all the time."""
    acts: Callable[[Play], None]


def drills(patches: Mapping[str, Patch]) -> Mapping[str, Drill]:
    """All drills by name: the incident, then one for each patch."""
    found = [
        Drill(
            INCIDENT,
            "a fault found, fixed live, a bad patch refused, the fix rolled back and forward again, "
            "a canary that takes itself back",
            patches[FIXED],
            lambda play: incident(play, patches[REFUSED], patches[CREEPING]),
        )
    ]
    for patch in patches.values():
        if patch.kind == "fault":
            found.append(Drill(patch.name, f"fault: {patch.title}", patch, mended))
        elif patch.kind == "creeping":
            title = f"canary: {patch.title}"
            found.append(
                Drill(patch.name, title, patches[FIXED], lambda play, bad=patch: taken_back(play, bad))  # type: ignore[misc]
            )
        else:
            title = f"bad patch: {patch.title}"
            found.append(Drill(patch.name, title, patches[FIXED], lambda play, bad=patch: refused(play, bad)))  # type: ignore[misc]
    return {drill.name: drill for drill in found}


def incident(play: Play, bad: Patch, creeping: Patch) -> None:
    mended(play)
    play.is_refused(bad)
    play.sees("new")
    play.rolls_back()
    play.sees("old")
    play.rolls_forward()
    play.sees("new")
    play.takes_itself_back(creeping)
    play.sees("new")


def mended(play: Play) -> None:
    play.sees("old")
    play.pushes(play.builds(play.fault))
    play.sees("new")


def refused(play: Play, bad: Patch) -> None:
    play.sees("old")
    play.is_refused(bad)
    play.sees("old")


def taken_back(play: Play, creeping: Patch) -> None:
    play.sees("old")
    play.takes_itself_back(creeping)
    play.sees("old")


def run(drill: Drill, options: Options, say: Callable[[Step], None]) -> Score:
    """Play one drill to its end, or to the first step that goes wrong, and account for it."""
    with stage(options, drill.fault) as set_stage:
        play = Play(set_stage, drill.fault, say)
        # A step that failed is in the score, which says what happened to the requests as well.
        with contextlib.suppress(DrillFailed):
            drill.acts(play)
        return play.score(drill.name)
