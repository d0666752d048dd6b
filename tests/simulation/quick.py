"""What is pure is computed once: many readers of one ledger read and fold the same records.

A record's digest stands for all records before it as well, so for the state that they come to.  A file is
read as the value that was written into it, as long as it holds just those bytes: the watcher reads and folds
every record anew and says so if it finds another one, and so does whoever reads each eighth status.
"""

from __future__ import annotations

import contextlib
import functools
import json.encoder
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
from hotpatch_agent import wire
from hotpatch_agent.decision import folding, history
from hotpatch_agent.decision.states import State
from hotpatch_agent.home import ledger, status
from hotpatch_agent.home.ledger import Record
from hotpatch_agent.home.status import Roll, Status
from hotpatch_agent.leader import lookout
from hotpatch_agent.rollout import strategy_file
from hotpatch_agent.rollout.strategy import Strategy

ANEW = 8
"""Of so many statuses one is written as what it says."""
NUMBER = 13
"""Bytes of a file that holds a number."""
_states: dict[str, State] = {}
_records: dict[bytes, Record] = {}
_statuses: dict[bytes, Status] = {}
_rolls: dict[str, tuple[tuple[int, int], int, Roll]] = {}


def begin() -> None:
    """A schedule begins: nothing is known."""
    for known in (_states, _records, _statuses, _rolls):
        known.clear()
    status._load.cache_clear()


def note_state(record: Record, state: State) -> None:
    """The watcher has come to this state."""
    _states[record.digest] = state


def _fold(state: State, record: Record) -> State:
    # Without a digest it is only tried whether it may follow.
    found = _states.get(record.digest) if record.digest else None
    return folding.fold(state, record) if found is None else found


def _seal(*given: Any) -> tuple[Record, bytes]:
    record, line = SEAL(*given)
    _records[line] = record
    return record, line


def _open(line: bytes) -> Record:
    found = _records.get(line)
    if found is None:
        found = _records[line] = OPEN(line)
    return found


def open_anew(line: bytes) -> Record:
    """The record that a file holds, as nobody knows it yet."""
    record = OPEN(line)
    assert _records.get(line, record) == record, f"record {record.seq} is not read as it was written"
    return record


class Statuses:
    """Each eighth status is written and read; of the others the file holds a number that stands for them."""

    Malformed = wire.Malformed

    @staticmethod
    def dump(value: Status) -> bytes:
        number = len(_statuses)
        line = b"%012d\n" % number if number % ANEW else wire.dump(value)
        _statuses[line] = value
        return line

    @staticmethod
    def load(kind: type[Status], line: bytes) -> Status:
        found = _statuses.get(line)
        if found is not None and len(line) == NUMBER:
            return found
        read = wire.load(kind, line)
        assert found is None or read == found, f"the status of {read.worker} is not read as it was written"
        return read


def read_roll(folder: Path, files: Any, locks: Any) -> Roll:
    """All workers, as it was read before where no file and no lock has changed since."""
    place = str(folder)
    known = _rolls.get(place)
    changed = files.changed(place), locks.changed()
    if known is not None and known[0] == changed and files.passes(known[1]):
        return known[2]
    roll = READ_ROLL(folder, files, locks)
    if (files.changed(place), locks.changed()) == changed:
        workers = len(roll.alive) + len(roll.dead) + len(roll.debris)
        _rolls[place] = changed, 1 + workers, roll
    return roll


def evolve(value: Any, **changes: Any) -> Any:
    """What attrs.evolve does, at a fifth of its price: it is half of what folding costs."""
    return _evolver(type(value), tuple(changes))(value, *changes.values())


@functools.cache
def _evolver(kind: type, changed: tuple[str, ...]) -> Callable[..., Any]:
    fields = [(item.alias or item.name, item.name) for item in attrs.fields(kind)]
    assert set(changed) <= {alias for alias, _ in fields}, f"{kind.__name__} has no field of {changed}"
    given = ", ".join(f"{alias}={alias if alias in changed else 'value.' + name}" for alias, name in fields)
    made: Callable[..., Any] = eval(f"lambda value, {', '.join(changed)}: kind({given})", {"kind": kind})
    return made


def _encoder() -> Callable[[Any], bytes]:
    """What json makes anew for each line that it writes."""
    made = json.encoder.c_make_encoder  # type: ignore[attr-defined]
    write = made(None, _no, json.encoder.encode_basestring, None, ":", ",", True, False, False)
    return lambda data: "".join(write(data, 0)).encode()


def _no(value: object) -> object:
    raise TypeError(f"{value!r} is nothing that can be written")


@functools.lru_cache(maxsize=256)
def _strategy(flags: tuple[tuple[str, str], ...]) -> Strategy:
    return strategy_file.read("", dict(flags))


@contextlib.contextmanager
def quickened() -> Iterator[None]:
    """For as long as a schedule goes on: other tests of this process have the agent as it is."""
    begin()
    places = _places()
    for owner, name, _, quick in places:
        setattr(owner, name, quick)
    try:
        yield
    finally:
        for owner, name, usual, _ in places:
            setattr(owner, name, usual)


@functools.cache
def _places() -> tuple[tuple[Any, str, Any, Any], ...]:
    """What stands where, and what takes its place meanwhile."""
    quick: list[tuple[Any, str, Any]] = [
        (history, "fold", _fold),
        (ledger, "_open", _open),
        (ledger, "_seal", _seal),
        (status, "wire", Statuses),
        (wire, "canonical", _encoder()),
        (lookout, "strategy_file", Strategies),
    ]
    for name, module in sorted(sys.modules.items()):
        if name.startswith(("hotpatch_agent.", "tests.simulation.")) and name != __name__:
            parts = [part for part in (evolve, read_roll) if hasattr(module, part.__name__)]
            quick.extend((module, part.__name__, part) for part in parts)
    return tuple((owner, name, getattr(owner, name), part) for owner, name, part in quick)


OPEN, SEAL, READ_ROLL = ledger._open, ledger._seal, status.read_roll


class Strategies:
    """There is no rollout.toml on the simulated disk."""

    @staticmethod
    def load(home: object, flags: dict[str, str]) -> Strategy:
        return _strategy(tuple(sorted(flags.items())))
