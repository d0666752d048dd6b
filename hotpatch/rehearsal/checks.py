"""Smoke checks: the small proofs that a release brings, run in the rehearsal child after the commit there.

A check says no by raising; what comes out of `run` is CheckFailed with a text for an operator: which
check, what it expected, what it saw, and where in the check's source.
"""

from __future__ import annotations

import asyncio
import inspect
import linecache
import sys
import traceback
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from hotpatch.errors import CheckFailed
from hotpatch.rehearsal.probe import Answer, Request, ask
from hotpatch.release import Check

EXCERPT = 200
"""Characters of a response body that a refusal shows."""


def run(check: Check, app: Any, state: Mapping[str, Any] | None = None) -> None:
    """Runs one check against the live application.  Raises CheckFailed; MemoryError comes out as it is."""
    if check.kind == "python":
        _run_python(check, app)
    elif check.kind == "http":
        judge(check, lambda request: ask(app, request, state))
    else:
        raise CheckFailed(
            f"check {check.name}: unknown kind {check.kind!r}; build the bundle with this version"
        )


def _run_python(check: Check, app: Any) -> None:
    filename = f"<check {check.name}>"
    linecache.cache[filename] = (len(check.source), None, check.source.splitlines(True), filename)
    module = ModuleType(f"hotpatch_check_{abs(hash(check.name)):x}")
    sys.modules[module.__name__] = module
    with _as_failure(check.name, filename):
        exec(compile(check.source, filename, "exec"), module.__dict__)
    functions = _check_functions(module)
    if not functions:
        raise CheckFailed(
            f"check {check.name}: its source defines no function whose name begins with `check`"
        )
    for function in functions:
        with _as_failure(f"{check.name}: {function.__name__}", filename):
            result = function(app) if _wants_app(function) else function()
            if inspect.iscoroutine(result):
                asyncio.run(result)


def _check_functions(module: ModuleType) -> list[Callable[..., Any]]:
    return [
        value
        for name, value in vars(module).items()
        if name.startswith("check") and inspect.isfunction(value) and value.__module__ == module.__name__
    ]


def _wants_app(function: Callable[..., Any]) -> bool:
    return len(inspect.signature(function).parameters) == 1


def judge(check: Check, asked_by: Callable[[Request], Answer]) -> None:
    """Asks for what a check by HTTP wants, and raises CheckFailed if the answer is another or none comes."""
    request = Request(check.method, check.path, check.headers, check.body.encode())
    asked = f"{check.method} {check.path}"
    with _as_failure(f"{check.name}: {asked}", ""):
        answer = asked_by(request)
    text = answer.body.decode("utf-8", "replace")
    if answer.status != check.status:
        raise CheckFailed(
            f"check {check.name}: {asked} answered {answer.status}, not {check.status}: {text[:EXCERPT]!r}"
        )
    if check.contains and check.contains not in text:
        raise CheckFailed(
            f"check {check.name}: the answer to {asked} lacks {check.contains!r}: {text[:EXCERPT]!r}"
        )


class _as_failure:
    """Turns what a check raises into CheckFailed with its place in the check's source."""

    def __init__(self, name: str, filename: str) -> None:
        self.name = name
        self.filename = filename

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if error is None or isinstance(error, MemoryError):
            return
        if not isinstance(error, Exception | SystemExit | KeyboardInterrupt):
            return
        said = "".join(traceback.format_exception_only(error)).strip()
        raise CheckFailed(f"check {self.name}: {said}{self._place(error)}") from error

    def _place(self, error: BaseException) -> str:
        frames = [
            frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == self.filename
        ]
        if not self.filename or not frames:
            return ""
        return f" (line {frames[-1].lineno}: {frames[-1].line})"
