"""After the collapse nothing is left, down to the instruction: hot call sites follow, and specialise anew."""

from __future__ import annotations

import dis
import shutil
import sys
from collections.abc import Callable
from types import FunctionType
from typing import Any

import pytest

from benchmarks.overhead import HOT, instruction_ratio
from benchmarks.two_versions import Program
from hotpatch.epochs import install, is_plain
from hotpatch.epochs.cpython import missing_internals, version_of
from hotpatch.epochs.functions import body_of, make_clone, set_code

Make = Callable[..., Program]

SITES = """
def sites(m):
    f, c, C = m.plain, m.C(), m.C
    return f(1), c.method(), c[0], c.prop, C().made, [item for item in c], m.constant()
"""


def warm(function: Callable[[Any], Any], argument: Any) -> Any:
    for _ in range(200):
        result = function(argument)
    return result


def specialised(code: Any) -> list[str]:
    return [
        i.opname
        for i in dis.get_instructions(code, adaptive=True)
        if "CALL" in i.opname or "SUBSCR" in i.opname
    ]


def fresh_sites() -> FunctionType:
    made: dict[str, Any] = {}
    exec(compile(SITES, "sites.py", "exec"), made)
    return made["sites"]


def test_nothing_is_missing_on_the_versions_that_are_supported() -> None:
    assert missing_internals() == ()


def test_hot_sites_follow(program: Make) -> None:
    """`__getitem__`, property, `__init__`, iterator, function, method: sites hot on the old code."""
    app = program(hot=HOT.format(v=1))
    born = program(other=HOT.format(v=2))
    sites = fresh_sites()
    assert warm(sites, app["hot"]) == (2, 2, 1, 2, 1, [1], 1)
    version = install(app.ops({"hot": HOT.format(v=2)}))
    assert warm(sites, app["hot"]) == (2, 2, 1, 2, 1, [1], 1)
    version.flip()
    assert warm(sites, app["hot"]) == (3, 4, 2, 4, 2, [2], 2)
    assert version.collapse() and is_plain()
    assert warm(sites, app["hot"]) == (3, 4, 2, 4, 2, [2], 2)
    after = fresh_sites()
    never = fresh_sites()
    warm(after, app["hot"])
    warm(never, born["other"])
    assert specialised(after.__code__) == specialised(never.__code__)


def callers() -> Callable[[Any], Any]:
    made: dict[str, Any] = {}
    exec("def caller(f):\n    return f(1)\n", made)
    return made["caller"]


def test_clone_calls_specialise_on_313() -> None:
    """Calls to clones do, and calls to functions whose code was set; on every version, 3.13 being the one
    where it takes care."""

    def f(x: int) -> int:
        return x

    clone = make_clone(f, body_of(f))
    caller = callers()
    warm(caller, clone)
    assert "CALL_PY_EXACT_ARGS" in specialised(caller.__code__)
    set_code(f, f.__code__.replace(co_name="g"))
    caller = callers()
    warm(caller, f)
    assert "CALL_PY_EXACT_ARGS" in specialised(caller.__code__)


@pytest.mark.skipif(sys.version_info < (3, 13), reason="the version is lost for good from 3.13 on")
def test_without_the_cure_calls_stay_unspecialised_on_313() -> None:
    """What the cure is for.  When CPython stops clearing versions for good, it can go."""

    def f(x: int) -> int:
        return x

    f.__code__ = f.__code__.replace(co_name="g")
    assert version_of is not None and version_of(f) == 0
    caller = callers()
    warm(caller, f)
    assert "CALL_PY_EXACT_ARGS" not in specialised(caller.__code__)


@pytest.mark.skipif(sys.version_info < (3, 13), reason="versions are read from 3.13 on")
def test_a_function_with_other_code_has_another_version() -> None:
    """Or a site specialised for the old code would go on running it."""

    def f(x: int) -> int:
        return x

    assert version_of is not None
    callers_version = version_of(make_clone(f, body_of(f)))
    set_code(f, f.__code__.replace(co_name="g"))
    assert version_of(f) not in (0, 1, callers_version)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind counts the instructions")
def test_residual_cost_zero_by_instruction_count() -> None:
    ratio = instruction_ratio(sys.executable)
    assert ratio is not None and ratio == pytest.approx(1.0, abs=0.01)
