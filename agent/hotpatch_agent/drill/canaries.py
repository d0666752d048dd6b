"""Acts with releases that a part of the users gets first, and what must be seen of them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from hotpatch.errors import Busy, OutcomeUnknown, ReleaseFailed
from hotpatch_agent.drill.chronicle import Chronicle
from hotpatch_agent.drill.commands import Done
from hotpatch_agent.drill.failure import DrillFailed
from hotpatch_agent.drill.patches import Patch
from hotpatch_agent.drill.play import Play
from hotpatch_agent.drill.score import ERRED, MIB
from hotpatch_agent.drill.visitor import KEY, OpenPage, asks_rollout
from hotpatch_agent.load.account import Report, Sight
from hotpatch_agent.rollout.states import Station

BY_HAND = ("--canary", "25%", "--key", KEY)
"""A share of the visitors, until somebody promotes or aborts."""
VISITORS = range(1, 201)
WATCHED_SECONDS = 3.0
"""How long the load runs beside a canary by hand, so that all visitors come by."""
GIVEN_BACK_MIB = 80
"""What a service grows by in the course of such a drill anyhow, with room; the leak is more than that."""
IDLE_SECONDS = 2.0


def taken_back(play: Play, creeping: Patch) -> None:
    """A canary that is slower takes itself back."""
    play.sees("old")
    play.takes_itself_back(creeping)
    play.sees("old")


def taken_back_for_few(play: Play, creeping: Patch) -> None:
    """A canary that errs for two percent of its users takes itself back, and they alone have seen it."""
    play.sees("old")
    flags = ("--canary", "50%", "--key", KEY, "--step-time", "1s", "--wait", "180")
    play.takes_itself_back(creeping, *flags, because="error")
    play.sees("old")

    def alone(report: Report) -> str:
        few, others = (report.labels(f"{creeping.name}: {who}") for who in ("each fiftieth", "all others"))
        if others.get(ERRED) or not few.get(ERRED):
            raise DrillFailed(f"the two percent saw {dict(few)}, all others {dict(others)}")
        seen = few[ERRED], others.get("new", 0)
        return f"{seen[0]} errors at them, none at the {seen[1]:,} answers that others got of the new version"

    play.claims("looks into the account: nobody but two percent of the users saw an error?", alone)
    play.claims("looks into the account: nobody saw it afterwards?", lambda report: _over(play, report))


def growing(play: Play, leak: Patch) -> None:
    """A canary whose workers grow takes itself back, and the memory is given back."""
    play.sees("old")
    before = play.stage.service.memory()
    flags = ("--canary", "50%", "--step-time", "5m", "--wait", "240")
    play.takes_itself_back(leak, *flags, because="has grown by")

    def given_back() -> str:
        deadline = time.monotonic() + 60
        while (held := play.stage.service.memory() - before) > GIVEN_BACK_MIB * MIB:
            if time.monotonic() > deadline:
                raise DrillFailed(f"a minute later the service still holds {held / MIB:.0f} MiB more")
            time.sleep(0.1)
        return f"yes, to {max(0, held) / MIB:.0f} MiB"

    play.step("looks whether the memory was given back", given_back)
    play.sees("old")


def aborted_for_some(play: Play, creeping: Patch) -> None:
    """A canary by hand errs for some of those who get it; they alone see it, and nobody after the abort."""
    play.sees("old")
    bundle = play.builds(creeping)
    seen: dict[int, str] = {}
    with _Pages(play) as pages:
        watched = _gives_to_a_share(play, bundle, creeping)
        play.step("asks for a quote as each of 200 visitors", lambda: _quotes(play, creeping, seen))
        play.step("looks at the page of one who gets it", lambda: _page_of_one(play, pages, seen))
        time.sleep(WATCHED_SECONDS)
        play.step("aborts it", lambda: _aborts(play, creeping))
    play.sees("old")
    play.step("asks again as those who had it", lambda: _all_old(play, creeping, seen))
    play.claims(
        "looks into the account: they alone saw it, and each one version all the time?",
        lambda report: _alone(report, watched, creeping, seen),
    )
    play.claims("looks into the account: nobody saw it afterwards?", lambda report: _over(play, report))


class _Pages:
    """Three visitors have the page open from before the release came; none on sync workers, which a stream
    has for itself."""

    def __init__(self, play: Play) -> None:
        self._play = play
        self.open: list[OpenPage] = []

    def __enter__(self) -> _Pages:
        if self._play.stage.options.streams:
            self.open = [OpenPage(self._play.stage.service, number) for number in VISITORS[:3]]
        return self

    def __exit__(self, *exc: object) -> None:
        for page in self.open:
            page.close()

    def __iter__(self) -> Iterator[OpenPage]:
        return iter(self.open)


def _gives_to_a_share(play: Play, bundle: Path, creeping: Patch) -> str:
    """The name of the load's phase in which a share of the visitors has the new version."""
    names: list[str] = []

    def give() -> str:
        play.phase(f"{creeping.name} begins", ("old",))
        done = play.stage.operator.try_push(bundle, *BY_HAND)
        if done.code or done.answer.get("outcome") != "on trial":
            raise DrillFailed(f"it should be on trial now: {done.message}")
        names.append(play.phase(f"{creeping.name} on trial", ("old",)))
        return done.message

    play.step("gives it to a quarter of the visitors", give)
    return names[0]


