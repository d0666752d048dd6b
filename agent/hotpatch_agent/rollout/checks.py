"""The user's own checks: an HTTP probe, a Python function of the service, a query to Prometheus, and whether
the workers grow.

Each says yes, no, or that it can't tell; critical ones count (`steps`), advisory ones are only told.
Whatever goes wrong with a check itself is a no for a probe and a function, whose silence is a symptom, and
"can't tell" for a query: a monitoring system that is down says nothing about the release.
"""

from __future__ import annotations

import importlib
import json
import math
import urllib.parse
from typing import Any

from hotpatch_agent.rollout import growth, outside
from hotpatch_agent.rollout.seen import CheckResult
from hotpatch_agent.rollout.strategy import CheckSpec


def run(spec: CheckSpec, release: int) -> CheckResult:
    """Look once.  Blocks for up to the check's timeout (a Python function: for as long as it likes, which is
    why `errands` gives up on it); does not raise."""
    yes, reason = _KINDS[spec.kind](spec, release)
    return CheckResult(spec.name, spec.critical, yes, reason)


def _http(spec: CheckSpec, release: int) -> tuple[bool | None, str]:
    said = outside.fetch(spec.url, spec.timeout)
    if said.status is None:
        return False, said.told()
    if said.status != spec.status:
        return False, f"{spec.url} answered {said.status}, not {spec.status}"
    if spec.contains and spec.contains not in said.text:
        return False, f"{spec.url} does not say {spec.contains!r}"
    return True, f"{spec.url} answered {said.status}"


def _python(spec: CheckSpec, release: int) -> tuple[bool | None, str]:
    module, _, name = spec.function.partition(":")
    try:
        function: Any = importlib.import_module(module)
        for part in name.split("."):
            function = getattr(function, part)
        answer = function()
    except Exception as error:  # noqa: BLE001 - the user's code may raise anything; it's a no
        return False, f"{spec.function}: {type(error).__name__}: {error}"
    if answer is None or answer:
        return True, f"{spec.function} is content"
    return False, f"{spec.function} returned {answer!r}"


def _prometheus(spec: CheckSpec, release: int) -> tuple[bool | None, str]:
    query = spec.query.replace("{release}", str(release))
    url = f"{spec.url.rstrip('/')}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    said = outside.fetch(url, spec.timeout)
    if not said.ok:
        return None, f"Prometheus can't be asked: {said.told()}"
    try:
        values = _values(json.loads(said.text))
    except (ValueError, KeyError, TypeError, IndexError) as error:
        return None, f"Prometheus' answer makes no sense: {type(error).__name__}: {error}"
    if not values:
        return None, f"the query {query!r} matches nothing"
    if any(math.isnan(value) for value in values):
        return None, f"the query {query!r} has no value (NaN)"
    for value in values:
        if spec.least is not None and value < spec.least:
            return False, f"{query} is {value:g}, below {spec.least:g}"
        if spec.most is not None and value > spec.most:
            return False, f"{query} is {value:g}, above {spec.most:g}"
    return True, f"{query} is {', '.join(f'{value:g}' for value in values)}"


def _values(answer: Any) -> list[float]:
    """The newest value of every series of an instant query."""
    data = answer["data"]
    if data["resultType"] == "scalar":
        return [float(data["result"][1])]
    if data["resultType"] != "vector":
        raise ValueError(f"the query gives a {data['resultType']}, not a vector or a scalar")
    return [float(one["value"][1]) for one in data["result"]]


def _memory(spec: CheckSpec, release: int) -> tuple[bool | None, str]:
    assert spec.most is not None
    grown = growth.since_first_look(release)
    if not grown:
        return None, "the service's workers can't be seen"
    pid, most = max(grown.items(), key=lambda one: one[1])
    told = f"worker {pid} has grown by {most / growth.MIB:.0f} MiB since this rollout was first looked at"
    if most > spec.most * growth.MIB:
        return False, f"{told}, more than {spec.most:g} MiB"
    return True, told


_KINDS = {"http": _http, "python": _python, "prometheus": _prometheus, "memory": _memory}
