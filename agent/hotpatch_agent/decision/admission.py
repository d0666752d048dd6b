"""At the door: what becomes of the next file in the spool.

One release at a time.  A rollback is never made to wait: before the commit it calls the release off, after
it, it goes back at once, whatever is on its way.  Only where workers give a release on trial they have to
hear of it first: their rollout takes it back, and then it is called off.
"""

from __future__ import annotations

from hotpatch import errors
from hotpatch_agent.decision.acts import Append, Decision, Discard, Forget, Keep
from hotpatch_agent.decision.observe import BundleSeen, RequestSeen
from hotpatch_agent.decision.rolling import is_verb
from hotpatch_agent.decision.states import Stage, State
from hotpatch_agent.decision.transition import finish
from hotpatch_agent.decision.view import View, being_replaced, names
from hotpatch_agent.home import facts
from hotpatch_agent.home.spool import Request
from hotpatch_agent.home.status import Problem
from hotpatch_agent.rollout import lock
from hotpatch_agent.rollout.progress import Locked, Moved, Unlocked
from hotpatch_agent.rollout.states import RETURNING, Event


def tidy(view: View) -> tuple[Decision, ...]:
    """Take away what is answered, and what dead workers left unreadable."""
    answered = set(view.state.answered)
    gone = tuple(Discard(item.name) for item in view.seen.spool if item.name in answered)
    return (*gone, *(Forget(worker) for worker in view.seen.debris))


def admit(view: View) -> tuple[Decision, ...]:
    """Answer the first file in the spool that has no answer yet; requests before bundles."""
    answered = set(view.state.answered)
    waiting = [item for item in view.seen.spool if item.name not in answered]
    for item in waiting:
        if isinstance(item, RequestSeen) and not is_verb(view.state, item) and not _waits(view.state, item):
            return (_answer_request(view, item),)
    for item in waiting:
        if isinstance(item, BundleSeen):
            return _answer_bundle(view, item)
    return ()


def _waits(state: State, item: RequestSeen) -> bool:
    """A rollback to another release, while the one on trial is being taken from those that run it."""
    request, trying = item.request, state.trying
    if request is None or item.problem is not None or request.kind != "rollback" or trying is None:
        return False
    return trying.ended or trying.station in RETURNING


def _answer_bundle(view: View, item: BundleSeen) -> tuple[Decision, ...]:
    course = lock.admit(view.state.lock, view.state.underway, item.by, item.supersede, item.force)
    gives_way = view.state.trying is not None and view.state.trying.ended
    if item.problem is None and (gives_way or course.course in (lock.Course.SUPERSEDE, lock.Course.WAIT)):
        return ()
    refusal = item.problem or unfit(view, item)
    if refusal is not None:
        return (Append(facts.Refused(item.name, refusal, item.version, item.digest)),)
    offered = facts.Offered(
        item.version, item.digest, item.name, item.message, item.terms, item.strategy, item.by
    )
    return (Keep(item.name, item.digest), Append(offered))


def unfit(view: View, item: BundleSeen) -> Problem | None:
    """Why a bundle that is good in itself can't be taken now; whoever pushes may ask beforehand."""
    state = view.state
    course = lock.admit(state.lock, state.underway, item.by, item.supersede, item.force)
    if course.course is lock.Course.REFUSE:
        return Problem.of((errors.DeployLocked if course.locked else errors.Busy)(course.reason))
    busy = _busy(view) if course.course is lock.Course.GO else None
    return busy or _unwanted(state, item)


def _busy(view: View) -> Problem | None:
    state, rollout = view.state, view.state.rollout
    if rollout is not None and rollout.stage is Stage.REVERTING:
        return Problem.of(
            errors.Busy(
                f"the service is on its way from {_release(rollout.leaving)} to {_release(rollout.version)}; "
                "push again when `hotpatch status` says that it is there"
            )
        )
    if rollout is not None:
        return Problem.of(
            errors.Busy(
                f"release {rollout.version} is on its way through this service; wait for it, "
                "or call it off with `hotpatch rollback`"
            )
        )
    if state.reload is not None:
        text = f"the workers are being replaced, as {state.reload.by} asked; do it again when that is done"
        return Problem.of(errors.Busy(text))
    if state.replacement is not None:
        text = f"{being_replaced(state.replacement.workers)}; push again when that is done"
        return Problem.of(errors.Busy(text))
    if view.behind:
        return Problem.of(
            errors.Busy(
                f"{names(view.behind)} still on the way to what the service runs; push again when "
                "`hotpatch status` shows every worker there"
            )
        )
    return None


