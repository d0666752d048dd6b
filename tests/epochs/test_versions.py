from __future__ import annotations

import weakref
from collections.abc import Callable

import pytest

from benchmarks.two_versions import Program
from hotpatch import epochs
from hotpatch.engine import commit
from hotpatch.epochs import (
    State,
    Version,
    control,
    install,
    is_plain,
    newest,
    one_step,
    survey,
    tend,
    version_in_effect,
)
from hotpatch.errors import Busy, PatchRefused
from hotpatch.ops import SlotKind
from hotpatch.plan import Grade
from tests.epochs.requests import Open

Make = Callable[..., Program]


def source(version: int) -> str:
    return f"LIMIT = {version}\ndef answer():\n    return {version}, LIMIT\n"


def release(app: Program, version: int) -> Version:
    return install(app.ops({"app": source(version)}))


def test_nothing_visible_changes_before_the_flip(program: Make) -> None:
    app = program(app=source(1))
    code = app["app"].answer.__code__
    version = release(app, 2)
    assert version.state is State.STAGED and not is_plain()
    assert app["app"].answer() == (1, 1) and app["app"].LIMIT == 1
    version.withdraw()
    assert is_plain() and app["app"].answer.__code__ is code
    assert not [name for name in vars(app["app"]) if "@" in name]


def test_a_request_in_flight_keeps_its_version_and_a_new_one_gets_the_new(program: Make) -> None:
    app = program(app=source(1))
    old = Open()
    version = release(app, 2)
    version.flip()
    new = Open()
    for _ in range(3):
        assert old.run(app["app"].answer) == (1, 1)
        assert new.run(app["app"].answer) == (2, 2)
        assert app["app"].answer() == (2, 2), "work outside any request follows the default"
    assert not version.collapse()
    assert [flight.epoch for flight in version.blockers()] == [old.pin.epoch]
    old.end()
    assert version.collapse() and version.state is State.COLLAPSED and is_plain()
    assert new.run(app["app"].answer) == (2, 2)
    new.end()


def test_requests_are_behind_while_one_of_them_is_on_an_old_version(program: Make) -> None:
    app = program(app=source(1))
    old = Open()
    version = release(app, 2)
    assert not epochs.is_behind()
    version.flip()
    new = Open()
    assert epochs.is_behind()
    old.end()
    assert not epochs.is_behind() and epochs.is_busy()
    new.end()
    assert not epochs.is_busy()


def test_canary_by_share_then_promoted(program: Make) -> None:
    app = program(app=source(1))
    version = release(app, 2)
    version.canary(lambda user: user == "pig")
    pig, other = Open("pig"), Open("other")
    assert pig.run(app["app"].answer) == (2, 2) and other.run(app["app"].answer) == (1, 1)
    version.flip()
    late = Open("other")
    assert late.run(app["app"].answer) == (2, 2) and other.run(app["app"].answer) == (1, 1)
    for each in (pig, other, late):
        each.end()
    assert version.collapse()


def test_canary_aborted_those_who_have_it_keep_it_to_their_end(program: Make) -> None:
    app = program(app=source(1))
    version = release(app, 2)
    version.canary(lambda user: user == "pig")
    pig = Open("pig")
    version.withdraw()
    again = Open("pig")
    assert pig.run(app["app"].answer) == (2, 2) and again.run(app["app"].answer) == (1, 1)
    pig.end()
    again.end()
    tend()
    assert is_plain() and app["app"].answer() == (1, 1)


def test_a_release_after_an_aborted_canary_that_is_still_in_use(program: Make) -> None:
    """The second release changes nothing that the first did: its requests must get the old of that."""
    app = program(app=source(1), other="def other():\n    return 1\n")
    first = release(app, 2)
    first.canary(lambda user: user == "pig")
    pig = Open("pig")
    first.withdraw()
    second = install(app.ops({"other": "def other():\n    return 2\n"}))
    second.flip()
    new = Open()
    assert new.run(app["app"].answer) == (1, 1) and new.run(app["other"].other) == 2
    assert pig.run(app["app"].answer) == (2, 2) and pig.run(app["other"].other) == 1
    pig.end()
    new.end()
    assert second.collapse() and app["app"].answer() == (1, 1) and app["other"].other() == 2


def test_rollback_before_collapse_is_a_new_epoch(program: Make) -> None:
    app = program(app=source(1))
    first = Open()
    version = release(app, 2)
    version.flip()
    second = Open()
    back = version.rollback()
    third = Open()
    assert back.epoch > version.epoch
    assert [each.run(app["app"].answer) for each in (first, second, third)] == [(1, 1), (2, 2), (1, 1)]
    for each in (first, second, third):
        each.end()
    assert back.collapse() and app["app"].answer() == (1, 1)


def test_rollback_after_collapse(program: Make) -> None:
    app = program(app=source(1))
    code = app["app"].answer.__code__
    version = release(app, 2)
    version.flip()
    assert version.collapse()
    back = version.rollback()
    assert back.collapse() and is_plain()
    assert app["app"].answer.__code__ is code and app["app"].LIMIT == 1