def _quotes(play: Play, creeping: Patch, seen: dict[int, str]) -> str:
    """Fills `seen`: which version each visitor gets, or that it errs."""
    probe = creeping.probe()
    for visitor in VISITORS:
        label = probe.judge(play.stage.inquiry.ask(probe.requests(visitor)))
        if label is None:
            raise DrillFailed(f"visitor {visitor} gets an answer of no version")
        seen[visitor] = label
    counts = {label: list(seen.values()).count(label) for label in ("old", "new", ERRED)}
    if not all(counts.values()):
        raise DrillFailed(f"there should be visitors of each kind: {counts}")
    return f"{counts['old']} get the old version, {counts['new']} the new one, {counts[ERRED]} an error of it"


def _page_of_one(play: Play, pages: _Pages, seen: Mapping[int, str]) -> str:
    visitor = next(number for number, label in seen.items() if label == "new")
    told = asks_rollout(play.stage.inquiry, visitor)
    version = told["rollout"]["release"]
    if told["answered_by"] != version or told["rollout"]["share"] != 0.25:
        raise DrillFailed(f"the page of visitor {visitor} is told {told}")
    streams = [page.release() for page in pages]
    if any(streams):
        raise DrillFailed(f"streams from before the release run on {streams}, not on the code on disk")
    beside = f"{len(streams)} streams beside it stay on the code on disk" if streams else "no stream is open"
    return f"visitor {visitor} is answered by release {version}, {told['rollout']['station']}; {beside}"


def _aborts(play: Play, creeping: Patch) -> str:
    play.phase(f"{creeping.name} goes back", ("old",))
    done = play.stage.operator.must("abort", "--reason", "a quarter of its users can't get a quote")
    play.phase(f"after {creeping.name}", ("old",))
    play.same_workers()
    return done.message


def _all_old(play: Play, creeping: Patch, seen: Mapping[int, str]) -> str:
    probe = creeping.probe()
    had = [visitor for visitor, label in seen.items() if label != "old"]
    still = [one for one in had if probe.judge(play.stage.inquiry.ask(probe.requests(one))) != "old"]
    if still:
        raise DrillFailed(f"visitors {still} still get another version than the old one")
    return f"all {len(had)} get the old version"


def _alone(report: Report, watched: str, creeping: Patch, seen: Mapping[int, str]) -> str:
    answers = erred = 0
    for sight in report.in_phase(watched):
        name, _, who = sight.subject.partition(": visitor ")
        if name == creeping.name and int(who) in seen:
            answers += sight.count
            erred += sight.count if sight.label == ERRED else 0
            if sight.label != seen[int(who)]:
                where = (
                    f"{sight.count} times, at worker {sight.worker}, after {_into(report, watched, sight)}"
                )
                raise DrillFailed(f"visitor {who} got {sight.label}, {where}; at first {seen[int(who)]}")
    if not erred:
        raise DrillFailed(f"of {answers} answers none erred: there was nothing to be seen")
    few = sum(label == ERRED for label in seen.values())
    return f"yes: {erred} errors in {answers:,} answers, all at the same {few} of {len(seen)} visitors"


