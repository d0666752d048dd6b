"""FastAPI: what an application and its routers make of their routes when they are first asked.

The OpenAPI document, and, from the release on that keeps included routers as they are, the routes of each
with all that its parameters and dependencies ask for.  They are made again when routes were added, not when
one of them changed: so they are forgotten, and whoever asks next makes them anew.  What a dependency is,
awaited or run in a thread, is remembered by function; that is forgotten as well.
(`openapi_schema`; `_effective_..._version` of `_IncludedRouter`; `dependencies.models`.)
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.dependencies import models
from starlette.routing import BaseRoute

from hotpatch.engine.reading import LRU
from hotpatch.refresh.registry import Handler
from hotpatch.refresh.update import Update

_MADE_FOR = ("_effective_candidates_version", "_effective_low_priority_routes_version")
"""The number of the routes that a router's were made of."""


def forget(update: Update) -> None:
    for value in list(vars(models).values()):
        if type(value) is LRU:
            value.cache_clear()
    for found in update.held(FastAPI, BaseRoute):
        if isinstance(found, FastAPI):
            found.openapi_schema = None
        else:
            unmake(found)


def unmake(route: Any) -> None:
    for name in _MADE_FOR:
        if name in vars(route):
            setattr(route, name, None)


HANDLER = Handler("fastapi", forget=forget, looks_for=(FastAPI, BaseRoute))
