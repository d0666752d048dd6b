"""Calls that wait with arguments that were given in the old way: does the new code take them?"""

from __future__ import annotations

import atexit
from types import ModuleType

import pytest

from hotpatch.patching import Outcome
from hotpatch.plan import Effect
from tests.engine.conftest import Program

WORK = "def work(a{}): return a\n"
CLASS = (
    "from dataclasses import dataclass\nfrom functools import partial\n@dataclass\nclass F:\n    x: str{}\n"
)
WAITING = "WAITING = []\ndef later(a): WAITING.append({})\n"


def begun(program: Program, before: str, after: str) -> tuple[ModuleType, Outcome]:
    """`later` has been called in the one, and this became of the other."""
    program.runs({"jobs.py": before})
    jobs = program.module("jobs")
    jobs.later(1)
    return jobs, program.patch({"jobs.py": after})


def assert_named(outcome: Outcome, what: str, name: str = "work") -> None:
    assert outcome.effect is Effect.RELOAD
    assert outcome.reasons == (f"{what} calls {name} with arguments that its new code does not take",)


# -- partials ------------------------------------------------------------------------------------


def test_a_partial_of_a_dataclass_that_gains_a_field_lacks_it(program: Program) -> None:
    old, new = CLASS.format("") + WAITING, CLASS.format("\n    to: str") + WAITING
    _, outcome = begun(program, old.format("partial(F, a)"), new.format("partial(F, a, 'b')"))
    assert_named(outcome, "a partial", "F")


def test_a_partial_of_a_dataclass_that_gains_a_field_with_a_default_is_called(program: Program) -> None:
    old, new = CLASS.format("") + WAITING, CLASS.format("\n    to: str = ''") + WAITING
    jobs, outcome = begun(program, old.format("partial(F, a)"), new.format("partial(F, a, 'b')"))
    assert outcome, outcome.reasons
    assert jobs.WAITING[0]().x == 1


def test_a_partial_of_a_dataclass_whose_field_is_renamed_has_the_old_name(program: Program) -> None:
    old, new = CLASS.format("\n    to: str = ''"), CLASS.format("\n    at: str = ''")
    old, new = old + WAITING.format("partial(F, to=a)"), new + WAITING.format("partial(F, at=a)")
    assert_named(begun(program, old, new)[1], "a partial", "F")


def test_a_partial_of_a_named_tuple_that_gains_a_field_lacks_it(program: Program) -> None:
    tuples = (
        "from functools import partial\nfrom typing import NamedTuple\nclass F(NamedTuple):\n    x: int\n"
    )
    old, new = tuples + WAITING, tuples + "    to: str\n" + WAITING
    _, outcome = begun(program, old.format("partial(F, a)"), new.format("partial(F, a, 'b')"))
    assert_named(outcome, "a partial", "F")


def test_a_partial_of_a_class_that_becomes_a_dataclass_has_its_own_arguments(program: Program) -> None:
    old = "from functools import partial\nclass F:\n    def __init__(self, much): self.x = much\n"
    old, new = (
        old + WAITING.format("partial(F, much=a)"),
        CLASS.format("") + WAITING.format("partial(F, x=a)"),
    )
    assert_named(begun(program, old, new)[1], "a partial", "F")


def test_a_partial_of_a_function_that_needs_more_lacks_it_if_others_are_made_with_it(
    program: Program,
) -> None:
    work = "from functools import partial\n" + WORK + WAITING
    old, new = work.format("", "partial(work, a)"), work.format(", b", "partial(work, a, 2)")
    assert_named(begun(program, old, new)[1], "a partial")


def test_a_partial_whose_callers_give_what_is_needed_now_is_called(program: Program) -> None:
    work = "from functools import partial\n" + WORK + WAITING.format("partial(work, a)")
    work += "def run(): return [each({}) for each in WAITING]\n"
    jobs, outcome = begun(program, work.format("", ""), work.format(", b", "2"))
    assert outcome, outcome.reasons
    assert jobs.run() == [1]


# -- what libraries keep -------------------------------------------------------------------------


def test_an_event_of_a_scheduler_has_the_old_arguments(program: Program) -> None:
    work = "import sched\nS = sched.scheduler()\n" + WORK + "def later(a): S.enter(9, 1, work, ({}))\n"
    old, new = work.format("", "a,"), work.format(", b", "a, 2")
    assert_named(begun(program, old, new)[1], "an event of a scheduler")


def test_an_event_of_a_scheduler_whose_arguments_are_taken_is_called(program: Program) -> None:
    work = "import sched\nS = sched.scheduler()\n" + WORK + "def later(a): S.enter(0, 1, work, ({}))\n"
    jobs, outcome = begun(program, work.format("", "a,"), work.format(", b=0", "a, 2"))
    assert outcome, outcome.reasons
    assert jobs.S.run() is None


def test_what_can_be_no_arguments_is_passed_over(program: Program) -> None:
    work = "import sched\nS = sched.scheduler()\n" + WORK + "def later(a): S.enter(9, 1, work, a)\n"
    _, outcome = begun(program, work.format(""), work.format(", b"))
    assert outcome, outcome.reasons