def _into(report: Report, phase: str, sight: Sight) -> str:
    """How far into the phase that sight was."""
    began = min(each.first for each in report.in_phase(phase))
    return f"{sight.first - began:.2f} to {sight.last - began:.2f} s of that phase"


def _over(play: Play, report: Report) -> str:
    """In the last phase nobody gets anything of a release that is gone."""
    sights = report.in_phase(play.last_phase)
    others = {sight.subject: sight.label for sight in sights if sight.label in ("new", ERRED)}
    if others:
        raise DrillFailed(f"after it was gone there were answers of it: {others}")
    return f"nobody, in {sum(sight.count for sight in sights):,} answers"


def unseen(play: Play, fix: Patch) -> None:
    """Nobody comes, so nothing can be said of the new version: it is held, and goes back in the end."""
    play.sees("old")
    bundle = play.builds(fix)
    operator = play.stage.operator

    def push() -> str:
        done = operator.try_push(bundle, "--wait", "120")
        return _expect(done, OutcomeUnknown.exit_code, "held")

    chronicle = Chronicle(operator.home)
    play.step("pushes it as a canary, and nobody comes", push)
    play.step("waits whether anything promotes it", lambda: _stays_held(play))
    play.sees("old")

    def expires() -> str:
        chronicle.wait_until_at(Station.ROLLED_BACK)
        done = operator.command("status", "--wait", 60)
        station = done.answer["rollout"]["station"]
        if done.code != ReleaseFailed.exit_code or station != "rolled back":
            raise DrillFailed(f"status ended with code {done.code}, the rollout is {station}: {done.message}")
        return done.message

    play.step("leaves it to its deadline", expires)
    play.sees("old")


def _stays_held(play: Play) -> str:
    time.sleep(IDLE_SECONDS)
    done = play.stage.operator.command("status", "--wait", 1)
    station = done.answer["rollout"]["station"]
    if done.code != OutcomeUnknown.exit_code or station != "held":
        raise DrillFailed(f"status ended with code {done.code}, the rollout is {station}: {done.message}")
    return f"code {done.code}: {done.message}"


def superseded(play: Play, first: Patch, better: Patch) -> None:
    """A canary is on its way when a better fix comes: refused, until it is said that it takes its place."""
    play.sees("old")
    operator = play.stage.operator
    bundle = play.builds(first)
    chronicle = Chronicle(operator.home)
    under_way = operator.starts_push(bundle, "--canary", "10%", "--step-time", "10m", "--wait", "280")
    try:
        play.step("begins a canary of it", lambda: _is_watched(chronicle))
        second = play.builds(better)
        play.step(
            "pushes a better one beside it",
            lambda: _expect(operator.try_push(second), Busy.exit_code, ""),
        )

        def supersede() -> str:
            done = play.changes(lambda: operator.push(second, "--supersede"), "new")
            play.has_pushed(done.began)
            return done.message

        play.step("pushes it in its place", supersede)
        play.step(
            "looks what the first push says",
            lambda: _expect(under_way.finish(), ReleaseFailed.exit_code, "reverted"),
        )
    finally:
        under_way.end()
    play.sees("new")


def _is_watched(chronicle: Chronicle) -> str:
    return f"release {chronicle.wait_until_at(Station.WATCHING).version} gets its share"


def _expect(done: Done, code: int, outcome: str) -> str:
    """The command ended with this code and outcome (empty: it has none, it was an error)."""
    found = str(done.answer.get("outcome", ""))
    if done.code != code or found != outcome:
        raise DrillFailed(f"{done.command} ended with code {done.code} ({found}): {done.message}")
    return f"code {done.code}: {done.message}"
