"""What a fresh start of a release answers, and which of its answers are never the same twice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from benchmarks.applications.client import Answer, Browser, http_sender, normal_text
from benchmarks.applications.judge import same
from benchmarks.applications.service import HOST, Plan, Service

SERVER_ERRORS: Final = 500


@frozen
class Control:
    """`passes`: the answers to all requests, asked again and again; `steady`: those that don't depend on what
    else was asked meanwhile; `known`: by line of the load, each answer that came."""

    passes: Sequence[Sequence[Answer]]
    steady: Sequence[Sequence[bool]]
    known: Mapping[str, frozenset[tuple[int, str]]]


def control(
    plan: Plan, lines: Sequence[str], load: Iterable[str], passes: int, cookies: Mapping[str, str]
) -> Control:
    """Two plain services on this release, one of them asked the load's requests in between as well.

    A browser with `cookies` asks: what it got from the service before this release's process was started.
    """
    calm, _ = _asked(plan, lines, (), passes, cookies)
    busy, known = _asked(plan, lines, load, passes, cookies)
    steady = [[same(*pair) for pair in zip(*both, strict=True)] for both in zip(calm, busy, strict=True)]
    return Control(calm, steady, known)


def _asked(
    plan: Plan, lines: Sequence[str], load: Iterable[str], passes: int, cookies: Mapping[str, str]
) -> tuple[list[list[Answer]], dict[str, frozenset[tuple[int, str]]]]:
    known: dict[str, set[tuple[int, str]]] = {line: set() for line in load}
    with Service(plan) as service:
        browser = Browser(http_sender(HOST, service.port), cookies)
        found = []
        _note(service.port, known)
        for _ in range(passes):
            found.append(browser.ask_all(lines))
            _note(service.port, known)
    return found, {line: frozenset(answers) for line, answers in known.items()}


def _note(port: int, known: dict[str, set[tuple[int, str]]]) -> None:
    """Ask the load's requests, all of them twice over; those that answer otherwise the second time are no
    good for it: they tell of the requests between.  Nor are those that fail: where an application raises
    after its answer, gunicorn's ASGI worker closes the connection, and a request on its way there is lost.
    """
    rounds = [{line: told(Browser(http_sender(HOST, port)).ask(line)) for line in known} for _ in range(2)]
    for line in list(known):
        if rounds[0][line] == rounds[1][line] and rounds[0][line][0] < SERVER_ERRORS:
            known[line].add(rounds[0][line])
        else:
            del known[line]


def told(answer: Any) -> tuple[int, str]:
    return int(answer[0]), normal_text(answer[2])


def plain(plan: Plan, root: Path, folder: Path) -> Plan:
    """The same program from other sources, without hotpatch."""
    folder.mkdir(parents=True, exist_ok=True)
    return Plan(root, plan.path, folder, plan.target, plan.worker_class, environ=plan.environ)
