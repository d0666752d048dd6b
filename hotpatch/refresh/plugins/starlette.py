"""Starlette: whether an endpoint runs in a thread, and the middleware stack.

A route settles when it is made whether its endpoint is awaited or run in a thread; an endpoint that has
turned from one into the other would be called the wrong way.  The choice sits in a closure variable, `f` of
`request_response`, and is made again; a route that has something of its own called there is let be.  The
stack of middleware is built at the first request from the list of middleware and of exception handlers; it
is built again, and put in place with one assignment, where these changed.  Middleware then begins with fresh
state.

What runs once, before the first request, is not run again: where that changes, the worker has to be another.
"""

from __future__ import annotations

import contextlib
import functools
import types
from collections.abc import Callable, Iterator
from typing import Any

from starlette._utils import is_async_callable
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.routing import Route, Router

from hotpatch.engine.codes import same_body, walk
from hotpatch.errors import PatchRefused
from hotpatch.ops import SlotKind
from hotpatch.refresh.registry import Handler
from hotpatch.refresh.update import Update, unwrapped


def refuse_what_ran(update: Update) -> None:
    """Raises PatchRefused if what an application runs when it starts changes, or reads a name that does."""
    if update.undo:
        return
    changed = {
        id(op.owner) for op in update.ops if op.kind is SlotKind.CODE and not same_body(op.before, op.after)
    }
    names = {(id(vars(op.owner)), op.key) for op in update.ops if op.kind is SlotKind.GLOBAL}
    for router in update.held(Router):
        for function in _run_at_start(router, update):
            parts = walk(update.view.code(function))
            read = {(id(function.__globals__), name) for part in parts for name in part.co_names}
            if id(function) in changed or read & names:
                raise PatchRefused(f"{function.__qualname__} changes, and ran when the worker started")


def _run_at_start(router: Any, update: Update) -> Iterator[types.FunctionType]:
    """The functions of a router's lifespan, and those for its startup; through what a library makes of
    several."""
    todo = [getattr(router, "lifespan_context", None), *getattr(router, "on_startup", ())]
    seen: dict[int, Any] = {}
    while todo:
        for part in unwrapped(todo.pop()):
            if type(part) is types.FunctionType and id(part) not in seen:
                seen[id(part)] = part
                if part.__module__ not in update.program:
                    todo += _closed_over(part)
                yield part


def _closed_over(function: types.FunctionType) -> Iterator[Any]:
    for cell in function.__closure__ or ():
        with contextlib.suppress(ValueError):  # not bound yet
            yield cell.cell_contents


def rebuild(update: Update) -> None:
    for found in update.held(Route, Starlette):
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


HANDLER = Handler("starlette", before=refuse_what_ran, rebuild=rebuild, looks_for=(Starlette, Router, Route))
