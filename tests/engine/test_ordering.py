"""Heaps and sorted lists whose items compare otherwise from now on."""

from __future__ import annotations

import pytest

from tests.engine.conftest import Program

JOBS = """
import heapq
class Job:
    def __init__(self, cost): self.cost = cost
    def __lt__(self, other): return self.cost < other.cost
QUEUE = []
def put(cost): heapq.heappush(QUEUE, {0})
def get(): return heapq.heappop(QUEUE)
"""
FIELDS = """
from bisect import insort
from dataclasses import dataclass
@dataclass(order=True)
class Job:
    {0}: int
    {1}: int
QUEUE = []
def put(cost): insort(QUEUE, Job(cost=cost, key=-cost))
"""
QUEUED = (
    JOBS.replace("import heapq", "from queue import PriorityQueue\nWAITING = PriorityQueue()")
    .replace("QUEUE = []", "QUEUE = WAITING.queue")
    .replace("heapq.heappush(QUEUE, {0})", "WAITING.put(Job(cost))")
    .replace("heapq.heappop(QUEUE)", "WAITING.get()")
)
IN_ORDER = {
    "a heap": JOBS.format("Job(cost)"),
    "a heap of tuples": JOBS.format("(1, Job(cost))"),
    "a queue": QUEUED,
    "a sorted list of a dataclass": FIELDS.format("cost", "key"),
}
TURNED = {"a sorted list of a dataclass": FIELDS.format("key", "cost")}


@pytest.mark.parametrize("form", IN_ORDER)
def test_what_is_kept_in_an_order_that_changes_is_in_the_way(program: Program, form: str) -> None:
    before = IN_ORDER[form]
    after = TURNED.get(form, before.replace("cost <", "cost >"))
    program.runs({"m.py": before})
    m = program.module("m")
    for cost in (3, 1, 2):
        m.put(cost)
    outcome = program.patch({"m.py": after})
    assert outcome.reasons == ("objects of Job stand in an order that their new code does not see",)
    m.QUEUE.clear()
    outcome = program.patch({"m.py": after})
    assert outcome, outcome.reasons


def test_an_order_that_stays_is_none_that_changes(program: Program) -> None:
    before = IN_ORDER["a heap"]
    program.runs({"m.py": before})
    m = program.module("m")
    for cost in (3, 1, 2):
        m.put(cost)
    after = before.replace("return self.cost < other.cost", "return (self.cost, 0) < (other.cost, 0)")
    outcome = program.patch({"m.py": after})
    assert outcome, outcome.reasons
    assert [m.get().cost for _ in range(3)] == [1, 2, 3]
