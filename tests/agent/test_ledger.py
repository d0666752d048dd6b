"""The ledger is one chain, written by many, and tells apart what can be wrong with it."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hotpatch_agent import wire
from hotpatch_agent.decision.history import History
from hotpatch_agent.failpoint import VARIABLE
from hotpatch_agent.home import facts
from hotpatch_agent.home.disk import OsFiles, sweep
from hotpatch_agent.home.ledger import Ledger, NameTaken
from hotpatch_agent.rollout.strategy import Strategy

from hotpatch.errors import DiskFull, LedgerDamaged
from tests.agent.samples import at

ME = "1-1"


def started(number: int) -> facts.Started:
    return facts.Started(f"master {number}")


def write(folder: Path, count: int) -> Ledger:
    ledger = Ledger(folder)
    ledger.read()
    for number in range(count):
        ledger.append(started(number), ME, at(number))
    return ledger


def record_file(folder: Path, number: int) -> Path:
    return folder / f"{number:010d}.rec"


def test_what_was_appended_is_read_in_order(tmp_path: Path) -> None:
    write(tmp_path, 3)

    records = Ledger(tmp_path).read()

    assert [record.fact for record in records] == [started(0), started(1), started(2)]
    assert [record.seq for record in records] == [1, 2, 3]
    assert [record.at for record in records] == [at(0), at(1), at(2)]
    assert records[2].before == records[1].digest


def test_a_reader_gets_what_has_come_since(tmp_path: Path) -> None:
    writer, reader = write(tmp_path, 2), Ledger(tmp_path)
    reader.read()
    writer.append(started(2), ME, at(2))

    assert [record.fact for record in reader.read()] == [started(2)]
    assert reader.read() == ()


def test_a_writer_that_has_not_read_everything_decides_nothing(tmp_path: Path) -> None:
    one, other = write(tmp_path, 1), Ledger(tmp_path)
    other.read()
    one.append(started(1), "one", at(1))

    with pytest.raises(NameTaken):
        other.append(started(9), "other", at(1))

    assert [record.who for record in Ledger(tmp_path).read()] == [ME, "one"]
    other.read()
    other.append(started(9), "other", at(2))
    assert [record.seq for record in Ledger(tmp_path).read()] == [1, 2, 3]


def _race(folder: str, who: str, count: int) -> None:
    ledger = Ledger(Path(folder))
    written = 0
    while written < count:
        ledger.read()
        try:
            ledger.append(facts.Started(f"{who} {written}"), who, at(1))
        except NameTaken:
            continue
        written += 1


def test_processes_that_write_at_once_make_one_chain_and_lose_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_race, args=(str(tmp_path), f"w{number}", 15)) for number in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)

    records = Ledger(tmp_path).read()

    assert len(records) == 60
    for who in ("w0", "w1", "w2", "w3"):
        own = [record.fact for record in records if record.who == who]
        assert own == [facts.Started(f"{who} {number}") for number in range(15)]


@pytest.mark.parametrize("step", ["begin", "written", "synced", "named", "durable"])
def test_a_writer_killed_at_any_step_has_decided_or_not(tmp_path: Path, step: str) -> None:
    write(tmp_path, 2)
    program = (
        "import sys; from pathlib import Path\n"
        "from hotpatch_agent import clock\nfrom hotpatch_agent.home import facts\n"
        "from hotpatch_agent.home.ledger import Ledger\n"
        "ledger = Ledger(Path(sys.argv[1])); ledger.read()\n"
        "ledger.append(facts.Started('killed'), 'k', clock.now())\n"
    )
    environment = {**os.environ, VARIABLE: f"ledger.started.{step}"}
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], env=environment, timeout=60)

    assert done.returncode == -signal.SIGKILL
    found = [record.fact for record in Ledger(tmp_path).read()]
    expected = [started(0), started(1)]
    assert (
        found == expected if step in ("begin", "written", "synced") else [*expected, facts.Started("killed")]
    )
    sweep(str(tmp_path))
    assert all(child.suffix == ".rec" for child in tmp_path.iterdir())


@pytest.mark.parametrize("cut", [0, 1, 100, -1])
def test_a_torn_last_record_is_passed_over_and_the_chain_goes_on(tmp_path: Path, cut: int) -> None:
    write(tmp_path, 3)
    last = record_file(tmp_path, 3)
    last.write_bytes(last.read_bytes()[:cut])
    ledger = Ledger(tmp_path)

    assert len(ledger.read()) == 2
    assert ledger.torn == 3
    with pytest.raises(ValueError, match="repaired"):
        ledger.append(started(3), ME, at(3))
    ledger.append(facts.Repaired(3), ME, at(3))
    ledger.append(started(4), ME, at(4))

    found = Ledger(tmp_path).read()
    assert [record.fact for record in found] == [started(0), started(1), facts.Repaired(3), started(4)]
    assert [record.seq for record in found] == [1, 2, 4, 5]


def test_of_two_that_repair_one_comes_second(tmp_path: Path) -> None:
    write(tmp_path, 3)
    record_file(tmp_path, 3).write_bytes(b"")
    one, other = Ledger(tmp_path), Ledger(tmp_path)
    one.read()
    other.read()
    one.append(facts.Repaired(3), "one", at(3))
    one.append(started(4), "one", at(4))

    with pytest.raises(NameTaken):
        other.append(facts.Repaired(3), "other", at(4))
    assert [record.who for record in Ledger(tmp_path).read()] == [ME, ME, "one", "one"]


def test_history_repairs_a_torn_tail_before_it_decides(tmp_path: Path) -> None:
    write(tmp_path, 3)
    record_file(tmp_path, 3).write_bytes(b"{")
    history = History(tmp_path)
    history.refresh()

    history.append(started(7), ME, at(7))

    again = History(tmp_path)
    again.refresh()
    assert again.state == history.state
    assert again.state.started == at(7)


def test_a_reader_that_knew_a_record_notices_when_it_was_replaced(tmp_path: Path) -> None:
    write(tmp_path, 2)
    reader = Ledger(tmp_path)
    reader.read()
    record_file(tmp_path, 2).unlink()
    other = Ledger(tmp_path)
    other.read()
    other.append(started(5), ME, at(5))
    other.append(started(6), ME, at(6))

    with pytest.raises(LedgerDamaged, match="tampered"):
        reader.read()


def rotten(line: bytes) -> bytes:
    return line.replace(b"master 1", b"mister 1")


def forged(line: bytes) -> bytes:
    """Edited by someone who knows how the digest is made."""
    body = json.loads(rotten(line))
    del body["digest"]
    return wire.dump({**body, "digest": hashlib.sha256(wire.canonical(body)).hexdigest()})


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (rotten, "damaged"),
        (lambda line: line[:50], "damaged"),
        (lambda line: b"", "damaged"),
        (lambda line: line * 2, "damaged"),
        (lambda line: b"\xff" * 20 + b"\n", "damaged"),
        (lambda line: b"[]\n", "damaged"),
        (lambda line: b"[" * 5000 + b"\n", "damaged"),
        (lambda line: b"x" * (2 << 20), "damaged"),
        (forged, "tampered"),
    ],
)
def test_a_record_in_the_middle_that_was_changed_is_named(
    tmp_path: Path, change: Callable[[bytes], bytes], named: str
) -> None:
    write(tmp_path, 4)
    middle = record_file(tmp_path, 2)
    middle.write_bytes(change(middle.read_bytes()))

    with pytest.raises(LedgerDamaged, match=f"000000000[23].rec: {named}"):
        Ledger(tmp_path).read()


@pytest.mark.parametrize("gone", [1, 2, 3])
def test_a_record_that_is_gone_is_named(tmp_path: Path, gone: int) -> None:
    write(tmp_path, 4)
    record_file(tmp_path, gone).unlink()

    with pytest.raises(LedgerDamaged, match="missing"):
        Ledger(tmp_path).read()


def test_a_record_under_anothers_number_is_tampering(tmp_path: Path) -> None:
    write(tmp_path, 3)
    record_file(tmp_path, 3).rename(record_file(tmp_path, 4))
    record_file(tmp_path, 2).rename(record_file(tmp_path, 3))
    record_file(tmp_path, 4).rename(record_file(tmp_path, 2))

    with pytest.raises(LedgerDamaged, match="tampered"):
        Ledger(tmp_path).read()


def test_a_record_of_a_newer_format_asks_for_the_newer_program(tmp_path: Path) -> None:
    write(tmp_path, 2)
    body = json.loads(record_file(tmp_path, 2).read_bytes())
    body["format"] = 2
    del body["digest"]
    line = wire.dump({**body, "digest": hashlib.sha256(wire.canonical(body)).hexdigest()})
    record_file(tmp_path, 2).write_bytes(line)

    with pytest.raises(LedgerDamaged, match="newer"):
        Ledger(tmp_path).read()


def test_a_damaged_ledger_stays_an_error_until_it_is_whole_again(tmp_path: Path) -> None:
    write(tmp_path, 2)
    history = History(tmp_path)
    history.refresh()
    before = history.state
    writer = Ledger(tmp_path)
    writer.read()
    for number in range(2, 5):
        writer.append(started(number), ME, at(number))
    good = record_file(tmp_path, 4).read_bytes()
    record_file(tmp_path, 4).write_bytes(b"")

    for _ in range(2):
        with pytest.raises(LedgerDamaged, match="damaged"):
            history.refresh()
        assert history.state == before
    record_file(tmp_path, 4).write_bytes(good)
    history.refresh()

    assert history.state.started == at(4)
    assert history.state.seq == 5


def test_a_full_disk_decides_nothing_and_the_next_try_succeeds(tmp_path: Path) -> None:
    class Full(OsFiles):
        full = True

        def sync(self, path: str) -> None:
            if self.full:
                raise OSError(28, "No space left on device", path)
            super().sync(path)

    files = Full()
    ledger = Ledger(tmp_path, files)
    ledger.read()
    with pytest.raises(DiskFull):
        ledger.append(started(0), ME, at(0))
    assert list(tmp_path.iterdir()) == []
    files.full = False
    ledger.append(started(0), ME, at(0))

    assert len(Ledger(tmp_path).read()) == 1


def grown(folder: Path, count: int) -> History:
    history = History(folder)
    history.refresh()
    for number in range(count):
        history.append(started(number), ME, at(number))
    return history


def test_compaction_keeps_the_state_and_the_last_records_and_bounds_the_rest(tmp_path: Path) -> None:
    history = grown(tmp_path, 30)
    assert not history.compact(ME, at(30), after=100)

    assert history.compact(ME, at(30), after=20, keep=5)

    again = History(tmp_path)
    again.refresh()
    assert again.state == history.state
    assert sorted(child.name for child in tmp_path.iterdir())[0] == "0000000026.rec"
    assert len(again.ledger.history()) == 6
    assert not again.compact(ME, at(31), after=20)


@pytest.mark.parametrize("removed", [0, 1, 7, 25, 30])
def test_a_compaction_that_died_anywhere_leaves_the_same_state(tmp_path: Path, removed: int) -> None:
    history = grown(tmp_path, 30)
    history.compact(ME, at(30), after=1, keep=1000)
    for number in range(1, removed + 1):
        record_file(tmp_path, number).unlink()

    again = History(tmp_path)
    again.refresh()

    assert again.state == history.state


def test_removals_that_a_power_cut_undid_out_of_order_do_no_harm(tmp_path: Path) -> None:
    history = grown(tmp_path, 30)
    history.compact(ME, at(30), after=1, keep=1000)
    for number in range(1, 31, 3):
        record_file(tmp_path, number).unlink()

    again = History(tmp_path)
    again.refresh()

    assert again.state == history.state


def test_a_reader_that_compaction_has_overtaken_goes_on_from_the_snapshot(tmp_path: Path) -> None:
    history = grown(tmp_path, 3)
    late = History(tmp_path)
    late.refresh()
    for number in range(3, 30):
        history.append(started(number), ME, at(number))
    history.compact(ME, at(30), after=1, keep=0)
    history.append(started(31), ME, at(31))

    late.refresh()

    assert late.state == history.state


def test_a_reader_passes_over_what_was_written_late_under_a_number_that_a_compaction_had_freed(
    tmp_path: Path,
) -> None:
    """Its writer takes that back, but may die before, or be about to."""
    for name in ("ledger", "aside"):
        (tmp_path / name).mkdir()
    history, slow = grown(tmp_path / "ledger", 3), grown(tmp_path / "aside", 3)
    reader = History(tmp_path / "ledger")
    reader.refresh()
    slow.append(started(99), "slow", at(99))
    for number in range(3, 10):
        history.append(started(number), ME, at(number))
    history.compact(ME, at(30), after=1, keep=100)
    for number in (1, 2, 3):
        record_file(tmp_path / "ledger", number).unlink()
    shutil.copyfile(record_file(tmp_path / "aside", 4), record_file(tmp_path / "ledger", 4))

    reader.refresh()

    assert reader.state == history.state


def test_a_record_s_digest_is_that_of_its_canonical_json_without_it(tmp_path: Path) -> None:
    fact = facts.Offered(1, "d" * 64, "a", 'it says "digest":"x",', strategy=Strategy())
    ledger = Ledger(tmp_path)
    ledger.read()
    record = ledger.append(fact, ME, at(1))

    line = record_file(tmp_path, 1).read_bytes()
    body = json.loads(line)

    assert line == wire.canonical(body) + b"\n"
    assert body.pop("digest") == record.digest == hashlib.sha256(wire.canonical(body)).hexdigest()
    assert Ledger(tmp_path).read() == (record,)


def test_a_record_is_one_readable_line(tmp_path: Path) -> None:
    write(tmp_path, 1)

    line = record_file(tmp_path, 1).read_text()

    assert line.count("\n") == 1
    body = json.loads(line)
    assert body["kind"] == "started"
    assert body["data"] == {"master": "master 0"}
    assert body["utc"].startswith("2023-11-14T22:13:20")


def test_a_number_that_compaction_has_freed_is_not_taken_by_a_writer_that_slept(tmp_path: Path) -> None:
    class Sleepy(OsFiles):
        """Everything happens between this writer's reading and its link."""

        awake = False

        def link(self, source: str, target: str) -> None:
            if not self.awake:
                self.awake = True
                busy = grown(tmp_path, 30)
                busy.compact(ME, at(30), after=1, keep=0)
            super().link(source, target)

    slow = Ledger(tmp_path, Sleepy())
    slow.read()

    with pytest.raises(NameTaken):
        slow.append(started(99), "slow", at(99))

    history = History(tmp_path)
    history.refresh()
    assert history.state.started == at(29)
    assert not record_file(tmp_path, 1).exists()


