"""The verdict on an application under gunicorn: releases pushed and rolled back by command, under load."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from attrs import define, field, frozen
from hotpatch_agent.drill.commands import Done
from hotpatch_agent.drill.failure import DrillFailed
from hotpatch_agent.load.conductor import Load, LoadPlan

from benchmarks.applications.client import Answer, Browser, http_sender
from benchmarks.applications.commands import CommandFailedError, Operator
from benchmarks.applications.control import Control, control, plain
from benchmarks.applications.judge import HERE, Application, difference, same
from benchmarks.applications.releases import NotFetchedError, needed, release
from benchmarks.applications.service import HOST, NotServingError, Plan, Service
from benchmarks.applications.traffic import NEW, OLD

CLIENTS: Final = 4
PAUSE_SECONDS: Final = 0.002
"""Of a client between two requests, on average."""
CALM_SECONDS: Final = 0.3
"""For which the load runs before a release is pushed, and after it."""
WORST: Final = ("crash", "dropped", "wrong", "refused", "reloaded", "live")
"""A row's verdict is the first of these that one of its steps came to."""


@frozen
class Step:
    """One push or rollback.  `sent` and `dropped` are the load's requests while it went on."""

    what: str
    verdict: str
    reason: str = ""
    seconds: float = 0.0
    sent: int = 0
    dropped: int = 0
    unlike: tuple[str, ...] = field(default=(), repr=False)


@frozen
class Served:
    name: str
    steps: tuple[Step, ...]
    changed: int = 0
    """Answers that differ between fresh starts of the first and the last release."""
    problem: str = ""
    """Why it could not be tried."""

    @property
    def verdict(self) -> str:
        seen = {step.verdict for step in self.steps}
        return next((verdict for verdict in WORST if verdict in seen), "error")


@define
class Row:
    """One application on its way.  `cookies` are those that the browser had when the worker that serves now
    was started, and `passes` how often it was asked everything since: a control has to know both."""

    application: Application
    trees: Sequence[Path]
    plan: Plan
    operator: Operator
    controls: dict[tuple[int, tuple[tuple[str, str], ...]], Control] = field(factory=dict)
    cookies: Mapping[str, str] = field(factory=dict)
    passes: int = 0
    at: int = 0
    """The release that should run, as an index."""

    @property
    def most(self) -> int:
        return 2 * len(self.trees)

    @property
    def load(self) -> list[str]:
        return [line for line in self.application.requests if line.split(";; ")[-1].startswith("GET ")]

    def put_data(self, at: int) -> None:
        """What a release does not carry, templates and the like, put in place by the operator."""
        for source in self.trees[at].rglob("*"):
            place = self.plan.root / source.relative_to(self.trees[at])
            if source.is_file() and source.suffix != ".py" and not _same_file(source, place):
                place.parent.mkdir(parents=True, exist_ok=True)
                fresh = place.with_name(f".{place.name}.new")
                shutil.copyfile(source, fresh)
                fresh.rename(place)

    def control(self, at: int) -> Control:
        key = at, tuple(sorted(self.cookies.items()))
        if key not in self.controls:
            place = plain(self.plan, self.trees[at], self.plan.folder / f"control-{len(self.controls)}")
            self.controls[key] = control(place, self.application.requests, self.load, self.most, self.cookies)
        return self.controls[key]


def _same_file(one: Path, other: Path) -> bool:
    return other.is_file() and one.read_bytes() == other.read_bytes()


def serve(application: Application, seconds: float) -> Served:
    """Run it from its first release to its last, and back; no command may take longer than `seconds`."""
    try:
        folders = [release(application.package, version) for version in application.versions]
        path = needed(application.needs, application.package)
    except NotFetchedError as why:
        return Served(application.name, (), problem=str(why))
    with tempfile.TemporaryDirectory(prefix="hotpatch-served-") as name:
        row = _row(application, folders, path, Path(name), seconds)
        try:
            first, last = row.control(0).passes[0], row.control(len(folders) - 1).passes[0]
            changed = sum(not same(a, b) for a, b in zip(first, last, strict=True))
            row.operator.set_up()
            steps: list[Step] = []
            with Service(row.plan) as service:
                _go(row, service, steps)
        except (NotServingError, CommandFailedError) as why:
            return Served(application.name, (), problem=str(why))
        return Served(application.name, tuple(steps), changed)


