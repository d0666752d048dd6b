"""Which version a request gets, and what it counts under: read from the request itself, WSGI or ASGI.

`picker` makes what `epochs` asks for each request while a canary runs; `bucket_of_request` and `route_of` are
what `counters.Meter.note` wants to know when it has been answered.  All of it runs on the request path: no
lock, no IO, a few microseconds, and only while a canary runs.

A request without the key that lots are drawn for (a first visit has no cookie yet) gets the old version and
isn't counted: it could not be drawn, so it is no part of the comparison.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from random import random
from typing import Any, Final

from hotpatch_agent.rollout.sticky import border, bucket_of
from hotpatch_agent.rollout.strategy import Match, Strategy, Target

Request = Mapping[str, Any]
"""A WSGI environ or an ASGI scope."""

MAX_KEY: Final = 512
"""Characters of a key that count: whoever sends a longer one shares a bucket with those that begin alike."""
_VARIABLE: Final = re.compile(r"(?<=/)(?:\d+|[0-9a-fA-F]{8,}|[0-9a-fA-F-]{32,}|[^/]{40,})(?=/|$)")
_COOKIE: Final = re.compile(r"(?:^|;)\s*([^=;\s]+)\s*=\s*([^;]*)")


def picker(strategy: Strategy, target: Target, salt: str) -> Callable[[Request], bool]:
    """Says of a request whether it gets the new version.  `salt`: the release's digest."""
    if target.match is not None:
        match = target.match
        return lambda request: matches(request, match)
    if not strategy.key:
        share = target.share
        return lambda request: random() < share
    limit, key = border(target.share), strategy.key

    def pick(request: Request) -> bool:
        bucket = bucket_of_request(request, key, salt)
        return bucket is not None and bucket < limit

    return pick


def bucket_of_request(request: Request, key: str, salt: str) -> int | None:
    """The bucket of the request's key; None if it has none, or if lots aren't drawn for keys."""
    text = key_of(request, key) if key else None
    return bucket_of(text[:MAX_KEY], salt) if text else None


def key_of(request: Request, key: str) -> str | None:
    """What stands in the request for this key: `cookie:NAME`, `header:NAME` or `address`."""
    where, _, name = key.partition(":")
    if where == "address":
        client = request.get("client") or (request.get("REMOTE_ADDR"),)
        return str(client[0]) if client[0] else None
    return header_of(request, name) if where == "header" else cookie_of(request, name)


def matches(request: Request, match: Match) -> bool:
    """Does it bear this header or cookie with this value?"""
    read = header_of if match.where == "header" else cookie_of
    return read(request, match.name) == match.value


def header_of(request: Request, name: str) -> str | None:
    """A header of this name; of several the last, as WSGI servers and ASGI applications differ in it."""
    if "REQUEST_METHOD" in request:
        variable = name.upper().replace("-", "_")
        if variable not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            variable = f"HTTP_{variable}"
        value = request.get(variable)
        return None if value is None else str(value)
    wanted, found = name.lower().encode("latin-1", "replace"), None
    for key, value in request.get("headers", ()):
        if key == wanted:
            found = value.decode("latin-1")
    return found


def cookie_of(request: Request, name: str) -> str | None:
    """The first cookie of this name, as it was sent, quotes and all: it is only compared and hashed."""
    header = header_of(request, "cookie")
    if header:
        for found, value in _COOKIE.findall(header):
            if found == name:
                return str(value).strip()
    return None


def route_of(request: Request) -> str:
    """Method and route: the framework's own pattern where it left one, else the path without what varies.

    Flask leaves its request in the environ until its context ends, FastAPI and Starlette their route in the
    scope; all know the rule only once they have found it.  So ask when the answer begins: neither before nor
    after.
    """
    method = request.get("REQUEST_METHOD") or request.get("method") or request.get("type", "")
    rule = getattr(getattr(request.get("werkzeug.request"), "url_rule", None), "rule", None)
    pattern = rule or getattr(request.get("route"), "path", None)
    if not isinstance(pattern, str):
        path = request.get("PATH_INFO")
        pattern = _VARIABLE.sub("*", str(path if path is not None else request.get("path", "")))
    return f"{method} {pattern}"
