"""Starlette: whether an endpoint runs in a thread, and the middleware stack.

A route settles when it is made whether its endpoint is awaited or run in a thread; an endpoint that has
turned from one into the other would be called the wrong way.  The choice sits in a closure variable, `f` of
`request_response`, and is made again; a route that has something of its own called there is let be.  The
stack of middleware is built at the first request from the list of middleware and of exception handlers; it
is built again, and put in place with one assignment, where these changed.  Where the list is the same, only
the layers that would be made otherwise now (of another option, by another `__init__`) are made again, each
put in place with one assignment to the `app` of the one around it.  What is made again begins with fresh
state, as it would in a new worker.

What runs once, before the first request, is not run again: where that changes, the worker has to be another.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Iterator
from typing import Any, Final

from starlette._utils import is_async_callable
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.routing import Route, Router

from hotpatch.engine.codes import same_body, walk
from hotpatch.engine.reading import class_dict, enclosed, mro_of, raw_dict
from hotpatch.errors import PatchRefused
from hotpatch.ops import Op, SlotKind
from hotpatch.refresh.registry import Handler
from hotpatch.refresh.update import Update, unwrapped

_MAKING: Final = ("__new__", "__init__", "__post_init__")
_NAMED: Final = frozenset({SlotKind.GLOBAL, SlotKind.CLASS, SlotKind.INSTANCE})


class Ran:
    """Which functions would do something else if they ran again: those that change, and that read by name
    what does."""

    def __init__(self, update: Update) -> None:
        self._view = update.view
        self._named = [(op.key, _owners(op)) for op in update.ops if op.kind in _NAMED]
        self._changed = {
            id(op.owner)
            for op in update.ops
            if op.kind is SlotKind.CELL
            or (op.kind is SlotKind.CODE and not same_body(op.before, op.after))
            or (op.kind is SlotKind.FUNCTION and op.key in ("__defaults__", "__kwdefaults__"))
        }

    def otherwise(self, function: types.FunctionType) -> bool:
        if any(id(part) in self._changed for part in (function, *(function.__closure__ or ()))):
            return True
        space = function.__globals__
        names = {name for part in walk(self._view.code(function)) for name in part.co_names}
        values = [space[name] for name in names & space.keys()]
        read = {id(space), *map(id, values), *(id(type(value)) for value in values)}
        return any(key in names and read & owners for key, owners in self._named)


def _owners(op: Op) -> set[int]:
    """Whose name it is that changes: a module's is also that of the functions in it."""
    return {id(op.owner), id(vars(op.owner))} if op.kind is SlotKind.GLOBAL else {id(op.owner)}


def refuse_what_ran(update: Update) -> None:
    """Raises PatchRefused if what an application runs when it starts changes, or reads a name that does."""
    if update.undo:
        return
    ran = Ran(update)
    for router in update.held(Router):
        for function in _run_at_start(router, update):
            if ran.otherwise(function):
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
                    todo += enclosed(part)
                yield part


def rebuild(update: Update) -> None:
    ran = Ran(update)
    for found in update.held(Route, Starlette):
        if isinstance(found, Route) and update.concerns(found.endpoint):
            renew_endpoint(found)
        elif isinstance(found, Starlette) and found.middleware_stack is not None:
            renew_stack(found, update, ran)


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


def renew_stack(app: Starlette, update: Update, ran: Ran) -> None:
    """One by one where the list is the same: a layer that nothing concerns keeps its state."""
    layers = layers_of(app)
    concerned = [entry for entry in app.user_middleware if built_otherwise(entry, update, ran)]
    if list_concerned(app, update, layers) or not all(renew_layer(entry, layers) for entry in concerned):
        app.middleware_stack = app.build_middleware_stack()


def layers_of(app: Starlette) -> list[Any]:
    """The stack from outside inwards, as far as each layer tells what it calls."""
    layers: list[Any] = []
    layer: Any = app.middleware_stack
    while layer is not None and layer is not app.router:
        layers.append(layer)
        layer = getattr(layer, "app", None)
    return layers


