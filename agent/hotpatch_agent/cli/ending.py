"""How a push or a rollback ends: one plain sentence, the figures, and the exit code."""

from __future__ import annotations

from typing import Any

from hotpatch.errors import OutcomeUnknown, ReleaseFailed
from hotpatch_agent.cli import tell
from hotpatch_agent.cli.follow import End, Ending, Glance
from hotpatch_agent.cli.progress import phase_of
from hotpatch_agent.cli.terminal import Terminal
from hotpatch_agent.decision.view import plural


def finish(terminal: Terminal, glance: Glance, waited: float) -> int:
    """Say how it came out.  Without an end in sight, that is said, and what to do."""
    end = glance.trail.end
    if end is None:
        return _unknown(terminal, glance, waited)
    data: dict[str, Any] = {
        "outcome": end.ending.value,
        "release": end.version,
        "seconds": round(end.seconds, 3),
        "how": glance.trail.how.value if glance.trail.how else None,
        "workers": _workers(glance),
    }
    if end.problem is not None:
        data["error"] = end.problem.error
    match end.ending:
        case Ending.DONE:
            return terminal.finish(_done(glance, end), data)
        case Ending.CALLED_OFF:
            return terminal.finish(f"{_capital(end.reason)}.", data)
        case Ending.REFUSED:
            code = end.problem.code if end.problem else ReleaseFailed.exit_code
            return terminal.finish(_refused(glance, end), data, code)
        case Ending.ON_TRIAL:
            return terminal.finish(_on_trial(glance), data)
        case Ending.HELD:
            sentence = f"Release {end.version} is held: {end.reason}; promote, resume or abort it."
            return terminal.finish(sentence, data, OutcomeUnknown.exit_code)
        case Ending.REVERTED if glance.trail.progress is not None:
            station = glance.trail.progress.station.value
            sentence = f"Release {end.version} was {station}: {end.reason} (the old code serves on)"
            return terminal.finish(sentence, data, ReleaseFailed.exit_code)
        case Ending.REVERTED:
            sentence = f"{_capital(tell.release(end.version))} was committed and taken back: {end.reason}"
            return terminal.finish(sentence, data, ReleaseFailed.exit_code)


def _done(glance: Glance, end: End) -> str:
    trail = glance.trail
    many = f"{end.workers} of {plural(end.workers, 'worker')}"
    time = tell.span(end.seconds)
    if trail.back_from is None:
        return f"Release {end.version} is live in {many}, {time} after push."
    runs = _capital(tell.release(end.version))
    return (
        f"{runs} runs again in {many}, in place of {tell.release(trail.back_from)}, {time} after the request."
    )


def _on_trial(glance: Glance) -> str:
    progress = glance.trail.progress
    assert progress is not None
    share = progress.strategy.steps[progress.step].share
    left = tell.span(progress.strategy.deadline)
    many = plural(len(glance.workers), "worker")
    return (
        f"Release {progress.version} gets {100 * share:.3g} % of requests in {many}: "
        f"`hotpatch promote` or `hotpatch abort`; after {left} it goes back by itself."
    )


def _refused(glance: Glance, end: End) -> str:
    if glance.trail.name.endswith(".request"):
        return f"Refused: {end.reason}"
    what = f"Release {end.version}" if end.version else "The bundle"
    verb = "failed" if glance.trail.version is not None else "was refused"
    return f"{what} {verb}: {end.reason} (the old code serves on)"


def _unknown(terminal: Terminal, glance: Glance, waited: float) -> int:
    trail = glance.trail
    what = (
        "The service has not answered"
        if trail.version is None
        else f"Release {trail.version} is on its way still"
    )
    after = "; it goes on, see `hotpatch status`" if trail.version is not None else ""
    data = {"outcome": "unknown", "release": trail.version, "workers": _workers(glance)}
    troubles = "".join(f" A worker says: {one}." for one in dict.fromkeys(_troubles(glance)))
    sentence = f"{what} after {tell.span(waited)}{after}.{troubles}"
    return terminal.finish(sentence, data, OutcomeUnknown.exit_code)


def _troubles(glance: Glance) -> list[str]:
    return [one.trouble for one in glance.workers if one.trouble]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _workers(glance: Glance) -> list[dict[str, Any]]:
    return [
        {"worker": one.worker, "pid": one.pid, "release": one.release, "phase": phase_of(one, glance)[0]}
        for one in glance.workers
    ]
