"""rollout.toml and flags: the one way to describe a strategy, read strictly.

Flags have the names of the top table's settings and win over the file; `steps` and `match` may be flags too.

    strategy = "canary"
    deadline = "1h"
    on_worse = "rollback"          # freeze, alert
    keep = "10m"

    [canary]
    by = "share"                   # match, workers
    key = "cookie:session"
    steps = ["1% 1m", "5% 2m", "25% 5m..30m"]

    [rolling]
    batch = 1
    healthy = "10s"

    [analysis]
    alpha = 0.01
    latency_factor = 1.2

    [[check]]
    name = "checkout answers"
    kind = "http"
    url = "http://127.0.0.1:8000/checkout/health"

    [[gate]]
    at = "promotion"
    command = ["/usr/local/bin/may-deploy"]

    [[event]]
    url = "https://chat.example/hook"

Whoever may write this file may run commands as the service's user: it lies in the home folder, which is its
owner's alone; a bundle can't bring one.
"""

from __future__ import annotations

import re
import tomllib
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from hotpatch.errors import StrategyInvalid
from hotpatch_agent.rollout.judge import Rules
from hotpatch_agent.rollout.strategy import (
    By,
    CheckSpec,
    EventSpec,
    GateSpec,
    Kind,
    Match,
    OnWorse,
    Step,
    Strategy,
)

NAME: Final = "rollout.toml"
LONGEST: Final = 30 * 86_400.0
POINTS: Final = ("before", "more", "promotion", "after", "rollback")
_TOP: Final = (
    "strategy", "deadline", "on_worse", "keep", "manual", "smoke", "key", "by", "steps", "match",
    "batch", "healthy", "analysis",
)  # fmt: skip
_TABLES: Final = {
    "canary": ("by", "key", "steps", "match"),
    "rolling": ("batch", "healthy"),
    "blue-green": ("keep",),
}
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "": 1.0}
_TIME: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|)")
_STEP: Final = re.compile(r"(\d+(?:\.\d+)?)\s*%(?:\s+([\d.]+\s*[a-z]*)(?:\s*\.\.\s*([\d.]+\s*[a-z]*))?)?")


def load(home: Path, flags: Mapping[str, str]) -> Strategy:
    """The strategy of this service and these flags.  Raises StrategyInvalid."""
    path = home / NAME
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        text = ""
    except (OSError, UnicodeDecodeError) as error:
        raise StrategyInvalid(f"{path} can't be read: {error}; put it right or take it away") from error
    places = [str(path)] if text else []
    return read(text, flags, " and ".join([*places, "the flags"] if flags else places) or NAME)


def read(text: str, flags: Mapping[str, str], where: str = NAME) -> Strategy:
    """The strategy that this text and these flags describe.  Raises StrategyInvalid."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise StrategyInvalid(f"{where} is not TOML: {error}; nothing was pushed") from error
    settings, analysis = _settings(document, flags, where)
    try:
        strategy = _strategy(settings, analysis, document)
    except _Wrong as wrong:
        raise StrategyInvalid(f"{where}: {wrong}; nothing was pushed") from wrong
    return strategy


class _Wrong(Exception):
    """A setting does not make sense; becomes StrategyInvalid with the file's name."""