def _row(application: Application, folders: Sequence[Path], path: Path, scratch: Path, seconds: float) -> Row:
    trees = []
    for version, folder in zip(application.versions, folders, strict=True):
        tree = scratch / "trees" / version
        shutil.copytree(folder, tree, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copyfile(HERE / "apps" / f"{application.app}.py", tree / "site_app.py")
        trees.append(tree)
    root = scratch / "deployed"
    shutil.copytree(trees[0], root)
    plan = Plan(
        root, path, scratch, application.target, application.worker_class, scratch / "home",
        environ={"APPLICATION_DATA": str(scratch / "data")},
    )  # fmt: skip
    (scratch / "data").mkdir()
    return Row(application, trees, plan, Operator(plan, seconds))


def _go(row: Row, service: Service, steps: list[Step]) -> None:
    """All the steps, as far as they can be gone; the last one is bad if they could not."""
    browser = Browser(http_sender(HOST, service.port))
    unlike = _pass(row, browser)
    first = f"start {row.application.versions[0]}"
    if unlike:
        steps.append(Step(first, "wrong", unlike=unlike))
    for at in range(1, len(row.trees)):
        bundle = row.plan.folder / f"{at}.bundle"
        try:
            built = row.operator.build(row.trees[at - 1], row.trees[at], bundle, "--release", at)
        except DrillFailed as why:
            steps.append(Step(f"build {row.application.versions[at]}", "crash", str(why)))
            return
        if built.code:
            steps.append(Step(f"build {row.application.versions[at]}", "refused", built.message))
            return
        steps.append(_step(row, service, browser, "push", at, lambda: _push(row, at, bundle)))  # noqa: B023
        if steps[-1].verdict in ("refused", "crash"):
            return
    for at in reversed(range(len(row.trees) - 1)):
        steps.append(
            _step(row, service, browser, "rollback to", at, lambda: _roll_back(row, at))  # noqa: B023
        )
        if steps[-1].verdict in ("refused", "crash"):
            return


def _push(row: Row, at: int, bundle: Path) -> Done:
    row.put_data(at)
    return row.operator.push(bundle)


def _roll_back(row: Row, at: int) -> Done:
    row.put_data(at)
    return row.operator.roll_back(at)


def _step(row: Row, service: Service, browser: Browser, what: str, at: int, do: Callable[[], Done]) -> Step:
    """A command under load, then all requests."""
    what = f"{what} {row.application.versions[at]}"
    lines, plan = _traffic(row, service, at)
    before, start = service.workers(), len(row.operator.history())
    with Load(plan) as load:
        load.phase("before", dict.fromkeys(lines, (OLD,)))
        time.sleep(CALM_SECONDS)
        load.phase("meanwhile", dict.fromkeys(lines, (OLD, NEW)))
        try:
            done = do()
        except DrillFailed as why:
            return Step(what, "crash", str(why))
        went = not done.code and done.answer.get("outcome") == "done"
        load.phase("after", dict.fromkeys(lines, (NEW if went else OLD,)))
        time.sleep(CALM_SECONDS)
        report = load.finish()
    if not service.alive:
        return Step(what, "crash", service.tail(), done.seconds)
    verdict = "refused"
    if went:
        row.at = at
        verdict = "live" if service.workers() == before else "reloaded"
    if verdict == "reloaded":
        row.cookies, row.passes = browser.cookies, 0
    reason = _reason(row, verdict, done, start)
    unlike = (*_pass(row, browser), *(report.complaints if not report.total.clean else ()))
    if report.total.dropped:
        verdict = "dropped"
    elif unlike:
        verdict = "wrong"
    seconds, total = round(done.seconds, 2), report.total
    return Step(what, verdict, reason, seconds, total.sent, total.dropped, unlike)


def _traffic(row: Row, service: Service, at: int) -> tuple[Sequence[str], LoadPlan]:
    """What is asked while the service goes from the release that it is at, and where."""
    old, new = row.control(row.at).known, row.control(at).known
    lines = sorted(old.keys() & new.keys())
    answers = row.plan.folder / "known.json"
    answers.write_text(json.dumps({line: {OLD: [*old[line]], NEW: [*new[line]]} for line in lines}))
    traffic = "benchmarks.applications.traffic:Asked"
    return lines, LoadPlan(service.port, traffic, {"answers": str(answers)}, CLIENTS, PAUSE_SECONDS)


def _reason(row: Row, verdict: str, done: Done, start: int) -> str:
    """Why it was not live, as the ledger or the command says it."""
    if verdict == "live":
        return ""
    told = [text for text in row.operator.history()[start:] if "reload" in text or "replac" in text]
    return told[0] if told and verdict != "refused" else done.message


def _pass(row: Row, browser: Browser) -> tuple[str, ...]:
    """Ask everything once; what is unlike a fresh start of the release."""
    expected = row.control(row.at)
    number, row.passes = row.passes, row.passes + 1
    found = []
    for line, want, steady in zip(
        row.application.requests, expected.passes[number], expected.steady[number], strict=True
    ):
        got: Answer = browser.ask(line)
        if not same(got, want, steady):
            found.append(f"{line[:80]}: {difference(got, want)}")
    return tuple(found)
