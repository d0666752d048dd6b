"""What a start does besides making objects, and what of it keeps an edit from being live.

An edit executes no statement of a module.  So what only the new start does would be left out, and what only
the old start did would stay: a thread, a handler, a limit, a file.  Neither is the engine's to decide.
Where the clean starts show such a difference, or a statement with an effect comes, goes or changes and
nothing that was measured accounts for it, the edit needs a new process, unless the author says `keep`: leave
this as it is in the process that runs.

Pure functions of what the starts told and of the sources' changes.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import partial
from typing import Final

from .build import FRESH
from .graph import Graph
from .measurement import Problem
from .outside import PROCESS
from .start import Started
from .syntax_changes import Act, Change, Changes
from .syntax_effects import PURE, effects_of
from .syntax_follow import Place, Program
from .syntax_reasons import unexplained
from .syntax_units import Doing, Kind, Known, SideEffect, Unit, module_name
from .witness import LASTING, Row
from .world import OUTSIDE, OVERLOADS

KEEP: Final = "the bundle may say keep for {}"
PASSING: Final = frozenset({"print", "assert", "warnings.warn", "time.sleep"})
"""Called for what they say or for the time they take, not for what they leave behind."""
SAYING: Final = frozenset({"debug", "info", "warning", "error", "exception", "critical", "log"})
"""Methods by which a logger says something."""

BRANCH: Final = re.compile(
    r"(?P<branch>body|else) of If \[(?P<no>UnaryOp\(op=Not\(\), operand=)?Name\(id='(?P<name>\w+)'\)+\]"
)
"""A guard whose condition is a name alone, or that name's contrary."""


def witnessed(old: Started, new: Started, again: Started) -> tuple[list[Problem], list[str]]:
    """What only one of the starts did outside of its memory: problems, and notes on what is over and
    done."""
    restless = _restless(new, again)
    before, after = _counted(old.witnessed, restless), _counted(new.witnessed, restless)
    both = {key[:2] for key in before - after} & {key[:2] for key in after - before}
    problems, notes = [], []
    for row in _rows(new.witnessed, after - before, restless):
        place = _place(row)
        why = f"{_who(row)} {_act(row)}, which no start of the old code did; a live change would not"
        if row[:2] in both:
            why = f"{_who(row)} {_act(row)}, and gives it something else than the old code did"
        problems.append(Problem(*_named(row), f"{why}: {KEEP.format(place)}", place))
    for row in _rows(old.witnessed, before - after, restless):
        if row[:2] in both:
            continue
        place = _place(row)
        why = f"{_who(row)} {_act(row)}, which no start of the new code does"
        if row[0] in LASTING:
            problems.append(
                Problem(*_named(row), f"{why}; in this process it goes on: {KEEP.format(place)}", place)
            )
        else:
            notes.append(f"{why}; it is done already")
    return problems, notes


Key = tuple[str, str, str, str]


def _restless(new: Started, again: Started) -> frozenset[tuple[str, str]]:
    """What is done where, to something else each time (a temporary file): only how often is compared."""
    one, two = Counter(map(_exact, new.witnessed)), Counter(map(_exact, again.witnessed))
    return frozenset((does, where) for does, _, where, _ in ((one - two) | (two - one)))


def _exact(row: Row) -> Key:
    return row[0], row[1], row[2], row[5]


def _key(row: Row, restless: Collection[tuple[str, str]]) -> Key:
    does, what, where, given = _exact(row)
    return (does, "", where, "") if (does, where) in restless else (does, what, "", given)


def _counted(rows: Iterable[Row], restless: Collection[tuple[str, str]]) -> Counter[Key]:
    return Counter(_key(row, restless) for row in rows)


def _rows(rows: Iterable[Row], wanted: Counter[Key], restless: Collection[tuple[str, str]]) -> Iterator[Row]:
    """The last ones of each key: what came in addition more often stands below than above."""
    left = Counter(wanted)
    found = []
    for row in reversed(tuple(rows)):
        key = _key(row, restless)
        if left[key] > 0:
            left[key] -= 1
            found.append(row)
    return reversed(found)


def _act(row: Row) -> str:
    return f"{row[0]} {row[1]}".rstrip()


def _named(row: Row) -> tuple[str, str]:
    module = module_name(row[3]) if row[3] else ""
    return module, f"line {row[4]}" if module else ""


def _place(row: Row) -> str:
    """How the author names it: the statement at a module's top, or what is done where there is none."""
    module, _ = _named(row)
    return f"{module}:{row[4]}" if module else f"process {row[0]}"


def _who(row: Row) -> str:
    return _place(row) if row[3] else "the start"


