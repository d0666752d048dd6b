"""What runs around a change, in which order, and what happens when something goes wrong."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterable

import pytest

from hotpatch import refresh
from hotpatch.errors import PatchRefused
from hotpatch.ops import Op, SlotKind
from hotpatch.refresh import Handler, Outcome, Update, rounds, search

Log = list[str]


@pytest.fixture(autouse=True)
def no_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "plugins", lambda: ((), ()))


def note(log: Log, text: str, error: BaseException | None = None) -> Callable[[Update], None]:
    def step(update: Update) -> None:
        log.append(text if update.outcome is None else f"{text} {update.outcome.value}")
        if error is not None:
            raise error

    return step


def full(log: Log, name: str, **errors: BaseException) -> None:
    steps = {
        step: note(log, f"{name} {step}", errors.get(step))
        for step in ("before", "forget", "rebuild", "after")
    }
    refresh.register(name, **steps)


def test_all_forget_before_any_rebuilds() -> None:
    log: Log = []
    full(log, "a")
    full(log, "b")
    with refresh.begin(()):
        log.append("commit")
    assert log == [
        "a before",
        "b before",
        "commit",
        "a forget done",
        "b forget done",
        "a rebuild done",
        "b rebuild done",
        "b after done",
        "a after done",
    ]


def test_an_undo_runs_the_same_round_and_says_so() -> None:
    seen: list[tuple[bool, Outcome | None]] = []
    step = lambda update: seen.append((update.undo, update.outcome))  # noqa: E731
    refresh.register("a", before=step, forget=step)
    with refresh.begin((), undo=True):
        pass
    assert seen == [(True, None), (True, Outcome.DONE)]


def test_a_handler_may_refuse_a_commit_and_nothing_is_forgotten() -> None:
    log: Log = []
    full(log, "a")
    full(log, "b", before=ValueError("a lease is held"))
    full(log, "c")
    with pytest.raises(
        PatchRefused, match=r"refresh handler b refuses the change: ValueError: a lease is held"
    ):
        refresh.begin(())
    assert log == ["a before", "b before", "a after refused"]


def test_a_refusal_in_its_own_words_is_passed_on() -> None:
    full([], "a", before=PatchRefused("not on a Friday"))
    with pytest.raises(PatchRefused, match=r"a refuses the change: not on a Friday$"):
        refresh.begin(())


def test_an_undo_cannot_be_refused() -> None:
    log: Log = []
    full(log, "a", before=ValueError("no"))
    with refresh.begin((), undo=True) as round_:
        pass
    assert round_.report is not None
    assert [str(f) for f in round_.report.failures] == ["refresh handler a, before: ValueError: no"]
    assert log == ["a before", "a forget done", "a rebuild done"], "its before failed, so no after is due"


def test_a_change_that_failed_is_told_to_those_who_were_told_before() -> None:
    log: Log = []
    full(log, "a")
    full(log, "b")
    with pytest.raises(ZeroDivisionError):
        with refresh.begin(()):
            1 / 0  # noqa: B018
    assert log == ["a before", "b before", "b after failed", "a after failed"]


@pytest.mark.parametrize("broken", ["forget", "rebuild", "after"])
def test_a_callback_that_raises_keeps_nobody_from_their_turn(broken: str) -> None:
    whole: Log = []
    full(whole, "a")
    full(whole, "b")
    with refresh.begin(()):
        pass
    log: Log = []
    full(log, "a", **{broken: RuntimeError("broken")})
    full(log, "b")
    with refresh.begin(()) as round_:
        pass
    assert log == whole
    assert round_.report is not None
    assert [(f.handler, f.step, f.error) for f in round_.report.failures] == [
        ("a", broken, "RuntimeError: broken")
    ]


def test_who_registers_during_a_change_takes_no_part_in_it() -> None:
    log: Log = []
    with refresh.begin(()):
        full(log, "late")
    assert log == []


def test_who_is_removed_during_a_change_still_finishes() -> None:
    log: Log = []
    registration = refresh.register("a", before=note(log, "before"), after=note(log, "after"))
    with refresh.begin(()):
        registration.remove()
    assert log == ["before", "after done"]
    with refresh.begin(()):
        pass
    assert len(log) == 2


def test_what_no_callback_may_swallow_is_raised_after_everyone_had_their_turn() -> None:
    log: Log = []
    full(log, "a", forget=KeyboardInterrupt())
    full(log, "b")
    round_ = refresh.begin(())
    with pytest.raises(KeyboardInterrupt):
        round_.complete()
    assert log[-2:] == ["b after done", "a after done"]


def test_settling_forgets_and_rebuilds_once_more_and_nothing_else() -> None:
    log: Log = []
    full(log, "a")
    with refresh.begin(()) as round_:
        pass
    del log[:]
    assert round_.settle().failures == ()
    assert log == ["a forget done", "a rebuild done"]


class Kept:
    pass


class Other:
    pass


def test_what_all_handlers_look_for_is_found_in_one_walk_before_the_change(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    walks: list[tuple[type, ...]] = []

    def instances(kinds: tuple[type, ...], roots: Iterable[object]) -> list[object]:
        walks.append(kinds)
        return search.instances(kinds, roots)

    monkeypatch.setattr(rounds, "instances", instances)
    found: list[object] = []
    take = lambda update: found.extend(update.held(Kept))  # noqa: E731
    refresh.add(Handler("a", forget=take, looks_for=(Kept,)))
    refresh.add(Handler("b", forget=take, looks_for=(Other,)))
    kept = Kept()
    with refresh.begin((), app=[kept, Other()]):
        assert walks == [(Kept, Other)]
    assert found == [kept, kept] and len(walks) == 1


def test_what_came_into_being_around_the_change_is_found_when_it_is_settled() -> None:
    found: list[object] = []
    refresh.add(Handler("a", forget=lambda update: found.extend(update.held(Kept)), looks_for=(Kept,)))
    app: list[object] = []
    with refresh.begin((), app=app) as round_:
        app.append(Kept())
    assert found == []
    round_.settle()
    assert found == app


def test_what_the_change_brings_and_takes_away_is_looked_at_as_well() -> None:
    found: list[object] = []
    refresh.add(Handler("a", forget=lambda update: found.extend(update.held(Kept)), looks_for=(Kept,)))
    table = {"a": Kept()}
    coming = Kept()
    op = Op(table, SlotKind.ITEM, "a", table["a"], coming, "table")
    with refresh.begin((op,)):
        pass
    assert found == [table["a"], coming]


def test_a_place_to_look_in_that_fails_is_told_and_each_looks_for_itself() -> None:
    def nowhere() -> list[object]:
        raise RuntimeError("not set up")

    found: list[object] = []
    take = lambda update: found.extend(update.held(Kept))  # noqa: E731
    refresh.add(Handler("a", forget=take, looks_for=(Kept,), looks_in=nowhere))
    kept = Kept()
    with refresh.begin((), app=[kept]) as round_:
        pass
    assert found == [kept]
    assert round_.report is not None
    assert [str(failure) for failure in round_.report.failures] == [
        "refresh handler all, looks_for: RuntimeError: not set up"
    ]


def test_a_change_that_is_not_settled_yet_keeps_nothing_alive() -> None:
    refresh.add(Handler("a", forget=lambda update: None, looks_for=(Kept,)))
    app = [Kept()]
    gone = weakref.ref(app[0])
    with refresh.begin((), app=app) as round_:
        pass
    app.clear()
    assert gone() is None and round_.report is not None


def test_the_bundles_own_handlers_take_part_in_its_round_alone() -> None:
    log: Log = []
    with refresh.collecting() as handlers:
        full(log, "bundle")
    assert refresh.registered() == ()
    with refresh.begin((), extra=handlers):
        pass
    assert log[0] == "bundle before"
    del log[:]
    with refresh.begin(()):
        pass
    assert log == []


def test_a_name_is_registered_once_and_removing_brings_back_what_it_replaced() -> None:
    log: Log = []
    full(log, "a")
    second = refresh.register("a", forget=note(log, "second"))
    with refresh.begin(()):
        pass
    assert log == ["second done"]
    second.remove()
    second.remove()
    assert [handler.name for handler in refresh.registered()] == ["a"]
    with refresh.begin(()):
        pass
    assert log[1] == "a before"


def test_a_handler_without_callbacks_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="has no callback"):
        refresh.register("a")


def test_registering_from_many_threads_loses_nobody() -> None:
    barrier = threading.Barrier(8)

    def work(number: int) -> None:
        barrier.wait(30)
        for index in range(50):
            refresh.register(f"{number} {index}", forget=print)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(refresh.registered()) == 400


def test_plugins_that_cannot_be_loaded_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    log: Log = []
    plugin = Handler("plugin", forget=note(log, "plugin"))
    monkeypatch.setattr(rounds, "plugins", lambda: ((plugin,), (("other", "ImportError: no such thing"),)))
    full(log, "a")
    with refresh.begin(()) as round_:
        pass
    assert round_.report is not None
    assert round_.report.handlers == ("plugin", "a")
    assert [str(f) for f in round_.report.failures] == [
        "refresh handler other, load: ImportError: no such thing"
    ]
    assert log == ["a before", "plugin done", "a forget done", "a rebuild done", "a after done"]