def test_a_callback_of_an_exit_stack_has_the_old_arguments(program: Program) -> None:
    work = "import contextlib\nS = contextlib.ExitStack()\n" + WORK + "def later(a): S.callback(work, {})\n"
    old, new = work.format("", "a"), work.format(", b", "a, 2")
    assert_named(begun(program, old, new)[1], "an exit stack")


def test_a_callback_of_an_exit_stack_whose_arguments_are_taken_is_called(program: Program) -> None:
    work = "import contextlib\nS = contextlib.ExitStack()\n" + WORK + "def later(a): S.callback(work, {})\n"
    jobs, outcome = begun(program, work.format("", "a"), work.format(", b=0", "a, 2"))
    assert outcome, outcome.reasons
    jobs.S.close()


def test_a_finalizer_has_the_old_arguments(program: Program) -> None:
    work = "import weakref\nclass It: pass\nIT = It()\n" + WORK
    work += "def later(a): weakref.finalize(IT, work, {}).atexit = False\n"
    old, new = work.format("", "a"), work.format(", b", "a, 2")
    assert_named(begun(program, old, new)[1], "a finalizer")


HOOK = "import atexit\n" + WORK + "def later(a): atexit.register(work, {})\n"


def test_an_exit_hook_may_have_the_old_arguments(program: Program) -> None:
    jobs, outcome = begun(program, HOOK.format("", "a"), HOOK.format(", b", "a, 2"))
    atexit.unregister(jobs.work)
    assert_named(outcome, "an exit hook")


def test_an_exit_hook_whose_arguments_are_taken_stays(program: Program) -> None:
    jobs, outcome = begun(program, HOOK.format("", "a"), HOOK.format(", b=0", "a, 2"))
    atexit.unregister(jobs.work)
    assert outcome, outcome.reasons


# -- jobs in queues ------------------------------------------------------------------------------


def queued(kind: str, put: str, job: str) -> str:
    """A program that puts such jobs into such a queue."""
    return f"import collections, queue, heapq\nQ = {kind}\n" + WORK + f"def later(a): {put.format(job)}\n"


def test_a_job_in_a_queue_has_the_old_arguments(program: Program) -> None:
    work = queued("queue.Queue()", "Q.put({})", "(work, ({}))")
    _, outcome = begun(program, work.format("", "a,"), work.format(", b", "a, 2"))
    assert_named(outcome, "a job")


def test_a_job_in_a_simple_queue_has_the_old_arguments(program: Program) -> None:
    work = queued("queue.SimpleQueue()", "Q.put({})", "(work, ({}))")
    _, outcome = begun(program, work.format("", "a,"), work.format(", b", "a, 2"))
    assert_named(outcome, "a job")


def test_a_job_with_keywords_in_a_deque_has_the_old_arguments(program: Program) -> None:
    work = queued("collections.deque()", "Q.append({})", "(work, (), dict({}))")
    old, new = work.format("", "a=a"), work.format(", b", "a=a, b=2")
    assert_named(begun(program, old, new)[1], "a job")


def test_a_job_in_a_heap_has_the_old_arguments(program: Program) -> None:
    work = queued("[]", "heapq.heappush(Q, {})", "(5, work, ({}))")
    _, outcome = begun(program, work.format("", "a,"), work.format(", b", "a, 2"))
    assert_named(outcome, "a job")


def test_a_job_whose_arguments_are_taken_is_done(program: Program) -> None:
    work = queued("queue.Queue()", "Q.put({})", "(work, ({}))")
    jobs, outcome = begun(program, work.format("", "a,"), work.format(", b=0", "a, 2"))
    assert outcome, outcome.reasons
    do, args = jobs.Q.get()
    assert do(*args) == 1


def test_a_job_to_whose_arguments_new_code_adds_is_done(program: Program) -> None:
    work = queued("queue.Queue()", "Q.put({})", "(work, (a,))")
    work += "def run():\n    do, args = Q.get()\n    return do(*args{})\n"
    jobs, outcome = begun(program, work.format("", ""), work.format(", b", ", 2"))
    assert outcome, outcome.reasons
    assert jobs.run() == 1


def test_a_function_beside_names_in_a_table_is_no_job(program: Program) -> None:
    work = WORK + "ROUTES = [(work, ['GET'])]\ndef later(a): return work({})\n"
    jobs, outcome = begun(program, work.format("", "a"), work.format(", b", "a, 2"))
    assert outcome, outcome.reasons
    assert jobs.later(1) == 1


# -- parameters that change places -----------------------------------------------------------------

MOVE = "from functools import partial\ndef move(src, dst): return f'{src} to {dst}'\n"
TURNED = MOVE.replace("src, dst", "dst, src")


def test_a_partial_of_a_function_whose_parameters_change_places_has_the_old_ones(program: Program) -> None:
    old, new = WAITING.format("partial(move, a, 'b')"), WAITING.format("partial(move, 'b', a)")
    _, outcome = begun(program, MOVE + old, TURNED + new)
    assert_named(outcome, "a partial", "move")


