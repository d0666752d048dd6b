"""Starlette: whether an endpoint runs in a thread, and the middleware stack.

A route settles when it is made whether its endpoint is awaited or run in a thread; an endpoint that has
turned from one into the other would be called the wrong way.  The choice sits in a closure variable, `f` of
`request_response`, and is made again; a route that has something of its own called there is let be.  The
stack of middleware is built at the first request from the list of middleware and of exception handlers; it
is built again, and put in place with one assignment, where these changed.  Middleware then begins with fresh
state.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import Any

from starlette._utils import is_async_callable
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.routing import Route

from hotpatch.refresh.registry import Handler
from hotpatch.refresh.search import instances
from hotpatch.refresh.update import Update


def rebuild(update: Update) -> None:
    for found in instances((Route, Starlette), update.roots()):
        if isinstance(found, Route) and update.concerns(found.endpoint):
            renew_endpoint(found)
        elif isinstance(found, Starlette) and stack_concerned(found, update):
            found.middleware_stack = found.build_middleware_stack()


def renew_endpoint(route: Route) -> None:
    """Await the endpoint, or run it in a thread, by what it is now."""
    cells = _cells(route.app)
    endpoint: Callable[..., Any] = route.endpoint
    if "f" not in cells or not _calls(cells["f"].cell_contents, endpoint):
        return
    cells["f"].cell_contents = (
        endpoint if is_async_callable(endpoint) else functools.partial(run_in_threadpool, endpoint)
    )


def _calls(called: Any, endpoint: Any) -> bool:
    """Is this the endpoint, or the endpoint in a thread?"""
    if type(called) is functools.partial and called.func is run_in_threadpool:
        return bool(called.args == (endpoint,))
    return called is endpoint


def _cells(app: Any) -> dict[str, types.CellType]:
    """The closure variables of the innermost application of a route, below its middleware."""
    while not isinstance(app, types.FunctionType):
        app = getattr(app, "app", None)
        if app is None:
            return {}
    return dict(zip(app.__code__.co_freevars, app.__closure__ or (), strict=True))


def stack_concerned(app: Starlette, update: Update) -> bool:
    if app.middleware_stack is None:
        return False
    tables = (app.user_middleware, app.exception_handlers, app)
    if any(id(table) in update.owners for table in tables):
        return True
    built = []
    layer: Any = app.middleware_stack
    while layer is not None and layer is not app.router:
        built.append(type(layer))
        layer = getattr(layer, "app", None)
    wanted = [middleware.cls for middleware in app.user_middleware]
    return any(update.concerns(middleware) for middleware in app.user_middleware) or not _contains(
        built, wanted
    )


def _contains(built: list[type], wanted: list[Any]) -> bool:
    """Whether the classes stand in the stack, in this order; functions that make middleware can't be told."""
    left = iter(built)
    return all(any(cls is layer for layer in left) for cls in wanted if isinstance(cls, type))


HANDLER = Handler("starlette", rebuild=rebuild)