def test_nor_is_one_below_a_torn_record(tmp_path: Path) -> None:
    slow = write(tmp_path, 1)
    write(tmp_path, 2)
    record_file(tmp_path, 3).write_bytes(record_file(tmp_path, 3).read_bytes()[:100])
    grown(tmp_path, 1).compact(ME, at(30), after=1, keep=3)
    assert not record_file(tmp_path, 2).exists()
    assert record_file(tmp_path, 3).exists()

    with pytest.raises(NameTaken):
        slow.append(started(99), "slow", at(99))

    slow.read()
    assert slow.append(started(100), "slow", at(100)).seq == 7


def test_a_record_is_built_on_only_after_it_is_durable(tmp_path: Path) -> None:
    class Counting(OsFiles):
        def __init__(self) -> None:
            self.calls: list[str] = []

        def sync(self, path: str) -> None:
            self.calls.append("folder" if path == str(tmp_path) else "file")
            super().sync(path)

    write(tmp_path, 2)
    files = Counting()
    ledger = Ledger(tmp_path, files)
    ledger.read()
    ledger.append(started(2), ME, at(2))
    ledger.append(started(3), ME, at(3))

    assert files.calls == ["folder", "file", "folder", "file", "folder"]


def test_a_reader_that_looks_while_a_compaction_removes_starts_from_its_snapshot(tmp_path: Path) -> None:
    class Overtaken(OsFiles):
        """Between this reader's listing and its first read, a snapshot is written and all below removed."""

        overtaken = False

        def read(self, path: str, limit: int = -1) -> bytes:
            if not self.overtaken:
                self.overtaken = True
                history.compact(ME, at(40), after=1, keep=0)
            return super().read(path, limit)

    history = grown(tmp_path, 10)
    history.compact(ME, at(10), after=1, keep=2)
    history.append(started(11), ME, at(11))

    reader = History(tmp_path, Overtaken())
    reader.refresh()

    assert reader.state == history.state


