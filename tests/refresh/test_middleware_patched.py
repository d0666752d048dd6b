"""Starlette's stack of middleware in a program that is patched: as a fresh start builds it, and no layer made
again that is made the same."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from hotpatch.patching import Outcome
from tests.engine.conftest import Program, program

__all__ = ["program"]
SITE = """
import functools
from starlette.applications import Starlette
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route

SHARE = 10

class Plain:
    tag = "x"
    def __init__(self, app):
        self.app, self.count = app, 0
    def said(self):
        self.count += 1
        return str(self.count)
    async def __call__(self, scope, receive, send):
        async def tagged(message):
            if message["type"] == "http.response.start":
                name = f"{self.tag}-{type(self).__name__}".lower()
                message["headers"].append((name.encode(), self.said().encode()))
            await send(message)
        await self.app(scope, receive, tagged)

class Limit(Plain):
    def __init__(self, app, limit=1):
        super().__init__(app)
        self.limit = limit
        self.share = limit / SHARE
    def said(self): return f"{self.limit} {self.share} {super().said()}"

class Counter(Plain):
    pass

async def place(request): return PlainTextResponse("a" * 500)

app = Starlette(routes=[Route("/", place)])
app.version = "1"
app.add_middleware(GZipMiddleware, minimum_size=1000)
app.add_middleware(TrustedHostMiddleware, allowed_hosts=["testserver"])
app.add_middleware(Limit)
app.add_middleware(Counter)
"""
NAMES = {"limit": "x-limit", "counter": "x-counter", "coded": "content-encoding"}


def answers(site: Any, **headers: str) -> dict[str, Any]:
    response = TestClient(site.app).get("/", headers=headers)
    return {"status": response.status_code} | {
        key: response.headers.get(name) for key, name in NAMES.items() if name in response.headers
    }


def change(program: Program, *changes: tuple[str, str], site: str = SITE) -> tuple[Any, Outcome]:
    """The program, asked once before it is changed."""
    program.runs({"site_of_layers.py": site})
    module = program.module("site_of_layers")
    answers(module)
    text = site
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    outcome = program.patch({"site_of_layers.py": text})
    assert outcome, outcome.reasons
    return module, outcome


def undo(outcome: Outcome) -> None:
    assert outcome.undo is not None
    outcome.undo.revert()


OLD = {"status": 200, "limit": "1 0.1 1", "counter": "1"}


def test_the_program_as_it_starts(program: Program) -> None:
    program.runs({"site_of_layers.py": SITE})
    assert answers(program.module("site_of_layers")) == OLD


@pytest.mark.parametrize(
    ("old", "new", "limit"),
    [
        ("(Limit)", "(Limit, limit=9)", "9 0.9 1"),
        ("limit=1", "limit=9", "9 0.9 1"),
        ("self.limit = limit\n", "self.limit = limit + 1\n", "2 0.1 1"),
        ("SHARE = 10", "SHARE = 2", "1 0.5 1"),
        ("app, 0", "app, 5", "1 0.1 6"),
    ],
    ids=["option", "default", "code", "what it reads", "base"],
)
def test_a_layer_that_would_be_made_otherwise_is_made_again_and_back(
    program: Program, old: str, new: str, limit: str
) -> None:
    site, outcome = change(program, (old, new))
    assert answers(site)["limit"] == limit
    undo(outcome)
    assert answers(site)["limit"] == OLD["limit"]


def test_a_library_s_layer_takes_the_new_option_and_back(program: Program) -> None:
    site, outcome = change(program, ("minimum_size=1000", "minimum_size=100"))
    assert answers(site)["coded"] == "gzip"
    undo(outcome)
    assert "coded" not in answers(site)


def test_a_list_among_the_options_that_has_other_items_goes_for_the_next_request(program: Program) -> None:
    site, outcome = change(program, ('["testserver"]', '["b"]'))
    assert answers(site)["status"] == 400
    assert answers(site, host="b")["status"] == 200
    undo(outcome)
    assert answers(site)["status"] == 200


def test_the_other_layers_keep_their_state(program: Program) -> None:
    site, _ = change(program, ("minimum_size=1000", "minimum_size=100"))
    assert answers(site) == {"status": 200, "limit": "1 0.1 2", "counter": "2", "coded": "gzip"}


def test_an_attribute_of_the_application_that_the_stack_is_built_of_makes_it_another(
    program: Program,
) -> None:
    site, _ = change(program, ('app.version = "1"', "app.debug = True"))
    assert site.app.middleware_stack.debug
    assert answers(site) == OLD


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("return str(self.count)", "return str(self.count + 100)"),
        ('"a" * 500', '"b" * 500'),
        ("SHARE = 10", "\n\nSHARE = 10"),
        ('app.version = "1"', 'app.version = "2"'),
    ],
    ids=["method", "endpoint", "moved lines", "attribute of the application"],
)
def test_what_no_layer_is_made_of_leaves_every_layer_as_it_is(program: Program, old: str, new: str) -> None:
    program.runs({"site_of_layers.py": SITE})
    site = program.module("site_of_layers")
    answers(site)
    stack = site.app.middleware_stack
    layer = stack.app
    assert program.patch({"site_of_layers.py": SITE.replace(old, new)})
    assert site.app.middleware_stack is stack and stack.app is layer
    assert answers(site)["counter"].endswith("2")


OWN = """
class Own:
    def __init__(self, app): self.app, self.inner = app, {wrapped}
    async def __call__(self, scope, receive, send): await self.inner(scope, receive, send)
app.add_middleware(Own)
"""


@pytest.mark.parametrize(
    "wrapped", ["app", "Counter(app)", "functools.partial(app)", "(lambda *given: app(*given))"]
)
def test_what_a_layer_made_of_the_one_it_was_given_leads_to_the_new_one(
    program: Program, wrapped: str
) -> None:
    text = SITE.replace("app.add_middleware(Counter)", OWN.format(wrapped=wrapped))
    site, _ = change(program, ("limit=1", "limit=9"), site=text)
    assert answers(site)["limit"] == "9 0.9 1"