def list_concerned(app: Starlette, update: Update, layers: list[Any]) -> bool:
    tables = (app.user_middleware, app.exception_handlers, *app.user_middleware)
    wanted = [middleware.cls for middleware in app.user_middleware]
    return (
        any(id(table) in update.owners for table in tables)
        or any(op.owner is app and op.key in _read_by_building(app) for op in update.ops)
        or not _contains([type(layer) for layer in layers], wanted)
    )


def _read_by_building(app: Starlette) -> frozenset[str]:
    """What an application is asked for when its stack is built: not its title, its version, its routes."""
    builders = (class_dict(base).get("build_middleware_stack") for base in mro_of(type(app)))
    codes = [builder.__code__ for builder in builders if type(builder) is types.FunctionType]
    return frozenset(name for code in codes for part in walk(code) for name in part.co_names)


def _contains(built: list[type], wanted: list[Any]) -> bool:
    """Whether the classes stand in the stack, in this order; functions that make middleware can't be told."""
    left = iter(built)
    return all(any(cls is layer for layer in left) for cls in wanted if isinstance(cls, type))


def built_otherwise(entry: Middleware, update: Update, ran: Ran) -> bool:
    """Whether a layer that is made now is given something else, or makes something else of it."""
    given = any(id(part) in update.owners for part in _options(entry))
    return given or any(map(ran.otherwise, _makes(entry)))


def _options(entry: Middleware) -> Iterator[object]:
    """What a layer is given, and what plain containers among it hold."""
    todo: list[Any] = [entry.args, entry.kwargs]
    seen: dict[int, Any] = {}
    while todo:
        part = todo.pop()
        if id(part) in seen or type(part) is types.FunctionType or issubclass(type(part), type):
            continue  # what changes in those is met when they are called
        seen[id(part)] = part
        yield part
        if type(part) is dict:
            todo += part.values()
        elif type(part) in (list, tuple, set, frozenset):
            todo += part


def _makes(entry: Middleware) -> Iterator[types.FunctionType]:
    """The functions that run when a layer is made."""
    factory: Any = entry.cls
    own = [class_dict(base) for base in mro_of(factory)] if issubclass(type(factory), type) else []
    for value in (factory, *(space.get(name) for space in own for name in _MAKING)):
        yield from (part for part in unwrapped(value) if type(part) is types.FunctionType)


def renew_layer(entry: Middleware, layers: list[Any]) -> bool:
    """Make a layer anew, around what it is around, and have the one outside call it.  False where it can't be
    told which one that is, or how it calls."""
    made: Any = entry.cls
    places = [place for place, layer in enumerate(layers) if type(layer) is made]
    if len(places) != 1 or places[0] == 0:
        return False
    outside, layer = layers[places[0] - 1], layers[places[0]]
    if not _calls_by_app_alone(outside, layer):
        return False
    layers[places[0]] = outside.app = made(layer.app, *entry.args, **entry.kwargs)
    return True


def _calls_by_app_alone(outside: Any, layer: Any) -> bool:
    """Middleware may have wrapped what it was given in something else of its own besides."""
    space = raw_dict(outside)
    if space is None or "app" not in space:
        return False
    ahead = [value for name, value in space.items() if name != "app"]
    for _ in range(3):
        if any(value is layer for value in ahead):
            return False
        ahead = [part for value in ahead if value is not outside for part in _wrapped_in(value)]
    return True


def _wrapped_in(value: Any) -> Iterator[Any]:
    if type(value) is functools.partial:
        yield from (value.func, *value.args, *value.keywords.values())
    elif type(value) is types.FunctionType:
        yield from enclosed(value)
    elif type(value) is types.MethodType:
        yield value.__self__
    elif not issubclass(type(value), type | types.ModuleType):
        yield from (raw_dict(value) or {}).values()


HANDLER = Handler("starlette", before=refuse_what_ran, rebuild=rebuild, looks_for=(Starlette, Router, Route))
