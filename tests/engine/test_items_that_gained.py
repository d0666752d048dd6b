"""Items of a list that have gained something since the start are told apart as they were at the start."""

from __future__ import annotations

from tests.engine.conftest import Program

ROUTES = """
class Pattern:
    def __init__(self, path): self.path = path
class Route:
    def __init__(self, name): self.name, self.pattern = name, Pattern("/" + name)
    def asked(self):
        self.seen = self.name.upper()
        return self.seen
ROUTES = [Route("a"), Route("b"), Route("c")]
"""


def test_an_item_that_comes_after_them_is_no_other_s_successor(program: Program) -> None:
    program.runs({"routes_asked.py": ROUTES})
    routes = program.module("routes_asked")
    first = list(routes.ROUTES)
    assert [route.asked() for route in first] == ["A", "B", "C"]
    outcome = program.patch({"routes_asked.py": ROUTES.replace(', Route("c")]', ', Route("c"), Route("d")]')})
    assert outcome, outcome.reasons
    assert routes.ROUTES[:3] == first
    assert [route.pattern.path for route in routes.ROUTES] == ["/a", "/b", "/c", "/d"]
