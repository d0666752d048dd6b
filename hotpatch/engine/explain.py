"""How a measured difference came about: the two sources compared, and each difference traced to what caused
it.

Measurement decides *what* differs between a clean start of the old and of the new sources; syntax says
*why*.  The two check each other: a changed statement that no measured difference follows from is
`unexplained`, and the plan names it; a measured difference without a changed statement of its own is
derived, and `cause` says from what.  `explained` does both for a plan.

Everything here is a pure function of the sources; it parses only the files that differ and those that a
question leads to.
"""

from __future__ import annotations

from collections.abc import Mapping

from hotpatch.engine.syntax_changes import Act, Change, Changes, ModuleChange
from hotpatch.engine.syntax_compare import compare
from hotpatch.engine.syntax_follow import Place
from hotpatch.engine.syntax_read import read
from hotpatch.engine.syntax_reasons import Measured, cause, edits, explained, notes, unexplained
from hotpatch.engine.syntax_units import Kind, Known, Module, SideEffect, module_name

__all__ = [
    "Act",
    "Change",
    "Changes",
    "Kind",
    "Measured",
    "ModuleChange",
    "Place",
    "SideEffect",
    "cause",
    "edits",
    "explain",
    "explained",
    "notes",
    "unexplained",
]

ALIKE = 0.5
"""A file that went and one that came are one module moved, if at least this share of their units is equal."""


def explain(old: Mapping[str, bytes], new: Mapping[str, bytes], known: Known | None = None) -> Changes:
    """Compare two versions of a program: paths relative to the import root, with `/`, to source text.

    Raises `PatchInvalid`, naming file and line, where a changed source doesn't compile.  Comments, layout
    and moved lines are no changes.  Files that are not Python are passed over.  `known` are modules that have
    been read; it gains those that are read here.
    """
    known = {} if known is None else known
    files_old = {module_name(f): f for f in old if f.endswith(".py")}
    files_new = {module_name(f): f for f in new if f.endswith(".py")}
    read_new = {
        name: _read(file, new[file], known)
        for name, file in files_new.items()
        if name not in files_old or new[file] != old[files_old[name]] or file != files_old[name]
    }
    read_old = {
        name: _read(file, old[file], known)
        for name, file in files_old.items()
        if name in read_new or name not in files_new
    }
    moves = _moves(read_old, read_new)
    modules: list[ModuleChange] = []
    statements: list[Change] = []
    for name, module in sorted(read_new.items(), key=lambda item: item[1].file):
        before = read_old.get(name) or read_old.get(moves.get(name, ""))
        act = _act(before, module)
        if act is not None:
            modules.append(ModuleChange(name, module.file, act, moves.get(name)))
        statements += compare(before, module) if before else [_whole(module, Act.ADDED)]
    for name in sorted(read_old.keys() - files_new.keys() - set(moves.values())):
        modules.append(ModuleChange(name, read_old[name].file, Act.REMOVED))
        statements.append(_whole(read_old[name], Act.REMOVED))
    return Changes(tuple(modules), tuple(statements), old, new, known)


def _read(file: str, text: bytes, known: Known) -> Module:
    module = known.get((file, text))
    if module is None:
        module = known[file, text] = read(file, text)
    return module


def _act(before: Module | None, after: Module) -> Act | None:
    if before is None:
        return Act.ADDED
    if before.name != after.name:
        return Act.MOVED
    if before.package != after.package:
        return Act.PACKAGE if after.package else Act.SINGLE
    return None


def _whole(module: Module, act: Act) -> Change:
    """A module that came or went, as one change with the effects of all its statements."""
    line = 1
    return Change(
        module=module.name,
        name="",
        kind=Kind.MODULE,
        act=act,
        old_line=line if act is Act.REMOVED else None,
        new_line=line if act is Act.ADDED else None,
        label=module.file,
        effects=tuple(effect for unit in module.units for effect in unit.effects),
    )


def _moves(old: Mapping[str, Module], new: Mapping[str, Module]) -> dict[str, str]:
    """New name to old name of the modules that moved: those most alike first, one to one."""
    gone = {name: _texts(module) for name, module in old.items() if name not in new}
    come = {name: _texts(module) for name, module in new.items() if name not in old}
    scores = sorted(
        (
            (2 * len(a & b) / (len(a) + len(b)), after, before)
            for after, b in come.items()
            for before, a in gone.items()
            if a and b
        ),
        key=lambda item: (-item[0], item[1], item[2]),
    )
    found: dict[str, str] = {}
    for score, after, before in scores:
        if score >= ALIKE and after not in found and before not in found.values():
            found[after] = before
    return found


def _texts(module: Module) -> set[object]:
    return {
        (unit.name, frozenset(unit.aspects.items()))
        for unit in module.units
        if unit.sort not in (Kind.IMPORT, Kind.FUTURE, Kind.DOCSTRING)
    }
