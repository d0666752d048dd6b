"""The leader's rehearsal of the release in progress, on a thread of its own so that the agent goes on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from attrs import evolve

from hotpatch import epochs
from hotpatch.errors import Busy, CheckDied, HotpatchError, PatchRefused
from hotpatch.native import original
from hotpatch.plan import Effect
from hotpatch.rehearsal import Limits, Verdict, refusal, rehearse
from hotpatch.rehearsal.verdict import MIB
from hotpatch.release import Release
from hotpatch_agent.decision.observe import Rehearsal
from hotpatch_agent.home.facts import How
from hotpatch_agent.home.folder import Service
from hotpatch_agent.home.status import Blocker, Problem
from hotpatch_agent.native import start_thread
from hotpatch_agent.process import fresh
from hotpatch_agent.process.adopt import Steps
from hotpatch_agent.process.layers import covered
from hotpatch_agent.process.program import Program
from hotpatch_agent.process.worker_classes import lifespan_state

PATIENCE: Final = 0.1
"""Seconds for which the first fork waits for a moment without requests; they are not held up for it."""


class Rehearsing:
    """At most one rehearsal at a time.  `begin` and `take` are for the agent's thread; `done` is called from
    the rehearsal's."""

    def __init__(self, program: Program, app: Any, worker: Any, done: Callable[[], None]) -> None:
        self._program = program
        self._app = app
        self._worker = worker
        self._done = done
        self._errand: int | None = None
        self._result: Rehearsal | None = None
        self._called_off = False
        self._cumulative = False

    @property
    def busy_with(self) -> int | None:
        """The errand whose release is being rehearsed just now."""
        return self._errand if self._result is None else None

    def begin(self, errand: int, release: Release, limits: Limits, cumulative: bool) -> None:
        """Starts rehearsing; once it is over, `done` is called and `take` gives the outcome."""
        self._errand, self._result, self._called_off = errand, None, False
        self._cumulative = cumulative
        start_thread(lambda: self._run(errand, release, limits), "hotpatch-rehearsal")

    def call_off(self) -> None:
        """Nobody wants the outcome any more."""
        self._called_off = True

    def take(self) -> Rehearsal | None:
        """The outcome of the last rehearsal, if it is over."""
        return self._result

    def _run(self, errand: int, release: Release, limits: Limits) -> None:
        began = time.monotonic()
        try:
            verdict = self._rehearse(release, limits)
        except HotpatchError as error:
            verdict = refusal(error)
        except Exception as error:  # noqa: BLE001  (a serving worker's thread: whatever it is, it is the verdict)
            verdict = refusal(CheckDied(f"it could not be rehearsed: {type(error).__name__}: {error}"))
        steps = ", ".join(f"{step} {seconds:.2f} s" for step, seconds in verdict.seconds.items())
        self._worker.log.info(
            "hotpatch: release %s rehearsed: %s (%s)", release.version, _said(verdict), steps
        )
        self._result = observed(errand, verdict, round(time.monotonic() - began, 3))
        self._done()

    def _rehearse(self, release: Release, limits: Limits) -> Verdict:
        verdict = self._in_a_fork(release, limits)
        if verdict.effect is not Effect.RELOAD:
            return verdict
        overlay = covered({} if self._cumulative else self._program.overlay, release)
        target = getattr(self._worker.app, "app_uri", None) or release.app
        started = fresh.check(
            release, overlay, str(self._program.root), target, limits, lambda: self._called_off
        )
        seconds = {**verdict.seconds, **started.seconds}
        return evolve(verdict if started.effect is Effect.RELOAD else started, seconds=seconds)

    def _in_a_fork(self, release: Release, limits: Limits) -> Verdict:
        if release.plan.effect is not Effect.LIVE:
            return planned(release)
        steps = Steps(self._program, release, self._app, self._cumulative)
        state = lifespan_state(self._worker)
        return rehearse(
            steps,
            release.checks,
            self._app,
            limits,
            state=state,
            quiet=quiet,
            called_off=lambda: self._called_off,
        )


def limits(release: Release, service: Service) -> Limits:
    """What a rehearsal may take: the author's choice, then the service's, then the usual."""

    def setting(name: str, usual: float) -> float:
        text = release.settings.get(name, service.settings.get(name, ""))
        try:
            return float(text) if text else usual
        except ValueError:
            return usual

    usual = Limits()
    return Limits(
        check_seconds=setting("check_seconds", usual.check_seconds),
        step_seconds=setting("step_seconds", usual.step_seconds),
        memory=int(setting("rehearsal_mib", usual.memory / MIB) * MIB),
    )


@contextmanager
def quiet(attempt: int) -> Iterator[None]:
    """A moment to fork at: hoped for at first, made when that was not good enough."""
    if attempt == 0:
        _hope_for_quiet()
        yield
        return
    try:
        with epochs.barrier():
            yield
    except Busy:
        yield


def _hope_for_quiet() -> None:
    sleep = original("time", "sleep")
    end = time.monotonic() + PATIENCE
    while epochs.requests_in_flight() and time.monotonic() < end:
        sleep(0.001)


def planned(release: Release) -> Verdict:
    """The verdict on a release whose plan says beforehand that it can't go live."""
    reasons = tuple(
        f"{f'{edit.module}.{edit.name}'.rstrip('.')}: {edit.reason}"
        for edit in release.plan.edits
        if edit.effect is release.plan.effect
    )
    if release.plan.effect is Effect.REFUSE:
        return refusal(PatchRefused(reasons[0] if reasons else "the plan refuses it"))
    return Verdict(Effect.RELOAD, findings=reasons)


def _said(verdict: Verdict) -> str:
    said = verdict.reason or (verdict.findings[0] if verdict.findings else "")
    return f"{verdict.effect.value}: {said}" if said else verdict.effect.value


def observed(errand: int, verdict: Verdict, seconds: float) -> Rehearsal:
    """The verdict as the leader's decisions take it."""
    blockers = tuple(Blocker("code", blocker) for blocker in verdict.blockers)
    problem: Problem | None = None
    how: How | None = None
    try:
        verdict.raise_refusal()
        how = How.LIVE if verdict.effect is Effect.LIVE else How.RELOAD
    except HotpatchError as error:
        problem = Problem.of(error)
    reason = verdict.reason or (verdict.findings[0] if verdict.findings else "")
    return Rehearsal(errand, how, problem, reason, seconds, verdict.findings, blockers)
