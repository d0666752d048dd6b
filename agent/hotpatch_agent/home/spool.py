"""The spool: where bundles and people's requests arrive, each as one whole file by atomic rename.

`<name>.bundle` is a bundle, `<name>.request` a request.  The name is unique to the push or the request and
comes back in the record that answers it, so whoever waits finds its own answer.  Files are taken in the
order of their names, which begin with the time, and are removed once the ledger holds the answer.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from attrs import field, frozen

from hotpatch_agent import wire
from hotpatch_agent.home.disk import OS_FILES, Files, discard, is_temporary, write_whole

MAX_REQUEST: Final = 64 << 10
"""Bytes; a longer request is no request."""
BUNDLE: Final = ".bundle"
REQUEST: Final = ".request"
CARD: Final = ".card"
ABANDONED: Final = 3600.0
"""Seconds after which a card without a bundle is taken away."""
_SAFE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


@frozen
class Request:
    """What a person asks of the service."""

    kind: str
    """`rollback`; `reload`; a verb of a rollout: `promote`, `promote full`, `pause` ...; `lock`, `unlock`."""
    to: int | None = None
    """The release to go to; None: the one below the topmost."""
    by: str = ""
    """Who asks, for the ledger."""
    reason: str = ""
    force: bool = False
    """For `lock` and `unlock`: also if somebody else holds it."""


@frozen
class Card:
    """What a push says beside its bundle, in a file of the same name that ends in `.card`."""

    by: str = ""
    strategy: Mapping[str, str] = field(factory=dict)
    """Settings of the strategy, by the names of rollout.toml; they win over that file."""
    supersede: bool = False
    force: bool = False


@frozen
class Unreadable:
    """A file in the spool that is neither; the text says why."""

    reason: str


def new_name() -> str:
    """A name for a push or a request: sorts by time, never given twice."""
    return f"{time.time_ns():020d}-{os.getpid()}-{os.urandom(3).hex()}"


def offer(
    spool: Path,
    bundle: bytes,
    name: str | None = None,
    files: Files = OS_FILES,
    card: Card | None = None,
) -> str:
    """Put a bundle into the spool, durably; returns the name by which its answer is known."""
    stem = name or new_name()
    if card is not None:
        write_whole(f"{spool}/{stem}{CARD}", wire.dump(card), "spool.card", files)
    name = stem + BUNDLE
    write_whole(f"{spool}/{name}", bundle, "spool.bundle", files)
    return name


def ask(spool: Path, request: Request, name: str | None = None, files: Files = OS_FILES) -> str:
    """Put a request into the spool, durably; returns the name by which its answer is known."""
    name = (name or new_name()) + REQUEST
    write_whole(f"{spool}/{name}", wire.dump(request), "spool.request", files)
    return name


def waiting(spool: Path, files: Files = OS_FILES) -> tuple[str, ...]:
    """The names of all bundles and requests that lie there, in the order in which they are taken."""
    return tuple(
        sorted(
            name
            for name in files.names(str(spool))
            if name.endswith((BUNDLE, REQUEST)) and not is_temporary(name) and _SAFE.fullmatch(name)
        )
    )


def read_request(spool: Path, name: str, files: Files = OS_FILES) -> Request | Unreadable | None:
    """The request of this name; None if it has gone meanwhile."""
    try:
        data = files.read(f"{spool}/{name}", MAX_REQUEST + 1)
    except (FileNotFoundError, IsADirectoryError):
        return None
    if len(data) > MAX_REQUEST:
        return Unreadable(f"it is longer than a request may be ({MAX_REQUEST} bytes)")
    try:
        return wire.load(Request, data)
    except wire.Malformed as error:
        return Unreadable(f"it is no request: {error}")


def read_card(spool: Path, name: str, files: Files = OS_FILES) -> Card:
    """What was said with the bundle of this name; nothing if it has no card.  Raises wire.Malformed."""
    path = f"{spool}/{name.removesuffix(BUNDLE)}{CARD}"
    try:
        return wire.load(Card, files.read(path, MAX_REQUEST + 1))
    except FileNotFoundError:
        return Card()


def remove(spool: Path, name: str, files: Files = OS_FILES) -> None:
    """Take an answered file away, and the card that came with it."""
    discard(f"{spool}/{name}", files)
    if name.endswith(BUNDLE):
        discard(f"{spool}/{name.removesuffix(BUNDLE)}{CARD}", files)


def sweep_cards(spool: Path, now: float, files: Files = OS_FILES) -> None:
    """Take away cards whose bundle never came: their pusher died in between, an hour or more before `now`
    (seconds since 1970)."""
    names = set(files.names(str(spool)))
    for name in names:
        stem = name.removesuffix(CARD)
        began = stem.partition("-")[0]
        old = began.isdecimal() and now - int(began) / 1e9 > ABANDONED
        if name.endswith(CARD) and old and stem + BUNDLE not in names:
            discard(f"{spool}/{name}", files)
