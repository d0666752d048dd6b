"""Which drills there are, and which acts each of them has."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import Final

from attrs import field, frozen

from hotpatch_agent.drill import canaries, outages
from hotpatch_agent.drill.failure import DrillFailed
from hotpatch_agent.drill.patches import Patch
from hotpatch_agent.drill.play import Play
from hotpatch_agent.drill.score import Score, Step
from hotpatch_agent.drill.service import HOST
from hotpatch_agent.drill.stage import Options, Setting, stage

INCIDENT: Final = "incident"
FIXED, REFUSED, CREEPING = "wrong-total", "wrong-answer", "slow-quote"
"""The fault and the bad patches of the incident."""
OTHER_FIX: Final = "sql-injection"

GROWTH: Final = """\
[[check]]
name = "the workers don't grow"
kind = "memory"
most = 32
every = 1

[analysis]
latency_factor = 2
"""
BY_HAND: Final = 'on_worse = "alert"\n'
"""A person looks, and decides."""
UNSEEN: Final = """\
strategy = "canary"
deadline = "60s"

[canary]
key = "cookie:visitor"
steps = ["50% 1s..5s"]
"""

Acts = Callable[[Play], None]


@frozen
class Drill:
    name: str
    title: str
    fault: Patch
    """The fault whose answers are watched all the time."""
    acts: Acts
    also_probed: tuple[Patch, ...] = ()
    """Whose probes are in the load's traffic beside the fault's."""
    setting: Setting = field(factory=Setting)
    worker_classes: tuple[str, ...] = ("gthread", "sync", "asgi", "uvicorn")
    """Those on which there is such a story to tell."""

    def fits(self, options: Options) -> bool:
        """Can it be played so?"""
        return options.worker_class in self.worker_classes


def drills(patches: Mapping[str, Patch]) -> Mapping[str, Drill]:
    """All drills by name: the incident, then those of rollouts and outages, then one for each other patch."""
    fixed = patches[FIXED]
    found = [
        Drill(
            INCIDENT,
            "a fault found, fixed live, a bad patch refused, the fix rolled back and forward again, "
            "a canary that takes itself back",
            fixed,
            lambda play: incident(play, patches[REFUSED], patches[CREEPING]),
        ),
        *_of_rollouts(patches),
        *_of_outages(patches),
    ]
    named = {drill.name for drill in found}
    found += [_of_patch(patch, fixed) for patch in patches.values() if patch.name not in named]
    return {drill.name: drill for drill in found}


def _of_rollouts(patches: Mapping[str, Patch]) -> tuple[Drill, ...]:
    fixed, other = patches[FIXED], patches[OTHER_FIX]
    slow, some, few, leak = (patches[name] for name in (CREEPING, "some-users", "two-percent", "memory-leak"))
    return (
        _canary(slow, fixed, lambda play: canaries.taken_back(play, slow)),
        _canary(some, fixed, lambda play: canaries.aborted_for_some(play, some), some, rollout=BY_HAND),
        _canary(few, fixed, lambda play: canaries.taken_back_for_few(play, few), few),
        _canary(leak, fixed, lambda play: canaries.growing(play, leak), rollout=GROWTH),
        Drill(
            "no-traffic",
            "rollout: a canary that nobody comes to see; it is held, and goes back at its deadline",
            fixed,
            lambda play: canaries.unseen(play, fixed),
            setting=Setting(rollout=UNSEEN, quiet=True),
        ),
        Drill(
            "superseding-push",
            "rollout: a better fix comes while a canary is on its way",
            fixed,
            lambda play: canaries.superseded(play, other, fixed),
        ),
    )


def _of_outages(patches: Mapping[str, Patch]) -> tuple[Drill, ...]:
    fixed, stillborn, awkward = patches[FIXED], patches["fresh-process"], patches["endless-stream"]
    return (
        Drill(
            "leader-killed",
            "outage: the worker that decides is killed mid-push",
            fixed,
            outages.leader_killed,
        ),
        Drill(
            "terminal-closed",
            "outage: the terminal of whoever pushes is closed mid-push",
            fixed,
            outages.terminal_closed,
        ),
        Drill(
            stillborn.name,
            f"outage: {stillborn.title}",
            fixed,
            lambda play: outages.cannot_start(play, stillborn),
            setting=Setting(streams=False),
        ),
        Drill(
            awkward.name,
            f"outage: {awkward.title}",
            fixed,
            lambda play: outages.never_ends(play, awkward),
            setting=Setting(streams=False),
            worker_classes=("gthread", "asgi", "uvicorn"),
        ),
    )


def _canary(creeping: Patch, fixed: Patch, acts: Acts, *probed: Patch, rollout: str = "") -> Drill:
    title = f"canary: {creeping.title}"
    return Drill(creeping.name, title, fixed, acts, probed, Setting(rollout=rollout))


def _of_patch(patch: Patch, fixed: Patch) -> Drill:
    if patch.kind == "fault":
        return Drill(patch.name, f"fault: {patch.title}", patch, mended)
    return Drill(patch.name, f"bad patch: {patch.title}", fixed, lambda play: refused(play, patch))


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


def run(
    drill: Drill,
    options: Options,
    say: Callable[[Step], None],
    opened: Callable[[str], None] = lambda url: None,
) -> Score:
    """Play one drill to its end, or to the first step that goes wrong, and account for it.  `opened` is told
    where the shop's page is, for whoever wants to look on."""
    with stage(options, (drill.fault, *drill.also_probed), drill.setting) as set_stage:
        opened(f"http://{HOST}:{set_stage.service.port}/")
        play = Play(set_stage, drill.fault, say)
        # A step that failed is in the score, which says what happened to the requests as well.
        with contextlib.suppress(DrillFailed):
            drill.acts(play)
        return play.score(drill.name)
