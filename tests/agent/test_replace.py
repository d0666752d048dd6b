"""A change that can't go live replaces the workers one at a time and drops nothing."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from hotpatch_agent.home import facts

from hotpatch.release import Check
from tests.agent.headcount import Headcount
from tests.agent.pushing import Pusher, settled
from tests.agent.service import wait_until
from tests.agent.shop import APP, BOX, IN_ONE_STEP, RELOAD, bodies, make, stream

CLASSES = ("sync", "gthread")


@pytest.mark.parametrize("worker_class", CLASSES)
def test_a_reload_plan_replaces_every_worker_and_drops_nothing(pusher: Pusher, worker_class: str) -> None:
    with make(pusher, worker_class, workers=2) as service:
        settled(pusher, service, 2)
        old = set(service.workers())
        with service.load(clients=4) as load, Headcount(service) as headcount:
            end = pusher.push(APP, RELOAD)
            load.settle()
        assert isinstance(end, facts.Settled), end
        assert pusher.of_kind(facts.Committed)[0].how is facts.How.RELOAD
        assert load.failed == []
        assert headcount.seen <= {2, 3}
        settled(pusher, service, 2)
        assert not old & set(service.workers())
        assert set(bodies(service, 20)) == {"reloaded"}


def test_after_a_reload_the_number_of_workers_is_what_it_was(pusher: Pusher) -> None:
    with make(pusher, workers=3) as service:
        settled(pusher, service, 3)
        pusher.push(APP, RELOAD)
        settled(pusher, service, 3)
        service.signal(signal.SIGTTOU)
        settled(pusher, service, 2)


def failing(condition: str) -> dict[str, str]:
    """The change that needs a reload, in a version that does not start where the condition holds."""
    text = f"\nimport os, sys\nif {condition}:\n    raise RuntimeError('no start')\n"
    return {**RELOAD, "shop.py": RELOAD["shop.py"] + text}


def test_a_reload_whose_new_worker_does_not_start_leaves_all_old_ones(pusher: Pusher) -> None:
    with make(pusher, workers=2) as service:
        settled(pusher, service, 2)
        old = set(service.workers())
        with service.load(clients=2) as load:
            end = pusher.push(APP, failing("'gunicorn.arbiter' in sys.modules"))
            load.settle()
        assert isinstance(end, facts.Settled)
        assert end.version == 0
        assert pusher.of_kind(facts.RolledBack)
        assert load.failed == []
        assert load.bodies().keys() == {"one"}
        wait_until(lambda: set(service.workers()) == old, "the extra worker has gone, the old ones are there")


def test_a_hup_replaces_all_workers_though_they_were_to_stay_when_a_reload_was_given_up(
    pusher: Pusher,
) -> None:
    with make(pusher, workers=2) as service:
        settled(pusher, service, 2)
        old = set(service.workers())
        assert isinstance(pusher.push(APP, failing("'gunicorn.arbiter' in sys.modules")), facts.Settled)
        wait_until(lambda: set(service.workers()) == old, "the extra worker has gone, the old ones are there")
        service.signal(signal.SIGHUP)
        wait_until(lambda: len(service.workers()) == 2 and not old & set(service.workers()), "all are new")


def test_a_reload_that_does_not_start_in_a_fresh_process_is_refused(pusher: Pusher, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    bundle = pusher.bundle(APP, failing(f"os.path.exists({str(flag)!r})"))
    flag.touch()
    with make(pusher) as service:
        settled(pusher, service, 2)
        old = service.workers()
        end = pusher.await_end(lambda: pusher.offer(bundle))
        assert isinstance(end, facts.Failed)
        assert end.problem.error == "PatchInvalid"
        assert "no start" in end.problem.text
        assert service.workers() == old


def test_a_worker_whose_requests_do_not_end_is_replaced(pusher: Pusher) -> None:
    with make(pusher, files=BOX, workers=2) as service:
        settled(pusher, service, 2)
        with stream(service) as answers, service.load(clients=2) as load:
            end = pusher.push(BOX, IN_ONE_STEP, settings={"hold": "0.5"})
            assert isinstance(end, facts.Settled)
            assert "did not end within" in "".join(fact.reason for fact in pusher.of_kind(facts.Replacing))
        assert pusher.of_kind(facts.Committed)[0].how is facts.How.LIVE
        assert load.failed == []
        assert answers == ["one...one"]
        assert set(bodies(service, 20)) == {"two"}


def test_going_back_from_a_reload_is_a_reload_again(pusher: Pusher) -> None:
    with make(pusher, workers=2) as service:
        settled(pusher, service, 2)
        pusher.push(APP, RELOAD)
        with service.load(clients=2) as load:
            end = pusher.roll_back()
        assert isinstance(end, facts.Settled)
        assert load.failed == []
        assert set(bodies(service, 20)) == {"one"}


def test_with_preload_a_reload_loads_the_program_anew_in_each_worker(pusher: Pusher) -> None:
    with make(pusher, workers=2, preload_app=True) as service:
        settled(pusher, service, 2)
        with service.load(clients=2) as load:
            end = pusher.push(APP, RELOAD)
            load.settle()
        assert isinstance(end, facts.Settled)
        assert load.failed == []
        assert set(bodies(service, 20)) == {"reloaded"}


def test_the_leader_killed_during_a_reload_is_succeeded(pusher: Pusher) -> None:
    with make(pusher, workers=3) as service:
        settled(pusher, service, 3)

        def act() -> None:
            pusher.offer(pusher.bundle(APP, RELOAD, settings={"probation": "0"}))
            (first,) = wait_until(lambda: pusher.of_kind(facts.Replacing), "a worker is being replaced")[:1]
            leader = next(
                int(record.who.partition("-")[0]) for record in pusher.history() if record.fact == first
            )
            service.signal(signal.SIGKILL, leader)

        end = pusher.await_end(act)
        assert isinstance(end, facts.Settled)
        assert end.version == 1
        assert set(bodies(service, 20)) == {"reloaded"}


@pytest.mark.parametrize("kind", ["http", "python"])
def test_a_reload_whose_checks_say_no_in_a_fresh_start_replaces_nobody(pusher: Pusher, kind: str) -> None:
    source = "def check(app):\n    import shop\n    assert shop.answer('/') == 'other'\n"
    python, http = Check("page", "python", source), Check("page", "http", path="/", contains="other")
    check = python if kind == "python" else http
    with make(pusher) as service:
        settled(pusher, service, 2)
        old = service.workers()
        end = pusher.push(APP, RELOAD, [check])
        assert isinstance(end, facts.Failed)
        assert end.problem.error == "CheckFailed"
        assert service.workers() == old
        passing = Check("page", "http", path="/", contains="reloaded")
        assert isinstance(pusher.push(APP, RELOAD, [passing]), facts.Settled)


def test_a_leader_that_dies_while_it_is_replaced_leaves_no_worker_too_many(pusher: Pusher) -> None:
    with make(pusher, workers=2) as service:
        settled(pusher, service, 2)

        def act() -> None:
            pusher.offer(pusher.bundle(APP, RELOAD, settings={"probation": "0"}))
            last = wait_until(lambda: pusher.of_kind(facts.Replacing)[1:], "the leader's turn has come")[0]
            leader = next(
                int(record.who.partition("-")[0]) for record in pusher.history() if record.fact == last
            )
            assert isinstance(last, facts.Replacing) and last.worker.startswith(f"{leader}-")
            wait_until(lambda: len(service.workers()) == 3, "its successor is started")
            service.signal(signal.SIGKILL, leader)

        end = pusher.await_end(act)
        assert isinstance(end, facts.Settled)
        settled(pusher, service, 2)
        assert set(bodies(service, 20)) == {"reloaded"}