def test_a_record_that_a_sleepy_writer_left_when_it_died_leads_nobody_astray(tmp_path: Path) -> None:
    history = grown(tmp_path, 2)
    late = History(tmp_path)
    late.refresh()
    sleeper = Ledger(tmp_path)
    sleeper.read()
    for number in range(2, 20):
        history.append(started(number), ME, at(number))
    history.compact(ME, at(20), after=1, keep=0)
    take = _record_of(sleeper)
    record_file(tmp_path, 3).write_bytes(take)

    late.refresh()

    assert late.state == history.state


def _record_of(sleeper: Ledger) -> bytes:
    """What this writer would have written, had nobody been before it."""
    from hotpatch_agent.home.ledger import _seal

    _, line = _seal(sleeper.seq + 1, at(99), "sleeper", started(99), sleeper._digest)
    return line


def test_a_torn_record_whose_repair_a_compaction_removes_under_a_reader_is_no_damage(tmp_path: Path) -> None:
    write(tmp_path, 1)
    record_file(tmp_path, 1).write_bytes(b"{")
    history = History(tmp_path)
    history.refresh()
    for number in range(6):
        history.append(started(number), ME, at(number))

    class Overtaken(OsFiles):
        reads = 0  # the first is the search for a snapshot

        def read(self, path: str, limit: int = -1) -> bytes:
            data = super().read(path, limit)
            self.reads += path.endswith("0000000001.rec")
            if self.reads == 2:
                self.reads += 1
                history.compact(ME, at(9), after=1, keep=1)
            return data

    found = History(tmp_path, Overtaken())
    while found.state.seq < history.state.seq:
        found.refresh()
    assert found.state == history.state
    assert not record_file(tmp_path, 2).exists()
