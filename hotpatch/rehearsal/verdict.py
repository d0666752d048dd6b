"""What a rehearsal is allowed to take, and what it comes to: two values.

A verdict crosses two process borders (child to worker by pipe, worker to leader by status file), so that
it holds nothing but text, numbers and names; it can be shown as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from hotpatch import errors
from hotpatch.plan import Effect

MIB = 1024 * 1024


@frozen
class Limits:
    """What the rehearsal child may take before it is ended.  Times are seconds of the wall clock."""

    check_seconds: float = 5.0
    """For one smoke check."""
    step_seconds: float = 60.0
    """For each of staging, commit and proof: a niced child on a busy machine is no fault of a patch."""
    total_seconds: float = 180.0
    memory: int = 512 * MIB
    """Bytes of address space over and above what the worker has when it forks."""
    processes: int = 16
    """Processes that all steps together may start."""
    report_bytes: int = MIB
    """What the child may write to its parent."""
    niceness: int = 5
    """It yields to requests, and still gets a quarter of what a busy process beside it gets: a fix for what
    keeps the processors busy must get through."""


@frozen
class Verdict:
    """What a rehearsal came to.

    `live`: the change was committed, checked and proven in the child.  `reload`: it has no sound live form
    here, `findings` say why.  `refuse`: the service must not run it; `error` is the name of the class
    in `hotpatch.errors`, `reason` its text.
    """

    effect: Effect
    error: str = ""
    reason: str = ""
    findings: tuple[str, ...] = ()
    blockers: tuple[str, ...] = ()
    """Running code that stays on the old version: function, line and why it won't return by itself."""
    seconds: Mapping[str, float] = field(factory=dict)
    """Wall clock by step, in the order they ran: `stage`, `commit`, `check <name>`, `proof`; and `total`."""

    def raise_refusal(self) -> None:
        """Raises the error that the verdict stands for, if it is a refusal."""
        if self.effect is Effect.REFUSE:
            raise _error_class(self.error)(self.reason)

    def dump(self) -> dict[str, Any]:
        """The verdict as plain JSON values."""
        return {
            "effect": self.effect.value,
            "error": self.error,
            "reason": self.reason,
            "findings": list(self.findings),
            "blockers": list(self.blockers),
            "seconds": dict(self.seconds),
        }

    @classmethod
    def load(cls, data: Mapping[str, Any]) -> Verdict:
        """The verdict out of plain JSON values.  Raises ValueError or KeyError if they are none."""
        return cls(
            effect=Effect(data["effect"]),
            error=str(data["error"]),
            reason=str(data["reason"]),
            findings=tuple(str(finding) for finding in data["findings"]),
            blockers=tuple(str(blocker) for blocker in data["blockers"]),
            seconds={str(step): float(value) for step, value in data["seconds"].items()},
        )


def refusal(error: errors.HotpatchError, **more: Any) -> Verdict:
    """The verdict that stands for an error."""
    return Verdict(Effect.REFUSE, type(error).__name__, str(error), **more)


def _error_class(name: str) -> type[errors.HotpatchError]:
    found = getattr(errors, name, None)
    if isinstance(found, type) and issubclass(found, errors.HotpatchError):
        return found
    return errors.ReleaseFailed
