"""The leader's hands: what is decided is done on disk, and a leader that dies is gone on from."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from attrs import evolve
from hotpatch_agent.decision.acts import Rehearse
from hotpatch_agent.decision.history import History
from hotpatch_agent.failpoint import VARIABLE
from hotpatch_agent.home import facts, spool
from hotpatch_agent.home.disk import OsFiles
from hotpatch_agent.home.folder import Home, Service, create
from hotpatch_agent.home.status import Board, Phase, Status, read_roll
from hotpatch_agent.leader.lead import Leader
from hotpatch_agent.leader.lookout import Lookout

from hotpatch.errors import Unsigned
from hotpatch.plan import Plan
from hotpatch.release import Release
from tests.agent.samples import adopting, at, status

ME = "1-1"


def accept(data: bytes) -> Release:
    """A bundle here is `<version>`, and nothing else is one."""
    if not data.isdigit():
        raise Unsigned("the bundle bears too few signatures")
    moment = datetime(2030, 1, 1, tzinfo=UTC)
    return Release("shop", "test", int(data), moment, moment, "", "", "shop:app", {}, {}, b"", Plan(()), ())


class Desk:
    """A home with a leader at work."""

    def __init__(self, folder: Path, judge: Callable[[bytes], Release] = accept) -> None:
        self.home: Home = create(folder, Service("shop", "test", "shop:app"))
        self.history = History(self.home.ledger)
        self.leader = Leader(self.home, self.history, ME, lambda: at(1.0))
        self.lookout = Lookout(self.home, ME, judge)
        self.board = Board(self.home.workers, ME)
        self.say(status(1))

    def say(self, told: Status) -> None:
        self.board.write(told)

    def turn(self) -> tuple[object, ...]:
        return self.leader.turn(self.lookout.look())

    def facts(self) -> list[type]:
        fresh = History(self.home.ledger)
        return [type(record.fact) for record in fresh.refresh()]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "home")


def test_a_bundle_is_kept_by_its_digest_offered_and_taken_out_of_the_spool(desk: Desk) -> None:
    spool.offer(desk.home.spool, b"7")

    desk.turn()

    assert desk.facts() == [facts.Offered]
    rollout = desk.history.state.rollout
    assert rollout is not None
    assert desk.home.bundle(rollout.digest).read_bytes() == b"7"
    assert spool.waiting(desk.home.spool) == ()


def test_each_bundle_is_judged_once(tmp_path: Path) -> None:
    judged: list[bytes] = []

    def count(data: bytes) -> Release:
        judged.append(data)
        return accept(data)

    desk = Desk(tmp_path / "home", count)
    spool.offer(desk.home.spool, b"7")
    for _ in range(3):
        desk.lookout.look()

    assert judged == [b"7"]


def test_several_files_are_answered_in_one_turn(desk: Desk) -> None:
    for data in (b"junk", b"7", b"8"):
        spool.offer(desk.home.spool, data)
    (desk.home.spool / "9.request").write_bytes(b"{}")

    desk.turn()

    assert sorted(kind.__name__ for kind in desk.facts()) == ["Offered", "Refused", "Refused", "Refused"]
    assert spool.waiting(desk.home.spool) == ()


def test_what_only_a_worker_can_do_is_given_back(desk: Desk) -> None:
    spool.offer(desk.home.spool, b"7")
    desk.turn()
    rollout = desk.history.state.rollout
    assert rollout is not None
    verified = evolve(adopting(status(1), Phase.VERIFIED, 7, 1))
    assert verified.adoption is not None
    desk.say(evolve(verified, adoption=evolve(verified.adoption, digest=rollout.digest)))

    assert desk.turn() == (Rehearse(7, rollout.digest, 1),)


def test_a_bundle_that_was_changed_after_it_was_judged_is_not_kept(desk: Desk) -> None:
    name = spool.offer(desk.home.spool, b"7")
    seen = desk.lookout.look()
    (desk.home.spool / name).write_bytes(b"8")

    desk.leader.turn(seen)

    assert desk.facts() == [facts.Refused]
    assert list(desk.home.bundles.iterdir()) == []


def test_a_bundle_that_vanished_is_answered(desk: Desk) -> None:
    name = spool.offer(desk.home.spool, b"7")
    seen = desk.lookout.look()
    (desk.home.spool / name).unlink()

    desk.leader.turn(seen)

    assert desk.facts() == [facts.Refused]


def test_a_full_disk_refuses_the_bundle_if_that_can_still_be_written(tmp_path: Path) -> None:
    class NoRoomForBundles(OsFiles):
        def create(self, path: str, data: bytes) -> None:
            if "/bundles/" in path:
                raise OSError(28, "No space left on device", path)
            super().create(path, data)

    desk = Desk(tmp_path / "home")
    leader = Leader(desk.home, desk.history, ME, lambda: at(1.0), NoRoomForBundles())
    spool.offer(desk.home.spool, b"7")

    leader.turn(desk.lookout.look())

    (record,) = History(desk.home.ledger).refresh()
    assert isinstance(record.fact, facts.Refused)
    assert record.fact.problem.error == "DiskFull"


def test_a_folder_a_fifo_and_a_link_to_nowhere_in_the_spool_stop_nothing(desk: Desk) -> None:
    (desk.home.spool / "1.bundle").mkdir()
    (desk.home.spool / "2.request").mkdir()
    os.mkfifo(desk.home.spool / "3.bundle")
    os.mkfifo(desk.home.spool / "4.request")
    (desk.home.spool / "5.bundle").symlink_to("/nowhere/at/all")
    spool.offer(desk.home.spool, b"7", "6")

    desk.turn()

    assert facts.Offered in desk.facts()


def test_bundles_that_can_not_be_gone_to_any_more_are_removed(desk: Desk) -> None:
    (desk.home.bundles / ("ab" * 32 + ".bundle")).write_bytes(b"old")
    spool.offer(desk.home.spool, b"7")
    desk.turn()
    rollout = desk.history.state.rollout
    assert rollout is not None
    desk.history.append(facts.Rehearsed(7, rollout.digest, facts.How.LIVE, ME), ME, at(1))
    ready = adopting(status(1), Phase.READY, 7, 1)
    assert ready.adoption is not None
    desk.say(evolve(ready, adoption=evolve(ready.adoption, digest=rollout.digest)))

    desk.turn()

    assert [path.name for path in desk.home.bundles.iterdir()] == [f"{rollout.digest}.bundle"]


def test_the_dead_are_forgotten(desk: Desk) -> None:
    other = Board(desk.home.workers, "2-1")
    other.write(status(2))
    other._lock.release()
    (desk.home.workers / "3-1.lock").touch()

    desk.turn()

    assert sorted(path.name for path in desk.home.workers.iterdir()) == ["1-1.json", "1-1.lock"]
    assert [one.pid for one in read_roll(desk.home.workers).alive] == [1]


STEPS = [
    "bundle.written",
    "bundle.named",
    "bundle.durable",
    "ledger.offered.written",
    "ledger.offered.synced",
    "ledger.offered.named",
    "ledger.offered.durable",
]


@pytest.mark.parametrize("step", STEPS)
def test_a_leader_killed_at_any_step_is_gone_on_from(tmp_path: Path, step: str) -> None:
    home = create(tmp_path / "home", Service("shop", "test", "shop:app"))
    spool.offer(home.spool, b"7")
    program = (
        "import sys; from pathlib import Path; from tests.agent.test_lead import Desk\n"
        "Desk(Path(sys.argv[1])).turn()\n"
    )
    environment = {**os.environ, VARIABLE: step}
    command = [sys.executable, "-c", program, str(home.path)]
    done = subprocess.run(command, env=environment, timeout=60, cwd=Path(__file__).parents[2])
    assert done.returncode == -signal.SIGKILL

    desk = Desk(home.path)
    desk.leader.begin()
    desk.turn()

    assert desk.facts() == [facts.Offered]
    assert spool.waiting(home.spool) == ()
    for folder in (home.spool, home.bundles, home.ledger):
        assert not [path for path in folder.iterdir() if path.name.endswith(".tmp")]


def test_two_leaders_at_once_write_one_history(tmp_path: Path) -> None:
    one = Desk(tmp_path / "home")
    other_history = History(one.home.ledger)
    other = Leader(one.home, other_history, "2-1", lambda: at(1.0))
    for version in range(1, 6):
        spool.offer(one.home.spool, str(version).encode())
    seen = one.lookout.look()

    other_history.refresh()
    one.leader.turn(seen)
    other.turn(seen)

    assert one.facts().count(facts.Offered) == 1
    assert len(one.facts()) == 5


def test_the_ledger_is_compacted_as_it_grows(desk: Desk) -> None:
    for number in range(700):
        desk.history.append(facts.Started(str(number)), ME, at(number))
    state = desk.history.state

    desk.turn()

    assert desk.history.ledger.size() < 300
    again = History(desk.home.ledger)
    again.refresh()
    assert evolve(again.state, seq=0) == evolve(state, seq=0)
