"""What happens in the rehearsal child: stage, commit, prove, check, each announced before it begins.

The proof comes before the checks: a check runs the program, which counts, caches and starts threads by it,
and none of that is the change's doing.
"""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn, Protocol

from attrs import define, evolve, field, frozen

from hotpatch.errors import CheckDied, HotpatchError, PatchInvalid, PatchRefused
from hotpatch.plan import Effect
from hotpatch.rehearsal import checks
from hotpatch.rehearsal.channel import LIST_LIMIT, Teller, short
from hotpatch.rehearsal.isolate import TooManyProcesses, isolate, lift_memory_limit
from hotpatch.rehearsal.verdict import Limits, Verdict, refusal
from hotpatch.release import Check


class Steps(Protocol):
    """How a change is applied and proven in this process.  Called in this order, once each, in the child."""

    def stage(self) -> Sequence[str]:
        """Builds the change aside; gives the blockers, as text.  Raises PatchRefused or PatchInvalid."""

    def commit(self) -> None:
        """Makes the change.  Raises PatchRefused."""

    def prove(self) -> Sequence[str]:
        """What is now unlike a fresh start of the new sources, as text; nothing if all is well."""


@frozen
class Rehearsal:
    """All that a child is told: what to apply (None: only check what runs), the checks, the application."""

    steps: Steps | None
    checks: Sequence[Check]
    app: Any
    state: Mapping[str, Any] | None = None


def live(rehearsal: Rehearsal, limits: Limits, pipe: int, worker: int) -> NoReturn:
    """The whole life of the child.  Never returns, whatever happens."""
    status = 1
    pid = os.getpid()
    teller = Teller(pipe)
    try:
        teller.tell(step="isolation")
        isolate(limits, pipe, worker)
        verdict = _Run(rehearsal, teller, pid).verdict()
        teller.tell(verdict=verdict.dump())
        sys.stdout.flush()
        sys.stderr.flush()
        status = 0
    except BaseException as error:  # noqa: BLE001  (a child of a live worker must end here, not in the worker's code)
        if os.getpid() == pid:
            traceback.print_exc()
            teller.tell(verdict=refusal(CheckDied(f"the rehearsal broke: {short(repr(error))}")).dump())
    finally:
        os._exit(status)


@define
class _Run:
    rehearsal: Rehearsal
    teller: Teller
    pid: int
    seconds: dict[str, float] = field(factory=dict)
    findings: list[str] = field(factory=list)
    blockers: list[str] = field(factory=list)

    def verdict(self) -> Verdict:
        """Runs all steps; errors that stand for an outcome become the verdict."""
        try:
            if self.rehearsal.steps is not None:
                self._apply(self.rehearsal.steps)
            for check in self.rehearsal.checks:
                with self._step(f"check {check.name}"):
                    checks.run(check, self.rehearsal.app, self.rehearsal.state)
        except PatchRefused as error:
            return self._with(Verdict(Effect.RELOAD, findings=(short(str(error)),)))
        except HotpatchError as error:
            return self._with(refusal(type(error)(short(str(error)))))
        if self.findings:
            return self._with(Verdict(Effect.RELOAD, findings=tuple(self.findings[:LIST_LIMIT])))
        return self._with(Verdict(Effect.LIVE))

    def _apply(self, steps: Steps) -> None:
        with self._step("stage"):
            self.blockers += [short(blocker) for blocker in steps.stage()]
        with self._step("commit"):
            steps.commit()
        with self._step("proof"):
            try:
                self.findings += [short(finding) for finding in steps.prove()]
            except PatchRefused as error:
                # It can't go live; whether it is any good, the checks are still asked.
                self.findings.append(short(str(error)))

    def _with(self, verdict: Verdict) -> Verdict:
        return evolve(verdict, blockers=tuple(self.blockers[:LIST_LIMIT]), seconds=self.seconds)

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        """Announces the step, so that the parent can name it if this process dies in it; times it."""
        self.teller.tell(step=name)
        began = time.monotonic()
        try:
            yield
        except MemoryError:
            lift_memory_limit()
            raise CheckDied(f"{name}: out of memory; the rehearsal may take no more") from None
        except TooManyProcesses:
            raise CheckDied(f"{name}: started more processes than a rehearsal may") from None
        except HotpatchError:
            raise
        except BaseException as error:
            said = "".join(traceback.format_exception_only(error)).strip()
            raise PatchInvalid(f"{name}: {said}") from error
        finally:
            if os.getpid() != self.pid:
                os._exit(0)  # a process that a check forked has come back out of the check
            self.seconds[name] = time.monotonic() - began
