"""Facts, statuses and spans of time in plain words, the same wherever people read them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from hotpatch_agent.decision.view import being_replaced, plural
from hotpatch_agent.home import facts
from hotpatch_agent.home.facts import Fact, How


def release(version: int) -> str:
    """`release 3`, or what 0 stands for."""
    return f"release {version}" if version else "the code on disk"


def span(seconds: float) -> str:
    """A length of time, to two places of what matters: `0.31 s`, `42 s`, `7 min`, `3 h`, `2 days`."""
    if seconds < 10:
        return f"{seconds:.2f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    if seconds < 172_800:
        return f"{seconds / 3600:.0f} h"
    return f"{seconds / 86_400:.0f} days"


def memory(number: int) -> str:
    """Bytes, in MiB."""
    return f"{number / (1 << 20):.0f} MiB" if number else "?"


def fact(of: Fact) -> str:
    """One line that says what was decided or found."""
    return _TELLERS[type(of)](of)


def _offered(of: facts.Offered) -> str:
    return f"release {of.version} is offered" + (f": {of.message}" if of.message else "")


def _refused(of: facts.Refused) -> str:
    what = "a request" if of.name.endswith(".request") else release(of.version) if of.version else "a bundle"
    return f"{what} is refused: {of.problem.text}"


def _rehearsed(of: facts.Rehearsed) -> str:
    verdict = "can go live" if of.how is How.LIVE else f"goes in by reload: {of.reason}"
    return f"release {of.version} {verdict} (rehearsed by {of.worker} in {span(of.seconds)})"


def _committed(of: facts.Committed) -> str:
    return f"release {of.version} is committed, {of.how.value}"


def _settled(of: facts.Settled) -> str:
    return f"{release(of.version)} runs in {plural(of.workers, 'worker')}, {span(of.seconds)} after it began"


def _failed(of: facts.Failed) -> str:
    return f"release {of.version} failed: {of.problem.text}"


def _rolled_back(of: facts.RolledBack) -> str:
    return f"back from {release(of.version)} to {release(of.to)}: {of.reason}"


def _quarantined(of: facts.Quarantined) -> str:
    return f"release {of.version} is quarantined: {of.reason}"


def _blocked(of: facts.Blocked) -> str:
    then = {"wait": "waited for", "reverse": "taken back", "reload": "ended by replacing the worker"}
    told = "; ".join(str(one) for one in of.blockers) or "it could not say what"
    return (
        f"{release(of.version)} is held up in worker {of.worker} after {of.seconds:g} s by {told}: "
        f"it is {then.get(of.then, of.then)}"
    )


def _finishing(of: facts.Finishing) -> str:
    how = "forces it onto requests in flight" if of.force else "has workers replaced that hold it up"
    return f"{of.by} ends the transition to {release(of.version)} and {how}" + (
        f": {of.reason}" if of.reason else ""
    )


def _crashed(of: facts.Crashed) -> str:
    return f"worker {of.worker} crashed under release {of.version} ({of.phase})" + (
        f": {of.reason}" if of.reason else ""
    )


def _replacing(of: facts.Replacing) -> str:
    return f"{being_replaced((of.worker, *of.others))}: {of.reason}"


def _replaced(of: facts.Replaced) -> str:
    return f"worker {of.worker} is done with" + (f": {of.reason}" if of.reason else "")


def _reloading(of: facts.Reloading) -> str:
    return f"{of.by} asks for new workers, one at a time" + (f": {of.reason}" if of.reason else "")


def _reloaded(of: facts.Reloaded) -> str:
    if of.problem is not None:
        return f"the reload was given up: {of.problem.text}"
    return f"{plural(of.workers, 'worker')} serve anew, {span(of.seconds)} after it was asked for"


def _absorbed(of: facts.Absorbed) -> str:
    versions = ", ".join(str(version) for version in of.versions)
    word = "release" if len(of.versions) == 1 else "releases"
    return f"{word} {versions} left the head: {of.reason or 'on disk by now'}"


def _moved(of: facts.Moved) -> str:
    where = f", step {of.step + 1}" if of.step is not None and of.step >= 0 else ""
    reason = f": {of.reason}" if of.reason else ""
    return f"rollout of release {of.version}: {of.event.value}{where}{reason}"


_TELLERS: Final[Mapping[type[Fact], Callable[[Any], str]]] = {
    facts.Offered: _offered,
    facts.Refused: _refused,
    facts.Rehearsed: _rehearsed,
    facts.Committed: _committed,
    facts.Settled: _settled,
    facts.Failed: _failed,
    facts.RolledBack: _rolled_back,
    facts.Quarantined: _quarantined,
    facts.Blocked: _blocked,
    facts.Finishing: _finishing,
    facts.Crashed: _crashed,
    facts.Replacing: _replacing,
    facts.Replaced: _replaced,
    facts.Reloading: _reloading,
    facts.Reloaded: _reloaded,
    facts.Absorbed: _absorbed,
    facts.Started: lambda of: f"a new master was started ({of.master})",
    facts.Repaired: lambda of: f"record {of.seq} was torn, and is passed over",
    facts.Began: lambda of: f"release {of.version} begins its way by {of.strategy.kind.value}",
    facts.Moved: _moved,
    facts.Locked: lambda of: f"{of.owner} locks deployment: {of.message}",
    facts.Unlocked: lambda of: f"{of.by} unlocks deployment",
    facts.Snapshot: lambda of: "all before this is summed up here",
}
