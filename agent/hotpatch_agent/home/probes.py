"""Requests in one line each, and what their answers have to be: `GET /cart -> 200 contains Total`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from hotpatch.release import Check

READY: Final = "ready"
"""The setting of a service that names the requests, one a line."""
EXAMPLE: Final = "GET /cart -> 200 contains Total"
_HTTP: Final = re.compile(
    r"(?:(?P<method>[A-Z]+)\s+)?(?P<path>/\S*)"
    r"(?:\s+->\s+(?P<status>[1-5][0-9]{2}))?"
    r"(?:\s+contains\s+(?P<contains>.+))?"
)


def parse(text: str) -> Check | None:
    """A request and what its answer has to be, as in `EXAMPLE`; None if the text is none."""
    found = _HTTP.fullmatch(text.strip())
    if found is None:
        return None
    method, path = found["method"] or "GET", found["path"]
    return Check(
        name=check_name(f"{method} {path.partition('?')[0]}"),
        kind="http",
        method=method,
        path=path,
        status=int(found["status"] or 200),
        contains=found["contains"] or "",
    )


def check_name(text: str) -> str:
    """What a check is called that is about this."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._")[:64] or "check"


def read(settings: Mapping[str, str]) -> tuple[Check, ...]:
    """Those of a service.  Lines that are none were refused when they were set."""
    lines = settings.get(READY, "").splitlines()
    return tuple(check for line in lines if (check := parse(line)) is not None)
