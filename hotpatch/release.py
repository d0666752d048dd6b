"""A release as a value: what a bundle carries once its signatures, bounds and names have been checked."""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping
from datetime import datetime

from attrs import field, frozen

from hotpatch.plan import Plan


@frozen
class Check:
    """A smoke check, run in the rehearsal child after the commit there.

    kind `python`: `source` is a module's text; each function in it whose name begins with `check` is called,
    with the application object if it takes one argument; an exception is a no.
    kind `http`: `method` `path` is answered by the application itself, in the child; `status` and the text
    `contains` (if any) must fit.
    """

    name: str
    kind: str
    source: str = ""
    method: str = "GET"
    path: str = ""
    body: str = ""
    headers: Mapping[str, str] = field(factory=dict)
    status: int = 200
    contains: str = ""


@frozen
class Release:
    """A signed, numbered change of a service's code.  Paths are relative to the program's root, with `/`."""

    service: str
    environment: str
    version: int
    created: datetime
    expires: datetime
    message: str
    python: str
    """The `python_tag` of the interpreter that it was measured on."""
    app: str
    """What gunicorn loads: `module:object`."""
    base: Mapping[str, str]
    """SHA-256 of every source file of the program that the change touches or depends on, before it."""
    sources: Mapping[str, bytes | None]
    """Changed files: their new text; None for a file that goes."""
    measurement: bytes
    """`engine.Measurement` in its wire form; empty where the builder could not measure."""
    plan: Plan
    checks: tuple[Check, ...]
    transformers: str = ""
    """Source of the bundle's state transformers and refresh callbacks; may be empty."""
    settings: Mapping[str, str] = field(factory=dict)
    """Choices of the author: `barrier_ms`, `hold`, `past_hold`, `permanent`, `cumulative` ..."""
    data: Mapping[str, str] = field(factory=dict)
    """SHA-256 of other files of the program that differ, as they are in the new version.  No release carries
    them: it was measured with them in place, and asks for them."""
    digest: str = ""
    """SHA-256 of the whole bundle file."""


def python_tag() -> str:
    """Which Python this process is, as `Release.python` has it: `cpython-311 3.11.7`."""
    return f"{sys.implementation.cache_tag} {platform.python_version()}"