def statements(
    changes: Changes,
    differing: Iterable[Place],
    known: Iterable[Problem],
    accounted: Collection[str],
    loaded: Collection[str],
    starts: tuple[Graph, Graph],
) -> list[Problem]:
    """Statements with an effect on something outside the program that came, went or changed, and that nothing
    measured accounts for.

    `known` are problems told already; `accounted` packages outside the program, objects of whose classes
    are part of the edit; `loaded` the program's modules that a start loads: of no other module does a
    statement run.  `starts` of the old and the new sources tell which branches neither took.
    """
    told = {problem.choice for problem in known}
    new, old = Program(changes.new, changes.read), Program(changes.old, changes.read)
    found = []
    # That a name for an outside module came or went tells nothing of what was done to what it names.
    telling = [place for place in differing if not any(_names_outside(p, place) for p in (new, old))]
    for change in unexplained(changes, telling):
        program = old if change.act is Act.REMOVED else new
        unit = change.unit
        if unit is None or change.module not in loaded or not _may_have_run(change, unit, (old, new), starts):
            continue
        outside = [
            str(e)
            for e in change.effects
            if not _of_the_program(change, e, loaded)
            and reaches_out(change.module, unit, e, program, accounted)
        ]
        inside = [
            f"{e}, inside of a {kind}"
            for e in change.effects
            if (kind := _hides(change, e, starts[change.act is not Act.REMOVED]))
        ]
        place = f"{change.module}:{change.line}"
        done = [f"{text}, outside of the program" for text in outside] + inside
        if done and place not in told:
            why = (
                f"{place}: `{change.label}` was {change.act.value} and {done[0]}, which an edit can neither "
                f"do nor take back: {KEEP.format(place)}"
            )
            found.append(Problem(change.module, f"line {change.line}", why, place))
    return found


def _may_have_run(
    change: Change, unit: Unit, programs: tuple[Program, Program], starts: tuple[Graph, Graph]
) -> bool:
    """Not so in a branch for which a variable of the module stands that has one value, and not the one for
    this branch."""
    sides = [change.act is not Act.ADDED, change.act is not Act.REMOVED]
    return any(
        side and not any(map(partial(_not_taken, change.module, program, graph), unit.guards))
        for side, program, graph in zip(sides, programs, starts, strict=True)
    )


def _not_taken(module: str, program: Program, start: Graph, guard: str) -> bool:
    found = BRANCH.fullmatch(guard)
    if found is None or len(program.binders((module, found["name"]))) != 1:
        return False
    node = start.kids(start.roots[module]).get(("name", found["name"])) if module in start.roots else None
    if node is None or start.kind(node) != "plain":
        return False
    holds = bool(start.nodes[node][1]) is not bool(found["no"])
    return holds is (found["branch"] == "else")


def opaque(changes: Changes, differing: Iterable[Place], new: Graph) -> list[Problem]:
    """Statements that changed, from which nothing measured follows, and whose value can't be looked into: an
    object of a C type that does not say what it was made from."""
    found = []
    for change in unexplained(changes, differing):
        of_value = change.act is Act.CHANGED and change.kind is not Kind.ANNOTATION
        for name in sorted(change.binds) if of_value else ():
            kind = opaque_kind(new, change.module, name)
            if kind is not None:
                place = f"{change.module}.{name}"
                why = (
                    f"{place}: `{change.label}` was changed, and a {kind} does not tell whether it is "
                    f"another: {KEEP.format(place)}"
                )
                found.append(Problem(change.module, name, why, place))
    return found


def opaque_kind(graph: Graph, module: str, name: str) -> str | None:
    """The type of what can't be looked into, where a variable's value is such a thing or is made of some."""
    node = _node_of(graph, module, name)
    return None if node is None else _opaque_within(graph, node)


def _node_of(graph: Graph, module: str, name: str) -> int | None:
    node = graph.roots.get(module)
    for part in name.split("."):
        if node is None:
            return None
        kids = graph.kids(node)
        node = kids.get(("name", part), kids.get(("attr", part)))
    return node


def _opaque_within(graph: Graph, node: int, depth: int = 2) -> str | None:
    """The type of an opaque object that a value is or is made of; of those all alike when new, none."""
    kind, _, kids, _ = graph.nodes[node]
    said = _hidden(graph, node)
    if said is not None:
        return None if said in FRESH else said
    if not depth or kind not in ("tuple", "list", "dict", "set", "frozenset", "reduced", "instance", "value"):
        return None
    below = (child for step, child in kids if step != "class")
    return next((said for child in below if (said := _opaque_within(graph, child, depth - 1))), None)


