import contextlib

from starlette.applications import Starlette
from starlette.authentication import AuthCredentials, AuthenticationBackend, SimpleUser, requires
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.endpoints import HTTPEndpoint
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, StreamingResponse
from starlette.routing import Host, Mount, Route, Router

asked, notes, done = {"count": 0}, {}, []


class Basic(AuthenticationBackend):
    async def authenticate(self, conn):
        if user := conn.headers.get("x-user"):
            return AuthCredentials(["authenticated"]), SimpleUser(user)


class Counting(BaseHTTPMiddleware):
    async def dispatch(self, request, call_next):
        asked["count"] += 1
        response = await call_next(request)
        response.headers["X-Seen-By"] = str(asked["count"])
        return response


class Note(HTTPEndpoint):
    async def get(self, request):
        name = request.path_params["name"]
        if name not in notes:
            raise HTTPException(404, f"no {name}")
        return JSONResponse({name: notes[name]})

    async def put(self, request):
        notes[request.path_params["name"]] = await request.json()
        return JSONResponse(None, status_code=201)


async def home(request):
    return PlainTextResponse(f"{request.url_for('note', name='x')} {request.url} {dict(request.query_params)} {request.user.display_name}")


async def session(request):
    request.session["seen"] = request.session.get("seen", 0) + 1
    return JSONResponse(dict(request.session))


async def form(request):
    async with request.form() as form:
        return JSONResponse(dict(form))


def blocking(request):
    return PlainTextResponse("blocking", background=BackgroundTask(done.append, 1))


async def pooled(request):
    return PlainTextResponse(await run_in_threadpool(lambda: f"pooled {len(done)}"))


async def rows(request):
    async def parts():
        for number in range(3):
            yield f"{number}\n"

    return StreamingResponse(parts(), media_type="text/plain")


@requires("authenticated")
async def private(request):
    return PlainTextResponse(f"hello {request.user.display_name}")


async def fail(request):
    raise KeyError("oh")


async def state(request):
    return PlainTextResponse(str(request.state.started))


async def cookies(request):
    response = RedirectResponse(f"/?to={request.cookies.get('a')}")
    response.set_cookie("a", "b c", samesite="strict")
    return response


async def failed(request, error):
    return JSONResponse({"failed": repr(error)}, status_code=500)


@contextlib.asynccontextmanager
async def lifespan(app):
    yield {"started": "yes"}


def create():
    return Starlette(
        routes=[
            Route("/", home), Route("/notes/{name}", Note, name="note"), Route("/session", session),
            Route("/form", form, methods=["POST"]), Route("/blocking", blocking), Route("/pooled", pooled), Route("/rows", rows),
            Route("/private", private), Route("/fail", fail), Route("/state", state), Route("/cookies", cookies),
            Mount("/sub", routes=[Route("/int/{n:int}", lambda r: PlainTextResponse(str(r.path_params["n"] + 1)), name="int")], name="sub"),
            Host("api.example", Router([Route("/", lambda r: PlainTextResponse("api"))])),
        ],
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=["localhost", "api.example"]),
            Middleware(SessionMiddleware, secret_key="k"), Middleware(CORSMiddleware, allow_origins=["https://a.example"]),
            Middleware(GZipMiddleware, minimum_size=100000), Middleware(AuthenticationMiddleware, backend=Basic()),
            Middleware(Counting),
        ],
        exception_handlers={KeyError: failed},
        lifespan=lifespan,
    )


application = create()