def _unwanted(state: State, item: BundleSeen) -> Problem | None:
    if item.digest in state.quarantined:
        return Problem.of(
            errors.ReleaseQuarantined(
                f"release {item.version} is quarantined: workers crashed under it; build a new release"
            )
        )
    if item.version <= state.floor:
        old = f"release {item.version} is not newer than release {state.floor}, which this service has run"
        more = f"give it a version of {state.floor + 1} or more, or go back with `hotpatch rollback --to`"
        return Problem.of(errors.OldVersion(f"{old}; {more}"))
    return None


def _answer_request(view: View, item: RequestSeen) -> Append:
    request = item.request
    if item.problem is not None or request is None:
        refusal = item.problem or Problem.of(errors.BadRequest("it is no request"))
        return Append(facts.Refused(item.name, refusal))
    if request.kind in ("lock", "unlock"):
        return Append(_lock(view.state, item.name, request))
    if request.kind == "reload":
        return Append(_reload(view, item.name, request))
    if request.kind == "finish":
        return Append(finish(view, item))
    if request.kind != "rollback":
        text = (
            f"this hotpatch knows no request of the kind {request.kind!r}; use the one that the service uses"
        )
        return Append(facts.Refused(item.name, Problem.of(errors.BadRequest(text))))
    return Append(_roll_back(view.state, item.name, request))


def _lock(state: State, name: str, request: Request) -> facts.Fact:
    by = request.by or "somebody"
    if why := lock.may_lock(state.lock, by, request.force):
        return facts.Refused(name, Problem.of(errors.DeployLocked(why)))
    if request.kind == "lock":
        return Locked(by, request.reason, name)
    return Unlocked(by, name)


def _reload(view: View, name: str, request: Request) -> facts.Fact:
    by = request.by or "a person"
    if why := lock.may_lock(view.state.lock, by, request.force):
        return facts.Refused(name, Problem.of(errors.DeployLocked(why)))
    if view.state.underway is not None:
        text = f"the rollout of release {view.state.underway.version} is under way; reload when it is over"
        return facts.Refused(name, Problem.of(errors.Busy(text)))
    busy = _busy(view)
    return facts.Refused(name, busy) if busy else facts.Reloading(by, request.reason, name)


def _roll_back(state: State, name: str, request: Request) -> facts.Fact:
    by = request.by or "a person"
    reason = request.reason or f"asked for by {by}"
    top = state.top.version if state.top else 0
    rollout = state.rollout
    if state.trying is not None:  # workers may run it: it is over once they have heard, and this is next
        return Moved(state.trying.version, Event.ROLLBACK, reason, by)
    if rollout is not None and rollout.stage in (Stage.OFFERED, Stage.REHEARSED):
        # With a target that is not what runs anyway, the request is answered in the next round.
        answers = name if request.to is None or request.to == top else ""
        text = f"release {rollout.version} was called off by {by}; the old code never stopped serving"
        called_off = Problem.of(errors.ReleaseFailed(text))
        return facts.Failed(rollout.version, rollout.digest, called_off, request=answers)
    to = request.to
    if to is None and rollout is not None and rollout.stage is Stage.REVERTING:
        text = (
            f"the service is on its way from {_release(rollout.leaving)} to {_release(rollout.version)} "
            "already; to go elsewhere, name the release with --to"
        )
        return facts.Refused(name, Problem.of(errors.Busy(text)))
    if to is None:
        if state.top is None:
            text = "there is nothing to roll back: the service runs the code as it is on disk"
            return facts.Refused(name, Problem.of(errors.NoSuchRelease(text)))
        to = state.way_back
    if to == top:
        text = f"the service's head is {_release(to)} already"
        return facts.Refused(name, Problem.of(errors.NoSuchRelease(text)))
    if state.stack_under(to) is None:
        known = ", ".join(str(one.version) for one in state.known) or "none"
        text = f"release {to} is not kept here; those that are: {known}; 0 is the code on disk"
        return facts.Refused(name, Problem.of(errors.NoSuchRelease(text)))
    return facts.RolledBack(top, to, reason, request=name)


def _release(version: int) -> str:
    return f"release {version}" if version else "the code on disk"
