"""What is not promised, as `docs/consistency.md` tells it: where one of these changes, the page has to."""

from __future__ import annotations

import _thread
import contextvars
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.two_versions import Program
from hotpatch.epochs import barrier, install, pins, tend
from tests.epochs.requests import Open, request
from tests.epochs.waiting import until

Make = Callable[..., Program]

TEXT = """
X = {v}
CACHE = {{}}
def f():
    return X
def cached(key):
    return CACHE.setdefault(key, {v})
def items():
    while True:
        yield {v}, f()
def caller():
    return inner()
def inner():
    import sys
    return sys._getframe(1).f_code.co_name, {v}
def by_dict():
    return globals()["X"], {v}
"""


def flipped(program: Make) -> tuple[Any, Open]:
    """The program on version 2, with a request open on version 1."""
    app = program(app=TEXT.format(v=1))
    old = Open()
    install(app.ops({"app": TEXT.format(v=2)})).flip()
    return app["app"], old


def test_a_bare_thread_does_not_carry_the_pin(program: Make) -> None:
    app, old = flipped(program)
    seen: list[int] = []
    old.run(_thread.start_new_thread, lambda: seen.append(app.f()), ())
    until(lambda: seen, "the thread has looked")
    assert seen == [2]
    old.end()


def test_an_empty_context_does_not_carry_the_pin(program: Make) -> None:
    app, old = flipped(program)
    assert old.run(lambda: contextvars.Context().run(app.f)) == 2
    assert old.run(lambda: contextvars.copy_context().run(app.f)) == 1
    old.end()


def test_a_generator_that_another_request_consumes_calls_in_that_ones_version(program: Make) -> None:
    app, old = flipped(program)
    items: Iterator[Any] = old.run(app.items)
    assert old.run(next, items) == (1, 1)
    with request():
        assert next(items) == (1, 2), "its own code is that which it began with"
    items.close()
    old.end()


def test_state_is_shared_an_answer_that_the_old_version_kept_reaches_the_new(program: Make) -> None:
    app, old = flipped(program)
    assert old.run(app.cached, "a") == 1
    assert app.cached("a") == 1
    assert app.cached("b") == old.run(app.cached, "b") == 2
    old.end()


def test_the_dict_of_a_module_holds_the_oldest_value_while_two_versions_run(program: Make) -> None:
    app, old = flipped(program)
    assert app.by_dict() == (1, 2) and vars(app)["X"] == 1
    assert app.X == app.f() == 2
    old.end()
    tend()
    assert app.by_dict() == (2, 2) and vars(app)["X"] == 2


def test_the_frame_above_may_be_a_dispatchers_while_two_versions_run(program: Make) -> None:
    app, old = flipped(program)
    assert app.caller() == ("inner", 2), "a dispatcher goes by the name of what it stands for"
    old.end()
    tend()
    assert app.caller() == ("caller", 2)


def test_old_code_halves_the_depth_of_recursion_and_the_limit_is_doubled_meanwhile(program: Make) -> None:
    before = sys.getrecursionlimit()
    _, old = flipped(program)
    assert sys.getrecursionlimit() == 2 * before
    old.end()
    tend()
    assert sys.getrecursionlimit() == before


def test_requests_that_wait_for_one_another_keep_a_barrier_from_its_moment_and_go_on_after_it() -> None:
    """As over the network: the one in flight waits for one that is held."""
    started, answered = threading.Event(), threading.Event()

    def second() -> None:
        with request():
            answered.set()

    def first() -> None:
        with request():
            started.set()
            until(lambda: pins.policy.gate is not None, "new requests are held")
            contextvars.Context().run(threading.Thread(target=second).start)
            answered.wait()

    thread = threading.Thread(target=first)
    thread.start()
    started.wait()
    with barrier(0.2) as hold:
        assert not hold.quiet and len(hold.waited_for) == 1
    thread.join()
    assert answered.is_set()
