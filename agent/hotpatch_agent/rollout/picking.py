"""Which version a request gets, and what it counts under: read from the request itself, WSGI or ASGI.

`picker` makes what `epochs` asks for each request while a canary runs; the lot that is drawn for it there and
`route_of` are what `counters.Meter.note` wants to know when it has been answered.  All of it runs on the
request path: no lock, no IO, a few microseconds, and only while a canary runs.

A request without the key that lots are drawn for (a first visit has no cookie yet) gets the old version and
isn't counted: it could not be drawn, so it is no part of the comparison.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from random import random
from typing import Any, Final

from attrs import frozen

from hotpatch.epochs import sticky
from hotpatch.errors import StrategyInvalid
from hotpatch_agent.rollout.sticky import border, bucket_of
from hotpatch_agent.rollout.strategy import Match, Strategy, Target

Request = sticky.Request

MAX_KEY: Final = 512
"""Characters of a key that count: whoever sends a longer one shares a bucket with those that begin alike."""
_VARIABLE: Final = re.compile(r"(?<=/)(?:\d+|[0-9a-fA-F]{8,}|[0-9a-fA-F-]{32,}|[^/]{40,})(?=/|$)")


@frozen
class Draw:
    """Says of a request whether it gets the new version."""

    pick: Callable[[Any], bool]
    """Of the request's bucket, where lots are drawn for keys; else of the request."""
    lot: Callable[[Request], int | None] | None = None
    """The request's bucket; None where lots aren't drawn for keys."""

    def __call__(self, request: Request) -> bool:
        return self.pick(request if self.lot is None else self.lot(request))


def picker(strategy: Strategy, target: Target, salt: str) -> Draw:
    """Who gets the new version.  `salt`: the release's digest."""
    if target.match is not None:
        return Draw(_matcher(target.match))
    if not strategy.key:
        share = target.share
        return Draw(lambda request: random() < share)
    limit = border(target.share)
    return Draw(lambda bucket: bucket is not None and bucket < limit, bucketer(strategy.key, salt))


def bucketer(key: str, salt: str) -> Callable[[Request], int | None]:
    """Tells a request's bucket: None if it lacks the key."""
    read = key_of(key)

    def bucket(request: Request) -> int | None:
        found = read(request)
        if not found:
            return None
        text = found.decode("latin-1") if isinstance(found, bytes) else found
        return bucket_of(text[:MAX_KEY], salt)

    return bucket


def key_of(key: str) -> sticky.Key:
    """What reads the key that a strategy names: `cookie:NAME`, `header:NAME`, `address` or
    `function:MODULE:NAME`.  Raises StrategyInvalid where the service has no such function."""
    where, _, name = key.partition(":")
    if where == "function":
        return _own(name)
    if where == "address":
        return sticky.client_address()
    return sticky.header(name) if where == "header" else sticky.cookie(name)


def _own(named: str) -> sticky.Key:
    """A function of the service itself that tells a request's key.  Never imported for that: it is there, or
    the service has none of that name."""
    module, _, name = named.partition(":")
    function: Any = getattr(sys.modules.get(module), name, None)
    if not callable(function) or module.partition(".")[0] in sys.stdlib_module_names:
        raise StrategyInvalid(
            f"lots are to be drawn for what {module}.{name} says of a request, and the service has loaded no "
            "such function; nobody gets the new version. Name one of a module that the service imports when "
            "it starts"
        )

    def key(request: Request) -> str | bytes | None:
        try:
            found = function(request)
        except Exception:  # noqa: BLE001  (the service's own function; the request must not suffer from it)
            return None
        return found if found is None or isinstance(found, str | bytes) else str(found)

    return key


def _matcher(match: Match) -> Callable[[Request], bool]:
    """Says of a request whether it bears this header or cookie with this value."""
    read = key_of(f"{match.where}:{match.name}")
    as_bytes = match.value.encode("latin-1", "replace")

    def matches(request: Request) -> bool:
        return read(request) in (match.value, as_bytes)

    return matches


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
