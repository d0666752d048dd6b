"""Smoke checks from the command line: `--check FILE` and `--http 'GET /path -> 200 contains text'`."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from pathlib import Path

import click
from attrs import evolve

from hotpatch.bundle.change import check_syntax
from hotpatch.errors import BuildFailed
from hotpatch.release import Check
from hotpatch_agent.home.probes import EXAMPLE, check_name, parse


def read_checks(files: Sequence[Path], probes: Sequence[str]) -> tuple[Check, ...]:
    """All checks in the order given, files first, each with a name of its own."""
    checks = [read_file(path) for path in files]
    checks += [read_probe(text) for text in probes]
    named: dict[str, Check] = {}
    for check in checks:
        name, number = check.name, 2
        while name in named:
            name, number = f"{check.name[:60]}-{number}", number + 1
        named[name] = evolve(check, name=name)
    return tuple(named.values())


def read_file(path: Path) -> Check:
    """A check in Python.  Raises `BuildFailed` if it can't be read or checks nothing, `PatchInvalid`."""
    try:
        source = path.read_text("utf-8")
    except FileNotFoundError:
        raise BuildFailed(f"there is no check {path}") from None
    except UnicodeDecodeError:
        raise BuildFailed(f"the check {path} is no text in UTF-8") from None
    check_syntax({str(path): source.encode()})
    functions = (
        node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    if not any(function.name.startswith("check") for function in functions):
        raise BuildFailed(f"{path} checks nothing: it needs a function whose name begins with check")
    return Check(name=check_name(path.stem), kind="python", source=source)


def read_probe(text: str, option: str = "'--http'") -> Check:
    """A check by HTTP.  Raises a usage error about the option if the text is none."""
    found = parse(text)
    if found is None:
        example = f"write for example {EXAMPLE!r}"
        raise click.BadParameter(f"{text!r} is no probe: {example}", param_hint=option)
    return found