def _settings(
    document: Mapping[str, Any], flags: Mapping[str, str], where: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The settings of the top table and of the strategy's own, flags last; and those of the analysis."""
    known = {*_TOP, *_TABLES, "check", "gate", "event"}
    for name in (*document, *flags):
        if name not in known:
            raise StrategyInvalid(
                f"{where}: there is no setting {name!r}; there are {', '.join(sorted(known))}"
            )
    analysis = document.get("analysis", {})
    settings = {key: value for key, value in document.items() if key in _TOP and key != "analysis"}
    settings |= {key: value for key, value in flags.items() if key != "analysis"}
    if isinstance(analysis, bool):
        analysis = {"enabled": analysis}
    if "analysis" in flags:
        analysis = {**analysis, "enabled": flags["analysis"]}
    for table, names in _TABLES.items():
        for key, value in document.get(table, {}).items():
            if key not in names:
                raise StrategyInvalid(f"{where}: [{table}] has no {key!r}; it has {', '.join(names)}")
            if settings.get("strategy", "all-at-once") == table:
                settings.setdefault(key, value)
    return settings, analysis


def _strategy(settings: dict[str, Any], analysis: dict[str, Any], document: Mapping[str, Any]) -> Strategy:
    kind = _choice(Kind, "strategy", settings.get("strategy", "all-at-once"))
    match = _match(settings["match"]) if settings.get("match") else None
    by = _choice(By, "by", settings.get("by", "match" if match else "share"))
    steps = _steps(settings.get("steps", ())) if kind is Kind.CANARY else ()
    if kind is Kind.CANARY and not steps:
        steps = (Step(1.0),) if by is By.MATCH else (Step(0.01), Step(0.05), Step(0.25))
    if kind is Kind.CANARY and (by is By.MATCH) != (match is not None):
        raise _Wrong("a canary by match needs `match`, like `header:X-Canary=yes`, and no other kind has one")
    default_keep = 600.0 if kind is Kind.BLUE_GREEN else 0.0
    return Strategy(
        kind=kind,
        steps=steps,
        by=by if kind is Kind.CANARY else By.SHARE,
        key=_key(settings.get("key", "")),
        match=match,
        batch=int(_number("batch", settings.get("batch", 1), 1, 10_000)),
        healthy=_seconds("healthy", settings.get("healthy", 10)),
        keep=_seconds("keep", settings.get("keep", default_keep)),
        deadline=_deadline(settings.get("deadline", 3600), steps),
        on_worse=_choice(OnWorse, "on_worse", settings.get("on_worse", "rollback")),
        analysis=_truth("analysis", analysis.get("enabled", True)),
        manual=_truth("manual", settings.get("manual", False)),
        smoke=str(settings.get("smoke", "")),
        rules=_rules({key: value for key, value in analysis.items() if key != "enabled"}),
        checks=tuple(_check(one) for one in _list(document, "check")),
        gates=tuple(_gate(one) for one in _list(document, "gate")),
        events=tuple(_event(one) for one in _list(document, "event")),
    )


def _deadline(given: Any, steps: tuple[Step, ...]) -> float:
    deadline = _seconds("deadline", given)
    least = sum(step.least for step in steps)
    if deadline <= least:
        raise _Wrong(
            f"the deadline is {deadline:g} s, but the steps last {least:g} s at least: "
            "it would always be rolled back; give more time or shorter steps"
        )
    return deadline


def _steps(given: Any) -> tuple[Step, ...]:
    texts = given.split(",") if isinstance(given, str) else given
    if not isinstance(texts, list | tuple):
        raise _Wrong(f"`steps` is {given!r}: it must be a list like ['1% 1m', '25% 5m']")
    steps: list[Step] = []
    for text in texts:
        found = _STEP.fullmatch(str(text).strip())
        if not found:
            raise _Wrong(f"the step {text!r} is not like '5% 2m' or '5% 2m..20m'")
        share = float(found[1]) / 100
        if not 0 < share <= 1 or (steps and share <= steps[-1].share):
            raise _Wrong(f"the step {text!r}: shares must grow, and be above 0 % and at most 100 %")
        least = _seconds("steps", found[2]) if found[2] else 60.0
        patience = _seconds("steps", found[3]) if found[3] else max(600.0, 5 * least)
        if patience < least:
            raise _Wrong(f"the step {text!r} gives up before it is over: write the longer time last")
        steps.append(Step(share, least, patience))
    return tuple(steps)


def _match(given: Any) -> Match:
    where, _, rest = str(given).partition(":")
    name, equals, value = rest.partition("=")
    if where not in ("header", "cookie") or not name or not equals:
        raise _Wrong(f"`match` is {given!r}: it must be like 'header:X-Canary=yes' or 'cookie:tester=1'")
    return Match(where, name, value)


def _key(given: Any) -> str:
    text = str(given)
    where, _, name = text.partition(":")
    if text in ("", "address") or (where in ("cookie", "header") and name):
        return text
    module, _, function = name.partition(":")
    if where == "function" and module and function.isidentifier():
        return text
    known = "'cookie:NAME', 'header:NAME' or 'address', or 'function:MODULE:NAME' of the service's own"
    raise _Wrong(f"`key` is {text!r}: it must be {known}")


def _rules(given: Mapping[str, Any]) -> Rules:
    found: dict[str, Any] = {}
    fields = {field.name: field for field in attrs.fields(Rules)}
    for name, value in given.items():
        if name not in fields:
            raise _Wrong(f"[analysis] has no {name!r}; it has enabled, {', '.join(fields)}")
        if name == "slow_tolerance":
            if not isinstance(value, list) or len(value) != 3:
                raise _Wrong("`slow_tolerance` must be three shares: for median, p90 and p99")
            found[name] = tuple(_number(name, one, 1e-6, 1) for one in value)
        elif name in ("minimum", "route_minimum"):
            found[name] = int(_number(name, value, 1, 1e9))
        elif name == "latency_factor":
            found[name] = _number(name, value, 1, 100)
        elif name == "error_margin":
            found[name] = _number(name, value, 0, 1)
        elif name == "latency_margin":
            found[name] = _number(name, value, 0, 3600)
        else:
            found[name] = _number(name, value, 1e-9, 0.5)
    return Rules(**found)


def _check(given: Mapping[str, Any]) -> CheckSpec:
    spec: CheckSpec = _table(CheckSpec, "check", given)
    needed = {
        "http": ("`url`", spec.url),
        "python": ("`function`", spec.function),
        "prometheus": ("`url` and `query`", spec.url and spec.query),
        "memory": ("`most`: by how many MiB may a worker grow?", spec.most),
    }
    if spec.kind not in needed:
        raise _Wrong(f"the check {spec.name!r} is of kind {spec.kind!r}; there are {', '.join(needed)}")
    if not needed[spec.kind][1]:
        raise _Wrong(f"the check {spec.name!r} needs {needed[spec.kind][0]}")
    if spec.kind == "prometheus" and spec.least is None and spec.most is None:
        raise _Wrong(f"the check {spec.name!r} needs `least` or `most`: what is a good value?")
    return spec


def _gate(given: Mapping[str, Any]) -> GateSpec:
    spec: GateSpec = _table(GateSpec, "gate", given)
    if spec.at not in POINTS:
        raise _Wrong(f"a gate is at {spec.at!r}; it can be at {', '.join(POINTS)}")
    if bool(spec.command) == bool(spec.url):
        raise _Wrong(f"the gate at {spec.at!r} needs either `command` or `url`")
    return spec


def _event(given: Mapping[str, Any]) -> EventSpec:
    spec: EventSpec = _table(EventSpec, "event", given)
    if bool(spec.command) + bool(spec.url) + bool(spec.apprise) != 1:
        raise _Wrong("an event needs one of `command`, `url` and `apprise`")
    return spec


def _table(kind: Any, name: str, given: Mapping[str, Any]) -> Any:
    """A spec from its table: known names, right types."""
    hints = typing.get_type_hints(kind)
    found: dict[str, Any] = {}
    for key, value in given.items():
        if key not in hints:
            raise _Wrong(f"[[{name}]] has no {key!r}; it has {', '.join(hints)}")
        if key in ("every", "timeout"):
            found[key] = _seconds(key, value)
        elif key == "command":
            if not isinstance(value, list) or not value or not all(isinstance(one, str) for one in value):
                raise _Wrong(f"`command` in [[{name}]] must be a list of texts: program and arguments")
            found[key] = tuple(value)
        elif key in ("least", "most"):
            found[key] = _number(key, value, -1e300, 1e300)
        elif type(value) is not hints[key]:
            raise _Wrong(f"{key!r} in [[{name}]] is {value!r}; it must be {hints[key].__name__}")
        else:
            found[key] = value
    missing = [
        one.name for one in attrs.fields(kind) if one.default is attrs.NOTHING and one.name not in found
    ]
    if missing:
        raise _Wrong(f"[[{name}]] lacks {', '.join(missing)}")
    return kind(**found)


def _list(document: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    given = document.get(name, [])
    if not isinstance(given, list) or not all(isinstance(one, Mapping) for one in given):
        raise _Wrong(f"write [[{name}]] with two brackets: there may be several")
    return given


def _choice(kind: Any, name: str, given: Any) -> Any:
    try:
        return kind(given)
    except ValueError:
        raise _Wrong(f"`{name}` is {given!r}; it can be {', '.join(one.value for one in kind)}") from None


def _seconds(name: str, given: Any) -> float:
    found = _TIME.fullmatch(str(given).strip())
    seconds = float(found[1]) * _UNITS[found[2]] if found and not isinstance(given, bool) else -1.0
    if not 0 <= seconds <= LONGEST:
        raise _Wrong(
            f"`{name}` is {given!r}; it must be a time like 30, '45s', '10m' or '2h', at most 30 days"
        )
    return seconds


def _number(name: str, given: Any, least: float, most: float) -> float:
    try:
        number = float(given) if not isinstance(given, bool) else None
    except (TypeError, ValueError):
        number = None
    if number is None or not least <= number <= most:
        raise _Wrong(f"`{name}` is {given!r}; it must be a number from {least:g} to {most:g}")
    return number


def _truth(name: str, given: Any) -> bool:
    if given in (True, "yes", "true", "on"):
        return True
    if given in (False, "no", "false", "off"):
        return False
    raise _Wrong(f"`{name}` is {given!r}; it must be true or false")
