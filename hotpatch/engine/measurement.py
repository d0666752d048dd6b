"""What a builder measured: the edit between two clean starts, and what is needed to prove it.

The wire form is signed with the bundle.  It fits another folder on another machine, because the root's path
is a token in it, and it fits one Python only, because it carries marshalled code: `python` says which.  What
staging needs and what only the proof needs are two parts, the second decoded on first use: it is of the
size of the program, the first of the size of the change.
"""

from __future__ import annotations

import marshal
import sys
import zlib
from collections.abc import Iterable, Mapping
from typing import Any, Final

from attrs import define, field, frozen

from hotpatch.errors import PatchRefused, WrongPython
from hotpatch.plan import Edit, Effect, Grade, Plan

from .collector import youngest_alone
from .difference import Difference
from .graph import Graph
from .portions import cut, join
from .shape import Step
from .surroundings import Fact, same_here, told

FORMAT: Final = 9
MOST_BYTES: Final = 1 << 30
"""No measurement is unpacked beyond this."""


def this_python() -> str:
    """The interpreter that a measurement fits, as `Release.python` has it."""
    return f"{sys.implementation.cache_tag} {sys.version.split()[0]}"


@frozen(eq=False)
class Proof:
    """The two starts whole, for who compares the live process with them."""

    old: Graph = field(repr=False)
    new: Graph = field(repr=False)
    noise: frozenset[tuple[int, Step]] = field(repr=False)
    """(node of new, step) that differ between two starts of the new sources."""


@frozen
class Problem:
    """A difference that has no live form, whatever the live process looks like."""

    module: str
    name: str
    why: str
    choice: str = ""
    """By which the author may say `answer`.  Empty: no choice."""
    answer: str = "keep"
    """`keep`: leave this as it is in the process that runs.  `rebuild`: take it as the new start has it."""
    unless: tuple[Fact, ...] = ()
    """Where all of these are so, there is no problem.  Empty: there is one."""


def problems_left(problems: Iterable[Problem], choices: Mapping[str, str]) -> tuple[Problem, ...]:
    """Those that are problems here, and that the author has not answered."""
    return tuple(p for p in problems if not is_answered(p, choices) and (not p.unless or differing(p.unless)))


def why_here(problem: Problem) -> str:
    """The reason, with which of the facts are not so here."""
    others = told(differing(problem.unless))
    return f"{problem.why} ({others} is otherwise here)" if others else problem.why


def differing(facts: Iterable[Fact]) -> tuple[Fact, ...]:
    """Those that are not so here."""
    return tuple(fact for fact in facts if not same_here(fact))


def is_answered(problem: Problem, choices: Mapping[str, str]) -> bool:
    return problem.choice != "" and choices.get(problem.choice) == problem.answer


@define(eq=False)
class Measurement:
    """Made by `engine.measure`, never changed after."""

    python: str
    source_root: str
    """Where the new sources lay when they were compiled: what `co_filename` of the new code begins with."""
    app: str
    opened: tuple[str, ...]
    """Containers of outside modules that hold state of the program."""
    difference: Difference
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]
    sources: Mapping[str, str] = field(repr=False)
    """Module: new text, of the changed ones."""
    files: Mapping[str, str] = field(repr=False)
    """Module: file relative to the root, of the program as it starts now."""
    reached: frozenset[str]
    """Modules that change or import, directly or not, what changes."""
    gone: tuple[str, ...]
    """Modules whose files are gone."""
    stale_names: frozenset[str] = field(repr=False)
    """Names of functions whose memoised answers are stale."""
    plan: Plan = field(factory=lambda: Plan(()), kw_only=True)
    _proof: Proof | bytes = field(repr=False)

    @property
    def proof(self) -> Proof:
        if type(self._proof) is bytes:
            old, new, noise = marshal.loads(_unpack(self._proof))
            self._proof = Proof(Graph.decode(old), Graph.decode(new), frozenset(noise))
        assert isinstance(self._proof, Proof)
        return self._proof

    # -- the wire form ----------------------------------------------------------------

    def dump(self) -> bytes:
        """The wire form; a few kB for a small change, plus what the proof needs."""
        proof = self.proof
        packed = _pack(
            marshal.dumps((proof.old.encode(blobs=False), proof.new.encode(blobs=False), list(proof.noise)))
        )
        edit = _pack(marshal.dumps(cut(_difference_out(self.difference))))
        rest = {
            "format": FORMAT,
            "python": self.python,
            "source_root": self.source_root,
            "app": self.app,
            "opened": list(self.opened),
            "problems": [_problem_out(p) for p in self.problems],
            "notes": list(self.notes),
            "sources": _pack(marshal.dumps(dict(self.sources))),
            "files": dict(self.files),
            "reached": sorted(self.reached),
            "gone": list(self.gone),
            "stale_names": sorted(self.stale_names),
            "plan": [[_edit_out(edit) for edit in self.plan.edits], list(self.plan.notes)],
            "edit": edit,
            "proof": packed,
        }
        return marshal.dumps(rest)

    @staticmethod
    def load(data: bytes) -> Measurement:
        """From the wire form.  The data must come from where code may come from (a bundle whose signatures
        held): it carries code.  Raises WrongPython if it was made on another interpreter, PatchRefused if
        it is none."""
        try:
            with youngest_alone():
                return _loaded(data)
        except (ValueError, EOFError, TypeError, KeyError, zlib.error) as error:
            raise PatchRefused(f"the measurement is damaged: {error}") from error