def _hidden(graph: Graph, node: int) -> str | None:
    """The type of an object that keeps in C what nobody can look into: its own, or one that its class is made
    from."""
    kind, head = graph.nodes[node][:2]
    if kind == "opaque":
        return str(head)
    payload = head[1] if kind == "instance" and type(head) is tuple else None
    is_c = type(payload) is tuple and payload[:1] == ("c-payload",)
    return ".".join(payload[1:]) if is_c and payload is not None else None


def _hides(change: Change, effect: SideEffect, start: Graph) -> str | None:
    """The type of the variable's value, if this is done to such an object: nothing measured tells of it."""
    head, _, rest = effect.target.partition(".")
    node = _node_of(start, change.module, head) if rest else None
    return None if node is None else _hidden(start, node)


def containers_touched(
    versions: Iterable[Mapping[str, tuple[str, bytes]]], reached: frozenset[str], known: Known
) -> Iterator[str]:
    """What statements may change outside the program, by the names that `World.open` takes: of
    `urllib.parse.uses_netloc.append(...)` all that the dotted name passes through.  Which of them are
    containers only a start can tell.  What is of the process is left out, as in `outside`.

    Of all the modules that the change reaches, in functions too: a statement that is the same may be given
    something else.  `known` gains the modules that are read.
    """
    targets: dict[bytes, set[str]] = {}
    for sources in versions:
        program = Program(dict(sources.values()), known)
        for module in reached & sources.keys():
            _, text = sources[module]
            if b"overload" in text:
                yield OVERLOADS
            if text not in targets:
                targets[text] = _targets(text)
            for target in targets[text]:
                yield from _along(target, program, module)


def _along(target: str, program: Program, module: str) -> Iterator[str]:
    head, _, rest = target.partition(".")
    origin = origin_of(program, module, "", head)
    if origin is None or origin[0].partition(".")[0] in PROCESS:
        return
    parts = [part for part in (origin[1], *rest.split(".")) if part]
    if all(part.isidentifier() for part in parts):
        yield from (f"{OUTSIDE}{origin[0]}:{'.'.join(parts[:n])}" for n in range(1, len(parts) + 1))


def _targets(source: bytes) -> set[str]:
    """What the statements of a module may change of what it imports."""
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except (SyntaxError, ValueError):  # whoever starts the program is told
        return set()
    imports = [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {(alias.asname or alias.name).partition(".")[0] for node in imports for alias in node.names}
    targets = {e.target for node in nodes if isinstance(node, ast.stmt) for e in effects_of(node, {})}
    return {target for target in targets if target.partition(".")[0] in names}


def _names_outside(program: Program, place: Place) -> bool:
    units = program.binders(place)
    return bool(units) and all(u.imported is not None and not program.has(u.imported.module) for u in units)


def _of_the_program(change: Change, effect: SideEffect, loaded: Collection[str]) -> bool:
    """An import by a call: what the program's own modules are is measured."""
    return effect.doing is Doing.IMPORT and (change.act is Act.REMOVED or effect.target in loaded)


def reaches_out(
    module: str, unit: Unit, effect: SideEffect, program: Program, accounted: Collection[str]
) -> bool:
    """Is this done to something outside the program that nothing measured accounts for?"""
    if effect.doing is Doing.IMPORT:
        return True
    if effect.doing is Doing.ENTER or effect.target in PASSING:
        return False
    if effect.doing is Doing.DELETE and effect.target.isidentifier():
        return False  # a variable of the module: what it has is measured
    head, _, rest = effect.target.partition(".")
    head = head.partition("[")[0]  # what the program has in a container of its own is measured as well
    if not head.isidentifier():
        return True
    origin = origin_of(program, module, unit.owner, head)
    if origin is None:
        return False  # an object of the program: what becomes of it is measured
    source = origin[0]
    if source == "builtins" and head in PURE and not rest:  # what its arguments call is told as well
        return False
    if rest.rpartition(".")[2] in SAYING and source.partition(".")[0] == "logging":
        return False
    return source.partition(".")[0] not in accounted


def origin_of(program: Program, module: str, owner: str, head: str) -> tuple[str, str | None] | None:
    """The module outside the program that a name comes from, and the name there (none for the module itself);
    None if it is the program's."""
    place = next(iter(program.resolve(module, owner, head)), None)
    if place is None:
        return "builtins", head
    for unit in program.binders(place):
        if unit.imported is not None and not any(program.origins(place)):
            target = unit.imported.module
            return None if program.has(target) else (target, unit.imported.attribute)
    return None
