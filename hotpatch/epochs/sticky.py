"""A canary's share: which requests get the new version, the same ones every time.

    version.canary(share(0.05, by=cookie("session"), salt="release 12"))

A request's key is hashed to a point between 0 and 1, and the share is all points below it.  So shares nest:
whoever was in at 5 % is in at 25 %.  The salt is the release's own, so that it isn't the same users every
time; keep it through all steps of one release.

What picks runs in the request's thread, takes no lock, and never raises: whoever's key can't be told gets the
old version.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

Request = Mapping[str, Any]
"""A WSGI environ or an ASGI scope."""

Key = Callable[[Request], "str | bytes | None"]
"""Tells a request's key; None if it has none."""


def share(fraction: float, by: Key, salt: str = "") -> Callable[[Request], bool]:
    """Pick the requests whose key falls into `fraction` (0 to 1) of all keys; without a key: not picked."""
    if not 0 <= fraction <= 1:
        raise ValueError(f"a share lies between 0 and 1, not at {fraction}")
    limit = int(fraction * 2**64)
    seed = hashlib.blake2b(salt.encode(), digest_size=16).digest()

    def pick(request: Request) -> bool:
        try:
            key = by(request)
            if key is None:
                return False
            data = key if isinstance(key, bytes) else key.encode("utf-8", "surrogatepass")
        except Exception:  # noqa: BLE001 - the user's function; the request must not suffer from it
            return False
        return int.from_bytes(hashlib.blake2b(data, digest_size=8, key=seed).digest(), "big") < limit

    return pick


def header(name: str) -> Key:
    """The value of a request header."""
    wsgi, asgi = "HTTP_" + name.upper().replace("-", "_"), name.lower().encode("latin-1")

    def key(request: Request) -> str | bytes | None:
        if "headers" in request:
            return next((value for field, value in request["headers"] if field == asgi), None)
        return request.get(wsgi)

    return key


def cookie(name: str) -> Key:
    """The value of a cookie."""
    whole = header("cookie")

    def key(request: Request) -> str | None:
        text = whole(request)
        if text is None:
            return None
        if isinstance(text, bytes):
            text = text.decode("latin-1")
        for pair in text.split(";"):
            left, _, value = pair.partition("=")
            if left.strip() == name:
                return value.strip()
        return None

    return key


def client_address() -> Key:
    """The address of the peer; behind a proxy use `header("x-forwarded-for")` or what it sets."""

    def key(request: Request) -> str | None:
        if "REMOTE_ADDR" in request:
            return str(request["REMOTE_ADDR"]) or None
        client = request.get("client")
        return str(client[0]) if client else None

    return key


def first_of(*keys: Key) -> Key:
    """The first key that a request has: say a cookie, and the address of those who bring none."""

    def key(request: Request) -> str | bytes | None:
        return next((found for each in keys if (found := each(request)) is not None), None)

    return key
