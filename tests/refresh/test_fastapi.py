"""FastAPI: what is made of the routes when it is first asked for is made of those that are there now."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("fastapi")

from starlette.testclient import TestClient

from hotpatch.patching import Outcome
from tests.engine.conftest import Program, program

__all__ = ["program"]
SITE = """
from typing import Annotated
from fastapi import APIRouter, Depends, FastAPI, Header

def place(): return "here"
def user(x_user: Annotated[str, Header()] = "nobody"): return x_user
router = APIRouter()

@router.get("/who")
def who(user: Annotated[str, Depends(user)]): return {"user": user, "count": 1}

@router.get("/sized")
def sized(size: int = 1): return {"size": size}

app = FastAPI()
app.include_router(router)
"""


def ask(site: Any, path: str) -> Any:
    return TestClient(site.app).get(path).json()


def change(program: Program, *changes: tuple[str, str]) -> tuple[Any, Outcome]:
    """The program, asked for everything before it is changed."""
    program.runs({"site_of_routes.py": SITE})
    site = program.module("site_of_routes")
    assert ask(site, "/who") == {"user": "nobody", "count": 1}
    assert ask(site, "/sized") == {"size": 1}
    assert ask(site, "/openapi.json")
    text = SITE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    outcome = program.patch({"site_of_routes.py": text}, app=site.app, app_target="site_of_routes:app")
    assert outcome, outcome.reasons
    return site, outcome


def test_an_endpoint_s_new_body_answers(program: Program) -> None:
    site, _ = change(program, ('"count": 1', '"count": 2'))
    assert ask(site, "/who") == {"user": "nobody", "count": 2}


def test_a_dependency_that_takes_another_parameter_gets_it_and_back(program: Program) -> None:
    new = (
        'def user(at: Annotated[str, Depends(place)], x_user: Annotated[str, Header()] = "nobody"): return at'
    )
    site, outcome = change(
        program, ('def user(x_user: Annotated[str, Header()] = "nobody"): return x_user', new)
    )
    assert ask(site, "/who")["user"] == "here"
    assert outcome.undo is not None
    outcome.undo.revert()
    assert ask(site, "/who")["user"] == "nobody"


def test_the_document_of_what_there_is_tells_of_what_changed(program: Program) -> None:
    site, _ = change(program, ("size: int = 1", "size: int = 7"))
    assert ask(site, "/sized") == {"size": 7}
    parameter = ask(site, "/openapi.json")["paths"]["/sized"]["get"]["parameters"][0]
    assert parameter["schema"]["default"] == 7


ANSWERS = """
from fastapi import FastAPI
from pydantic import BaseModel

class Out(BaseModel):
    b: int

app = FastAPI()

@app.get("/x", response_model={model})
def x():
    return {answer}
"""


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (("Out", "Out(b=1)"), ("list[Out]", "[Out(b=1)]"), [{"b": 1}]),
        (("int", "1"), ("dict[str, str]", "{'a': 'b'}"), {"a": "b"}),
    ],
)
def test_an_answer_of_another_type_is_checked_as_what_it_is_now(
    program: Program, before: tuple[str, str], after: tuple[str, str], said: object
) -> None:
    program.runs({"main.py": ANSWERS.format(model=before[0], answer=before[1])})
    client = TestClient(program.module("main").app, raise_server_exceptions=False)
    old = client.get("/x").json()
    outcome = program.patch({"main.py": ANSWERS.format(model=after[0], answer=after[1])})
    assert outcome, outcome.reasons
    response = client.get("/x")
    assert (response.status_code, response.json()) == (200, said)
    assert outcome.undo is not None
    outcome.undo.revert()
    assert client.get("/x").json() == old


BODIES = """
from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()
class Item(BaseModel):
    name: str
class User(BaseModel):
    id: int
class Made(BaseModel):
    name: str

@app.post("/items")
def create(item: Item) -> Made: return Made(name=item.name)
"""


def test_an_endpoint_takes_a_second_model_and_answers_with_another(program: Program) -> None:
    """What stood in the route once, for the body and for its one parameter, is two things now."""
    program.runs({"site_of_bodies.py": BODIES})
    site = program.module("site_of_bodies")
    client = TestClient(site.app)
    assert client.post("/items", json={"name": "a"}).json() == {"name": "a"}
    new = BODIES.replace("def create(item: Item) -> Made: return Made(name=item.name)", "").replace(
        '@app.post("/items")',
        'class Owned(Made):\n    owner: int\n@app.post("/items")\n'
        "def create(item: Item, user: User) -> Owned: return Owned(name=item.name, owner=user.id)",
    )
    outcome = program.patch({"site_of_bodies.py": new}, app=site.app, app_target="site_of_bodies:app")
    assert outcome, outcome.reasons
    both = {"item": {"name": "a"}, "user": {"id": 3}}
    assert client.post("/items", json=both).json() == {"name": "a", "owner": 3}
    assert outcome.undo is not None
    outcome.undo.revert()
    assert client.post("/items", json={"name": "a"}).json() == {"name": "a"}