def test_rollback_in_order_and_not_out_of_it(program: Make) -> None:
    app = program(app=source(1))
    first = release(app, 2)
    first.flip()
    tend()
    second = release(app, 3)
    second.flip()
    with pytest.raises(PatchRefused, match="roll that back first"):
        first.rollback()
    second.rollback()
    assert app["app"].answer() == (2, 2)
    first.rollback()
    assert app["app"].answer() == (1, 1)


def test_rolled_back_body_unreachable_by_later_release(program: Make) -> None:
    """A stream still runs on the rolled-back epoch when the next release goes live."""
    app = program(app=source(1))
    version = release(app, 2)
    version.flip()
    stream = Open()
    version.rollback()
    later = release(app, 3)
    new = Open()
    assert new.run(app["app"].answer) == (1, 1)
    later.flip()
    newest_one = Open()
    answers = [each.run(app["app"].answer) for each in (stream, new, newest_one)]
    assert answers == [(2, 2), (1, 1), (3, 3)]
    for each in (stream, new, newest_one):
        each.end()
    assert later.collapse() and app["app"].answer() == (3, 3)


def test_three_epochs_then_squash(program: Make) -> None:
    app = program(app=source(1))
    requests = [Open()]
    versions = []
    for number in (2, 3, 4):
        versions.append(release(app, number))
        versions[-1].flip()
        requests.append(Open())
    answers = [each.run(app["app"].answer) for each in requests]
    assert answers == [(1, 1), (2, 2), (3, 3), (4, 4)]
    chain = weakref.ref(app["app"].answer.__code__)
    requests[1].end()
    requests[2].end()
    tend()
    assert chain() is None, "the middle ones are squashed"
    aliases = [name for name in vars(app["app"]) if "@" in name]
    assert aliases == ["LIMIT@3"], "their aliases go with them"
    assert requests[0].run(app["app"].answer) == (1, 1) and requests[3].run(app["app"].answer) == (4, 4)
    requests[0].end()
    requests[3].end()
    assert versions[2].collapse() and is_plain()
    assert {version.state for version in versions} == {State.COLLAPSED}


def test_an_unchanged_function_in_a_second_release_sees_the_first_ones_constant(program: Make) -> None:
    old = "A = 1\nB = 1\ndef f():\n    return A, B\n"
    app = program(app=old)
    first = Open()
    install(app.ops({"app": old.replace("A = 1", "A = 2")})).flip()
    second = Open()
    newer = old.replace("A = 1", "A = 2").replace("B = 1", "B = 2")
    ops = app.ops({"app": newer})
    assert [op.key for op in ops] == ["B"]
    version = install(ops)
    version.flip()
    third = Open()
    assert [each.run(app["app"].f) for each in (first, second, third)] == [(1, 1), (2, 1), (2, 2)]
    for each in (first, second, third):
        each.end()
    assert version.collapse() and app["app"].f() == (2, 2) and app["app"].f.__code__.co_names == ("A", "B")


def test_commit_never_waits_for_a_stream(program: Make) -> None:
    app = program(
        app="def stream():\n    for i in range(3):\n        yield 1, step()\ndef step():\n    return 1\n"
    )
    stream = Open()
    items = stream.run(app["app"].stream)
    assert stream.run(next, items) == (1, 1)
    for number in (2, 3):
        text = f"def stream():\n    yield {number}, step()\ndef step():\n    return {number}\n"
        install(app.ops({"app": text})).flip()
        assert stream.run(next, items) == (1, 1), "generators in flight finish on what they began"
    stream.end()


def test_one_undecided_version_at_a_time(program: Make) -> None:
    app = program(app=source(1))
    version = release(app, 2)
    with pytest.raises(Busy, match="promote it or withdraw it"):
        release(app, 3)
    version.withdraw()
    release(app, 3).flip()
    assert app["app"].answer() == (3, 3)


def test_a_version_that_is_decided_can_not_be_decided_again(program: Make) -> None:
    version = release(program(app=source(1)), 2)
    version.flip()
    for act in (version.flip, version.withdraw, lambda: version.canary(bool)):
        with pytest.raises(PatchRefused, match="is committed"):
            act()


def test_what_has_no_parallel_form_is_refused_by_name_and_taken_in_one_step(program: Make) -> None:
    app = program(app="COUNT = 1\ndef f():\n    global COUNT\n    COUNT += 1\n    return COUNT\n")
    ops = app.ops({"app": "COUNT = 10\ndef f():\n    global COUNT\n    COUNT += 2\n    return COUNT\n"})
    assert {graded.grade for graded in survey(ops)} == {Grade.BARRIER}
    with pytest.raises(PatchRefused, match=r"app\.COUNT: f stores COUNT"):
        install(ops)
    assert app["app"].f() == 2
    with one_step(1) as hold:
        assert hold.quiet
        app["app"].f.__code__ = next(op.after for op in ops if op.kind is SlotKind.CODE)
    assert app["app"].f() == 4


