"""Each planted fault is there as long as its fix isn't, and gone when it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hotpatch_agent.drill.patches import Patch
from hotpatch_agent.load.wire import Answer

from tests.demo.conftest import FAULTS, PATCHES, RunIn

CHECK = """
import inspect, json, runpy, sys
from demo_app.wsgi import app
app.testing = False
failed = {}
for name, check in runpy.run_path(sys.argv[1]).items():
    if name.startswith("check"):
        try:
            check(app) if inspect.signature(check).parameters else check()
        except Exception as error:
            failed[name] = repr(error)
print(json.dumps(failed))
"""

ASK = """
import json, sys
from pathlib import Path
from demo_app.wsgi import app
from hotpatch_agent.drill.patches import load_probe
from hotpatch_agent.load.wire import Answer
from werkzeug.test import Client
probe = load_probe(Path(sys.argv[1]))
labels = []
for nonce in range(6):
    answers = []
    for request in probe.requests(nonce):
        headers = dict(request.headers)
        got = Client(app).open(request.path, method=request.method, data=request.body, headers=headers)
        answers.append(Answer(got.status_code, {}, got.data, 1.0))
    labels.append(probe.judge(answers))
print(json.dumps(labels))
"""

by_fault = pytest.mark.parametrize("fault", FAULTS, ids=lambda patch: patch.name)
by_answer = pytest.mark.parametrize(
    "fault", [patch for patch in FAULTS if patch.name != "quadratic"], ids=lambda patch: patch.name
)


def last_line(done: object) -> object:
    return json.loads(done.stdout.splitlines()[-1])  # type: ignore[attr-defined]


@by_fault
def test_the_checks_of_a_fix_fail_without_it(fault: Patch, tree: Callable[..., Path], run_in: RunIn) -> None:
    assert last_line(run_in(tree(), CHECK, fault.checks))


@by_fault
@pytest.mark.parametrize("served_by", ["wsgi", "asgi"])
def test_the_checks_of_a_fix_pass_with_it(
    fault: Patch, tree: Callable[..., Path], run_in: RunIn, served_by: str
) -> None:
    check = CHECK.replace("demo_app.wsgi", f"demo_app.{served_by}")
    assert last_line(run_in(tree(fault), check, fault.checks)) == {}


@by_answer
def test_the_probe_sees_the_fault(fault: Patch, tree: Callable[..., Path], run_in: RunIn) -> None:
    assert last_line(run_in(tree(), ASK, fault.folder / "probe.py")) == ["old"] * 6


@by_answer
def test_the_probe_sees_the_fault_gone(fault: Patch, tree: Callable[..., Path], run_in: RunIn) -> None:
    assert last_line(run_in(tree(fault), ASK, fault.folder / "probe.py")) == ["new"] * 6


@pytest.mark.parametrize(
    ("seconds", "label"), [([0.1, 0.4, 0.1, 1.3, 9.0], "new"), ([0.1, 0.1, 0.1, 9.0, 9.1], "old")]
)
def test_the_probe_of_the_quadratic_path_goes_by_the_ratio(seconds: list[float], label: str) -> None:
    unknown = [400, 400, 400, 4800, 4800]
    answers = [
        Answer(200, {}, json.dumps({"unknown": count}).encode(), each)
        for count, each in zip(unknown, seconds, strict=True)
    ]
    assert PATCHES["quadratic"].probe().judge(answers) == label


def test_all_fixes_fit_on_top_of_each_other(tree: Callable[..., Path], run_in: RunIn) -> None:
    fixed = tree(*FAULTS)
    for fault in FAULTS:
        assert last_line(run_in(fixed, CHECK, fault.checks)) == {}


@by_fault
def test_each_fault_is_explained_in_a_line_and_a_page(fault: Patch) -> None:
    assert fault.title and "\n" not in fault.title
    assert (fault.folder / "README.md").read_text().startswith(f"# {fault.name}\n")