def _loaded(data: bytes) -> Measurement:
    rest = marshal.loads(data)
    if rest["format"] != FORMAT:
        raise PatchRefused(f"the measurement has format {rest['format']}, and {FORMAT} is understood here")
    if rest["python"] != this_python():
        raise WrongPython(
            f"the release was measured on {rest['python']}, and {this_python()} runs here: build it with that"
        )
    return Measurement(
        python=rest["python"],
        source_root=rest["source_root"],
        app=rest["app"],
        opened=tuple(rest["opened"]),
        difference=_difference_in(join(marshal.loads(_unpack(rest["edit"])))),
        problems=tuple(map(_problem_in, rest["problems"])),
        notes=tuple(rest["notes"]),
        sources=marshal.loads(_unpack(rest["sources"])),
        files=rest["files"],
        reached=frozenset(rest["reached"]),
        gone=tuple(rest["gone"]),
        stale_names=frozenset(rest["stale_names"]),
        plan=Plan(tuple(map(_edit_in, rest["plan"][0])), tuple(rest["plan"][1])),
        proof=rest["proof"],
    )


def _problem_out(problem: Problem) -> tuple[Any, ...]:
    told = problem.module, problem.name, problem.why, problem.choice, problem.answer
    return *told, [tuple(fact) for fact in problem.unless]


def _problem_in(row: tuple[Any, ...]) -> Problem:
    module, name, why, choice, answer, unless = row
    return Problem(module, name, why, choice, answer, tuple(Fact(*fact) for fact in unless))


def _edit_out(edit: Edit) -> tuple[Any, ...]:
    grade = None if edit.grade is None else edit.grade.value
    told = edit.module, edit.name, edit.kind, edit.effect.value, edit.reason
    return *told, grade, edit.line, edit.grade_reason


def _edit_in(row: tuple[Any, ...]) -> Edit:
    module, name, kind, effect, reason, grade, line, why = row
    known = None if grade is None else Grade(grade)
    return Edit(module, name, kind, Effect(effect), reason, known, line, why)


def _pack(data: bytes) -> bytes:
    return zlib.compress(data, 6)


def _unpack(data: bytes) -> bytes:
    unpacker = zlib.decompressobj()
    found = unpacker.decompress(data, MOST_BYTES)
    if unpacker.unconsumed_tail:
        raise PatchRefused(f"the measurement is larger than {MOST_BYTES} bytes unpacked")
    return found


PAIR_SETS: Final = (
    "replaced",
    "rebuilt",
    "rigid",
    "renamed",
    "moved",
    "stale_caches",
    "remade",
    "stale_dispatch",
    "reordered",
    "heirs",
    "living",
    "giving_way",
)


def _difference_out(difference: Difference) -> dict[str, Any]:
    return {
        "old": difference.old.encode(),
        "new": difference.new.encode(),
        "origin": dict(difference.origin),
        "edges": dict(difference.edges),
        "added": dict(difference.added),
        "removed": dict(difference.removed),
        "visits": list(difference.visits),
        "unmistakable": sorted(difference.unmistakable),
        "recalled": list(difference.recalled),
        "filled": list(difference.filled),
        "awake": {o: dict(became) for o, became in difference.awake.items()},
        **{name: list(getattr(difference, name)) for name in PAIR_SETS},
    }


def _difference_in(data: dict[str, Any]) -> Difference:
    sets: dict[str, Any] = {name: frozenset(data[name]) for name in PAIR_SETS}
    return Difference(
        old=Graph.decode(data["old"]),
        new=Graph.decode(data["new"]),
        origin=data["origin"],
        edges=data["edges"],
        added=data["added"],
        removed=data["removed"],
        visits=tuple(data["visits"]),
        unmistakable=frozenset(data["unmistakable"]),
        awake=data["awake"],
        recalled=tuple(data["recalled"]),
        filled=tuple(data["filled"]),
        **sets,
    )