def test_one_step_collapses_what_is_left_and_is_an_epoch_of_its_own(program: Make) -> None:
    app = program(app=source(1))
    version = release(app, 2)
    old = Open()
    version.flip()
    tend()
    assert not is_plain()
    old.end()
    before = control.current()
    with one_step(1) as hold:
        assert hold.quiet and is_plain()
    assert control.current() > before
    with pytest.raises(PatchRefused):
        version.rollback()


def test_newest_tells_what_dispatchers_and_aliases_hide(program: Make) -> None:
    app = program(app=source(1) + "class C:\n    x = 1\n")
    old = Open()
    release_2 = app.ops({"app": source(2) + "class C:\n    x = 2\n"})
    install(release_2).flip()
    module = app["app"]
    assert module.answer.__code__ not in [op.after for op in release_2]
    assert newest(module.answer, SlotKind.CODE, None, None) in [op.after for op in release_2]
    assert vars(module)["LIMIT"] == 1 and newest(module, SlotKind.GLOBAL, "LIMIT", None) == 2
    assert newest(module.C, SlotKind.CLASS, "x", None) == 2
    assert newest(module, SlotKind.GLOBAL, "other", "as it is") == "as it is"
    old.end()


def test_calls_run_at_the_commit_and_at_the_collapse(program: Make) -> None:
    from hotpatch.ops import Op

    app = program(app=source(1))
    ran: list[str] = []
    forget = Op(None, SlotKind.CALL, None, lambda: ran.append("undone"), lambda: ran.append("done"), "cache")
    old = Open()
    version = install([*app.ops({"app": source(2)}), forget])
    assert ran == []
    version.flip()
    assert ran == ["done"]
    old.end()
    assert version.collapse() and ran == ["done", "done"]
    version.rollback()
    assert ran == ["done", "done", "undone"]


def test_metadata_changes_with_the_commit(program: Make) -> None:
    app = program(app='def f(a: int):\n    "old"\n    return 1\n')
    version = install(app.ops({"app": 'def f(a: str):\n    "new"\n    return 2\n'}))
    assert (app["app"].f.__doc__, app["app"].f.__annotations__) == ("old", {"a": int})
    version.flip()
    assert (app["app"].f.__doc__, app["app"].f.__annotations__) == ("new", {"a": str})
    version.rollback()
    assert (app["app"].f.__doc__, app["app"].f.__annotations__) == ("old", {"a": int})


def test_a_module_that_only_the_new_version_imports(program: Make) -> None:
    import sys
    from types import ModuleType

    from hotpatch.ops import ABSENT, Op

    extra = ModuleType("hotpatch_test_extra")
    version = install([Op(sys, SlotKind.MODULE, extra.__name__, ABSENT, extra, extra.__name__)])
    assert sys.modules[extra.__name__] is extra
    version.withdraw()
    assert extra.__name__ not in sys.modules


def test_the_recursion_limit_is_raised_during_a_rollout_and_restored(program: Make) -> None:
    import sys

    depth = 600
    app = program(app="def f(n):\n    return n and f(n - 1)\n")
    limit = sys.getrecursionlimit()
    version = install(app.ops({"app": "def f(n):\n    return n and f(n - 1) + 0\n"}))
    assert app["app"].f(depth) == 0 and sys.getrecursionlimit() == 2 * limit
    version.flip()
    assert app["app"].f(depth) == 0
    assert version.collapse() and sys.getrecursionlimit() == limit


def test_a_forked_child_goes_on_with_versions_at_once(program: Make) -> None:
    import os

    app = program(app=source(1))
    old = Open()
    version = release(app, 2)
    child = os.fork()
    if child == 0:
        version.flip()
        os._exit(0 if version.collapse() and app["app"].answer() == (2, 2) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert app["app"].answer() == (1, 1)
    old.end()


def test_after_a_step_was_undone_the_version_below_it_can_be_rolled_back(program: Make) -> None:
    app = program(app=source(1))
    version = release(app, 2)
    version.flip()
    below = version_in_effect()
    ops = app.ops({"app": source(3)})
    with one_step(1):
        undo = commit(ops)
    assert app["app"].answer() == (3, 3) and version_in_effect() is None
    with one_step(1, back_to=below):
        undo.revert()
    assert app["app"].answer() == (2, 2)
    assert version.rollback().collapse()
    assert app["app"].answer() == (1, 1)


def test_a_step_is_refused_to_a_caller_that_keeps_an_old_version_alive(program: Make) -> None:
    app = program(app=source(1))
    version = release(app, 2)
    with epochs.pinned():
        version.flip()
        with pytest.raises(PatchRefused, match="pinned to an older epoch"), one_step(1):
            raise AssertionError("nothing may be changed now")
    assert version.collapse()