def test_a_partial_of_a_dataclass_whose_fields_change_places_has_the_old_ones(program: Program) -> None:
    old, new = CLASS.format("\n    y: str"), CLASS.replace("x: str{}", "y: str\n    x: str")
    old, new = old + WAITING.format("partial(F, a, 2)"), new + WAITING.format("partial(F, 2, a)")
    assert_named(begun(program, old, new)[1], "a partial", "F")


def test_a_partial_that_gives_nothing_by_its_place_knows_nothing_of_places(program: Program) -> None:
    later = WAITING.format("partial(move, dst=a)")
    jobs, outcome = begun(program, MOVE + later, TURNED + later)
    assert outcome, outcome.reasons
    assert jobs.WAITING[0](src=2) == "2 to 1"


def test_a_partial_of_a_function_whose_parameter_is_renamed_goes_on(program: Program) -> None:
    old = MOVE + WAITING.format("partial(move, a, 'b')")
    jobs, outcome = begun(program, old, old.replace("src", "source"))
    assert outcome, outcome.reasons
    assert jobs.WAITING[0]() == "1 to b"


def test_a_partial_that_the_edit_replaces_is_none_that_waits(program: Program) -> None:
    old = MOVE + "home = partial(move, 'here')\n"
    program.runs({"jobs.py": old})
    jobs = program.module("jobs")
    new = TURNED + "home = partial(move, 'there')\n"
    outcome = program.patch({"jobs.py": new})
    assert outcome, outcome.reasons
    assert jobs.home("here") == "here to there"


# -- iterators that call a function for each item ----------------------------------------------------


def test_a_map_in_use_calls_with_as_many_arguments_as_it_has_iterables(program: Program) -> None:
    old, new = WORK.format("") + WAITING, WORK.format(", b") + WAITING
    _, outcome = begun(program, old.format("map(work, [a])"), new.format("map(work, [a], [2])"))
    assert_named(outcome, "a map")


def test_a_map_in_use_calls_what_still_takes_that(program: Program) -> None:
    old = WORK.format("") + WAITING.format("map(work, [a])")
    jobs, outcome = begun(program, old, old.replace("return a", "return [a]"))
    assert outcome, outcome.reasons
    assert [*jobs.WAITING[0]] == [[1]]


def test_a_filter_in_use_calls_with_one_argument(program: Program) -> None:
    old, new = WORK.format("") + WAITING, WORK.format(", b") + WAITING
    _, outcome = begun(program, old.format("filter(work, [a])"), new.format("[work(a, 2)]"))
    assert_named(outcome, "a filter")


def test_an_iterator_made_of_a_function_calls_it_with_none(program: Program) -> None:
    work = "def work(): return 1\n" + WAITING.format("iter(work, None)")
    _, outcome = begun(program, work, work.replace("work():", "work(n):"))
    assert_named(outcome, "an iterator")


# -- what the standard library keeps to call later ------------------------------------------------

KEPT = {
    "a Thread": ("import threading\n", "threading.Thread(target=work, args=(a{},))"),
    "an executor": (
        "from concurrent.futures import ThreadPoolExecutor\n",
        "ThreadPoolExecutor(1, initializer=work, initargs=(a{},))",
    ),
    "a context manager": ("import contextlib\n", "contextlib.contextmanager(work)(a{})"),
    "a defaultdict": ("import collections\n", "collections.defaultdict(work)"),
    "a key to sort by": ("import functools\n", "functools.cmp_to_key(work)(a)"),
}
"""How it is imported and how it is made; `work` takes as many arguments as it is given so."""
TAKES = {"a defaultdict": ("", "a"), "a key to sort by": ("a, b", "a, b, c")}


@pytest.mark.parametrize("what", KEPT)
def test_what_is_kept_to_be_called_later_has_to_be_taken(program: Program, what: str) -> None:
    head, made = KEPT[what]
    takes = TAKES.get(what, ("a", "a, b"))
    old, new = (
        f"{head}def work({parameters}): return 1\n{WAITING.format(made.format(more))}"
        for parameters, more in zip(takes, ("", ", 2"), strict=True)
    )
    assert_named(begun(program, old, new)[1], what)


def test_a_thread_that_runs_has_been_called(program: Program) -> None:
    text = (
        "import threading\nGO = threading.Event()\nSTARTED = threading.Event()\n"
        "def work(a{0}):\n    STARTED.set()\n    GO.wait()\n"
        "WAITING = []\ndef later(a): WAITING.append(threading.Thread(target=work, args=(a{1},)))\n"
    )
    program.runs({"jobs.py": text.format("", "")})
    jobs = program.module("jobs")
    jobs.later(1)
    (thread,) = jobs.WAITING
    thread.start()
    assert jobs.STARTED.wait(30)
    try:
        outcome = program.patch({"jobs.py": text.format(", b", ", 2")})
        assert outcome, outcome.reasons
    finally:
        jobs.GO.set()
        thread.join()
