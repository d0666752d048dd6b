"""Acts in which something goes away, or won't: the leader, a terminal, a worker that must start, a stream."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

from hotpatch_agent.drill.chronicle import Chronicle
from hotpatch_agent.drill.failure import DrillFailed
from hotpatch_agent.drill.patches import Patch
from hotpatch_agent.drill.play import Play
from hotpatch_agent.drill.processes import peers, stop
from hotpatch_agent.drill.service import START_SECONDS
from hotpatch_agent.drill.visitor import OpenPage
from hotpatch_agent.home import facts
from hotpatch_agent.load.account import Report
from hotpatch_agent.load.wire import name

LOOK_SECONDS = 0.1


def leader_killed(play: Play) -> None:
    """The worker that decides is killed while the release is on its way; another one goes on."""
    play.sees("old")
    operator = play.stage.operator
    bundle = play.builds(play.fault)
    chronicle = Chronicle(operator.home)
    play.phase("old to new", ("old", "new"))
    push = operator.starts_push(bundle)
    try:
        play.step("pushes, and kills the leader in the middle of it", lambda: _kills_leader(play, chronicle))

        def ends() -> str:
            done = push.finish()
            if done.code:
                raise DrillFailed(f"the push ended with code {done.code}: {done.message}")
            operator.has_gone_live(bundle, int(done.answer["release"]))
            play.has_pushed(done.began)
            return done.message

        play.step("looks how the push ends", ends)
    finally:
        push.end()
    play.step("waits until the service has all its workers again", lambda: _complete(play))
    play.sees("new")
    play.claims("looks into the account: who was dropped?", lambda report: _only_theirs(play, report))


def _kills_leader(play: Play, chronicle: Chronicle) -> str:
    record = chronicle.wait_for(facts.Offered)
    pid = int(record.who.partition("-")[0])
    play.lost.add(pid)
    # Stopped first, so that what it has accepted is seen whole: most of it has had no answer that names it.
    stop(pid)
    play.held.update(map(name, peers(pid)))
    os.kill(pid, signal.SIGKILL)
    return f"the release was offered; worker {pid} led, and was killed"


def _complete(play: Play) -> str:
    play.same_workers()
    play.phase("all new", ("new",))
    return f"{len(play.stage.service.workers())} workers serve"


def _only_theirs(play: Play, report: Report) -> str:
    others = {end: count for end, count in report.dropped_at.items() if end not in play.taken}
    if others:
        raise DrillFailed(f"requests were dropped at other workers as well: {others}")
    taken = sum(report.dropped_at.values())
    answered = sum(sight.count for sight in report.sights if sight.worker in play.taken)
    return f"{taken} requests that the killed worker had begun, and no other; it had answered {answered:,}"


def terminal_closed(play: Play) -> None:
    """Whoever pushes loses the connection; the push goes on, and its end is found."""
    play.sees("old")
    operator = play.stage.operator
    bundle = play.builds(play.fault)
    chronicle = Chronicle(operator.home)
    play.phase("old to new", ("old", "new"))
    began = time.monotonic()
    with operator.pushes_in_window(bundle) as window:

        def hang_up() -> str:
            chronicle.wait_for(facts.Offered, window.look)
            code = window.close()
            if code not in (-signal.SIGHUP, 128 + signal.SIGHUP):
                raise DrillFailed(
                    f"the push should have ended by SIGHUP, not with code {code}: {window.shown}"
                )
            return "the release was offered, the window was closed, the command is gone"

        play.step("pushes in a terminal, and closes its window", hang_up)

    def found() -> str:
        done = operator.must("status", "--wait", 120)
        version = int(done.answer["head"][-1]["release"])
        told = [record["text"] for record in operator.records() if record["kind"] == "settled"]
        if not told or f"release {version}" not in told[-1]:
            raise DrillFailed(f"the log knows of no good end: {told}")
        operator.has_gone_live(bundle, version)
        play.has_pushed(began)
        play.phase("all new", ("new",))
        return f"{done.message} The log: {told[-1]}"

    play.step("looks for its end from another terminal", found)
    play.sees("new")


def cannot_start(play: Play, stillborn: Patch) -> None:
    """The release runs where it was put in, but no worker can be started on it: the service leaves it."""
    play.sees("old")
    bundle = play.builds(stillborn)
    operator = play.stage.operator

    def push() -> str:
        done = operator.must("push", bundle)
        operator.has_gone_live(bundle, int(done.answer["release"]))
        return done.message

    play.step("pushes it", push)
    play.step("asks a worker to end, as max_requests does", lambda: _renews_one(play))
    play.step("looks what the service runs", lambda: _has_left_it(play))
    play.sees("old")


def _renews_one(play: Play) -> str:
    service = play.stage.service
    before = service.workers()
    os.kill(before[0], signal.SIGTERM)
    _until(lambda: before[0] not in service.workers(), f"worker {before[0]} has ended")
    service.wait_until_ready()
    return f"worker {before[0]} ended, {sorted(set(service.workers()) - set(before))} came"


def _has_left_it(play: Play) -> str:
    operator = play.stage.operator
    done = operator.must("status", "--wait", 60)
    told = [record["text"] for record in operator.records() if record["kind"] == "quarantined"]
    if done.answer["head"] or not told:
        raise DrillFailed(f"the release should be in quarantine: {done.message} {told}")
    operator.release = 0
    return f"{done.message} The log: {told[-1]}"


def never_ends(play: Play, awkward: Patch) -> None:
    """A release that needs a moment without requests waits for a stream, by name, as it says itself."""
    play.sees("old")
    operator = play.stage.operator
    bundle = play.builds(awkward)
    page = OpenPage(play.stage.service, 1)
    push = operator.starts_push(bundle)
    try:
        play.step("pushes it while a page is open", lambda: _names_stream(play))
        play.step("closes the page", lambda: _goes_on(page))

        def ends() -> str:
            done = push.finish()
            if done.code:
                raise DrillFailed(f"the push ended with code {done.code}: {done.message}")
            operator.has_gone_live(bundle, int(done.answer["release"]))
            play.same_workers()
            return done.message

        play.step("looks how the push ends", ends)
    finally:
        page.close()
        push.end()
    play.sees("old")


def _names_stream(play: Play) -> str:
    found: list[str] = []

    def named() -> bool:
        workers = play.stage.operator.command("status").answer["workers"]
        found[:] = [str(one) for worker in workers for one in worker["blockers"] if "/events" in str(one)]
        return bool(found)

    _until(named, "status has named the stream that the release waits for")
    return f"status names it: {found[0]}"


def _goes_on(page: OpenPage) -> str:
    if page.ended:
        raise DrillFailed("the page's stream was cut, though the release says that it waits")
    page.close()
    return "its stream was open to the last"


def _until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise DrillFailed(f"waited {START_SECONDS:.0f} s in vain until {what}")
        time.sleep(LOOK_SECONDS)
