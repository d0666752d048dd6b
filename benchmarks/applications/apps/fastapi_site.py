from enum import Enum
from typing import Annotated, Optional

from fastapi import APIRouter, BackgroundTasks, Body, Cookie, Depends, FastAPI, Form, Header, HTTPException, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse
from fastapi.security import APIKeyHeader, HTTPBasic, OAuth2PasswordBearer
from pydantic import BaseModel, Field

application = FastAPI(title="shop", version="1", root_path="")
notes, asked = {}, {"count": 0}
basic, bearer, key = HTTPBasic(auto_error=False), OAuth2PasswordBearer("token"), APIKeyHeader(name="x-key", auto_error=False)


class Size(str, Enum):
    small = "small"
    large = "large"


class Note(BaseModel):
    text: str = Field(min_length=1)
    size: Size = Size.small
    tags: list[str] = []
    parent: Optional["Note"] = None


def counted():
    asked["count"] += 1
    yield asked["count"]


@application.middleware("http")
async def mark(request: Request, call_next):
    response = await call_next(request)
    response.headers["X-Seen-By"] = str(asked["count"])
    return response


router = APIRouter(prefix="/notes", tags=["notes"], dependencies=[Depends(counted)])


@router.put("/{name}", status_code=201, response_model=Note, response_model_exclude_unset=True)
async def put(name: Annotated[str, Path(max_length=5)], note: Note):
    notes[name] = note
    return note


@router.get("/{name}", responses={404: {"description": "none"}})
def get(name: str, number: Annotated[int, Depends(counted)]) -> Note:
    if name not in notes:
        raise HTTPException(404, f"no {name}", headers={"Vary": "x"})
    return notes[name]


application.include_router(router)


@application.get("/query")
async def query(q: Annotated[list[int], Query()] = [], flag: bool = False, size: Size = Size.small,
                user_agent: Annotated[str | None, Header()] = None, a: Annotated[str | None, Cookie()] = None):
    return {"q": q, "flag": flag, "size": size, "agent": user_agent, "a": a}


@application.post("/form")
async def form(name: Annotated[str, Form()], age: Annotated[int, Form(ge=0)] = 3):
    return [name, age]


@application.post("/embed")
async def embed(a: Annotated[int, Body(embed=True)], tasks: BackgroundTasks, response: Response):
    tasks.add_task(notes.setdefault, "task", Note(text="task"))
    response.set_cookie("a", str(a))
    return a


@application.get("/private")
def private(token: Annotated[str, Depends(bearer)]):
    return token


@application.get("/basic")
def with_basic(who=Depends(basic), k=Depends(key)):
    return [who and who.username, k]


@application.exception_handler(RequestValidationError)
async def invalid(request, error):
    return JSONResponse({"errors": [[e["type"], list(map(str, e["loc"]))] for e in error.errors()]}, 422)


@application.get("/fail")
def fail():
    raise KeyError("oh")


@application.get("/plain", response_class=PlainTextResponse)
def plain():
    return "plain"
