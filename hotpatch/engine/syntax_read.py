"""One source file to a `Module`: its units, flat and in source order, with what each binds, reads and
touches.

Compound statements of a module or a class body are opened: their heads are units, and what stands in their
branches are units with that branch among their guards.  What can't run in a service (`if __name__ ==
"__main__"`, `if TYPE_CHECKING`) stays in one piece.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator

from attrs import evolve, frozen

from hotpatch.engine import syntax_text as normal
from hotpatch.engine.syntax_effects import effects_of
from hotpatch.engine.syntax_names import FunctionNode, Use, dotted, own_scope, stored
from hotpatch.engine.syntax_units import Imported, Kind, Module, SideEffect, Unit, module_name
from hotpatch.errors import PatchInvalid

COMPOUND = (
    ast.If,
    ast.Try,
    ast.TryStar,
    ast.With,
    ast.AsyncWith,
    ast.For,
    ast.AsyncFor,
    ast.While,
    ast.Match,
)
ASSIGNING = (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Delete)
SILENT = (ast.Pass, ast.Global, ast.Nonlocal, ast.Break, ast.Continue)


def parse(file: str, source: bytes) -> ast.Module:
    """The syntax tree of a file that compiles whole; `PatchInvalid` with file and line for one that
    doesn't.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source, file)
            compile(source, file, "exec", dont_inherit=True)  # what only the symbol table finds
    except SyntaxError as error:
        raise PatchInvalid(
            f"{file}, line {error.lineno or 1}: {error.msg}; correct the source and try again"
        ) from error
    except (ValueError, OverflowError, RecursionError, MemoryError) as error:
        raise PatchInvalid(f"{file}, line 1: it can't be compiled: {error}; correct the source") from error
    return tree


def read(file: str, source: bytes) -> Module:
    """The module that `source`, found at `file` below the import root, defines.  Raises `PatchInvalid`."""
    tree = parse(file, source)
    name, package = module_name(file), file.endswith("__init__.py")
    reader = _Reader(name if package else name.rpartition(".")[0], tree, source)
    reader.scope(tree.body)
    binders: dict[str, list[Unit]] = {}
    for unit in reader.units:
        for bound in unit.binds:
            binders.setdefault(bound, []).append(unit)
    stars = tuple(u.imported.module for u in reader.units if u.imported and u.imported.attribute == "*")
    kept = {bound: tuple(units) for bound, units in binders.items()}
    return Module(name, file, package, tuple(reader.units), kept, stars)


@frozen
class _Spot:
    """Where a statement stands."""

    owner: str = ""
    guards: tuple[str, ...] = ()
    in_class: bool = False

    def name(self, name: str) -> str:
        return f"{self.owner}.{name}" if self.owner else name


class _Reader:
    """Walks one module; `units` grows in source order."""

    def __init__(self, package: str, tree: ast.Module, source: bytes) -> None:
        self._package = package
        self._lines = source.decode(errors="replace").splitlines()
        self._postponed = any(
            isinstance(node, ast.ImportFrom)
            and node.module == "__future__"
            and any(alias.name == "annotations" for alias in node.names)
            for node in tree.body
        )
        self._constants: dict[str, ast.expr] = {}
        self.units: list[Unit] = []

    def scope(self, body: list[ast.stmt]) -> None:
        """The whole module."""
        if (doc := normal.docstring(body)) is not None:
            self._unit(body[0], _Spot(), Kind.DOCSTRING, {(Kind.DOCSTRING, ""): repr(doc)}, {"__doc__"})
        for node in normal.without_docstring(body):
            self._statement(node, _Spot())

    def _statement(self, node: ast.stmt, spot: _Spot) -> None:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            self._function(node, spot, Kind.METHOD if spot.in_class else Kind.FUNCTION)
        elif isinstance(node, ast.ClassDef):
            self._class(node, spot)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            self._import(node, spot)
        elif isinstance(node, COMPOUND):
            self._compound(node, spot)
        elif isinstance(node, ASSIGNING) or _is_type_alias(node):
            self._assignment(node, spot)
        elif not isinstance(node, SILENT) and not _is_literal(node):
            self._effect(node, spot)

    def _use(self) -> Use:
        return Use(postponed=self._postponed)

    def _function(self, node: FunctionNode, spot: _Spot, sort: Kind) -> None:
        name, inside, use = spot.name(node.name), list(own_scope(node.body)), self._use()
        use.definition(node)
        use.body(node, spot.owner if sort is Kind.METHOD else "")
        self._unit(node, spot, sort, normal.function_aspects(node, inside), {node.name}, use, name)
        within = _Spot(f"{name}.<locals>", spot.guards)
        for part in inside:
            if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef):
                self._function(part, within, Kind.NESTED)
            elif isinstance(part, ast.ClassDef):
                self._class(part, within)

    def _class(self, node: ast.ClassDef, spot: _Spot) -> None:
        name, use = spot.name(node.name), self._use()
        use.definition(node)
        self._unit(node, spot, Kind.CLASS, normal.class_aspects(node), {node.name}, use, name)
        for part in normal.without_docstring(node.body):
            self._statement(part, _Spot(name, spot.guards, in_class=True))

    def _compound(self, node: ast.stmt, spot: _Spot) -> None:
        use, binds = self._use(), set(stored([node]))
        if isinstance(node, ast.If) and (sort := _never_run(node.test)) is not None:
            self._unit(node, spot, sort, {(sort, ""): normal.text(node.body)}, set(stored(node.body)))
            for part in node.orelse:
                self._statement(part, spot)
            return
        head = f"{type(node).__name__} {normal.text(_head(node))}"
        for evaluated in _head(node):
            use.visit(evaluated)
        aspects = {(Kind.CONDITION, ""): head}
        effects = effects_of(node, self._constants)
        self._unit(node, spot, Kind.CONDITION, aspects, binds, use, effects=effects)
        for branch, body in _branches(node):
            inner = evolve(spot, guards=(*spot.guards, f"{branch} of {head}"))
            for statement in body:
                self._statement(statement, inner)

    def _import(self, node: ast.Import | ast.ImportFrom, spot: _Spot) -> None:
        for alias in node.names:
            if isinstance(node, ast.Import):
                bound = alias.asname or alias.name.split(".")[0]
                imported, spelled = Imported(alias.name if alias.asname else bound), alias.name
            else:
                bound = alias.asname or alias.name
                imported = Imported(self._absolute(node), alias.name)
                spelled = f"{imported.module}:{alias.name}"
            sort = Kind.FUTURE if imported.module == "__future__" else Kind.IMPORT
            binds = set() if bound == "*" or sort is Kind.FUTURE else {bound}
            self._unit(node, spot, sort, {(sort, ""): spelled}, binds, None, spot.name(bound), (), imported)

    def _absolute(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        parts = self._package.split(".")
        parts = parts[: len(parts) - (node.level - 1)]
        return ".".join([*parts, *([node.module] if node.module else [])])

    def _assignment(self, node: ast.stmt, spot: _Spot) -> None:
        bindings = list(_bindings(node))
        effects = effects_of(node, self._constants)
        for name, value, note in bindings:
            use, aspects, sort = self._use(), {}, _assigned_sort(name, spot.in_class)
            if note is not None:
                aspects[Kind.ANNOTATION, ""] = normal.text(note)
                if not self._postponed:
                    use.visit(note)
            if isinstance(node, ast.AugAssign | ast.Delete):
                aspects[Kind.STATEMENT, ""] = normal.text(node)
                use.visit(node)
            elif value is not None:
                aspects[sort, ""] = normal.text(value)
                use.visit(value)
                if not spot.owner:
                    self._constants[name] = value
            sort = Kind.STATEMENT if effects and sort is Kind.CONSTANT else sort
            self._unit(node, spot, sort, aspects, {name}, use, spot.name(name), effects)
        if not bindings:
            self._effect(node, spot)

    def _effect(self, node: ast.stmt, spot: _Spot) -> None:
        use = self._use()
        use.visit(node)
        effects = effects_of(node, self._constants)
        aspects = {(Kind.STATEMENT, ""): normal.text(node)}
        self._unit(node, spot, Kind.STATEMENT, aspects, set(stored([node])), use, effects=effects)

    def _unit(
        self,
        node: ast.stmt,
        spot: _Spot,
        sort: Kind,
        aspects: normal.Aspects,
        binds: set[str],
        use: Use | None = None,
        name: str | None = None,
        effects: tuple[SideEffect, ...] = (),
        imported: Imported | None = None,
    ) -> None:
        use = use or self._use()
        label = self._lines[node.lineno - 1].strip()
        self.units.append(
            Unit(
                name=spot.owner if name is None else name,
                sort=sort,
                owner=spot.owner,
                first=min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))]),
                last=node.end_lineno or node.lineno,
                label=label if len(label) <= 60 else f"{label[:57]}...",
                aspects=aspects,
                guards=spot.guards,
                binds=frozenset(map(spot.name, binds)),
                now=use.now,
                later=use.later,
                effects=effects,
                imported=imported,
            )
        )


def _assigned_sort(name: str, in_class: bool) -> Kind:
    if in_class:
        return Kind.SLOTS if name == "__slots__" else Kind.ATTRIBUTE
    return Kind.ALL if name == "__all__" else Kind.CONSTANT


def _is_type_alias(node: ast.stmt) -> bool:
    return type(node).__name__ == "TypeAlias"  # from 3.12


def _is_literal(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _never_run(test: ast.expr) -> Kind | None:
    """Whether a branch can't run where the module is imported by a server, and why."""
    if dotted(test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING", "t.TYPE_CHECKING"):
        return Kind.TYPING
    if isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq):
        sides = {ast.unparse(test.left), ast.unparse(test.comparators[0])}
        return Kind.SCRIPT if sides == {"__name__", "'__main__'"} else None
    return None


def _bindings(node: ast.stmt) -> Iterator[tuple[str, ast.expr | None, ast.expr | None]]:
    """(name, value, annotation) for each name that an assignment, augmentation or deletion is about."""
    if isinstance(node, ast.Assign):
        for target in node.targets:
            for name, value in _paired(target, node.value):
                yield name, value, None
    elif isinstance(node, ast.AnnAssign):
        if isinstance(node.target, ast.Name):
            yield node.target.id, node.value, node.annotation
    elif isinstance(node, ast.AugAssign):
        if isinstance(node.target, ast.Name):
            yield node.target.id, None, None
    elif isinstance(node, ast.Delete):
        for target in node.targets:
            for name in sorted(stored([target])):
                yield name, None, None
    else:
        alias = getattr(node, "name", None)
        if isinstance(alias, ast.Name):
            yield alias.id, getattr(node, "value", None), None


def _paired(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    """`A, B = 1, 2` is two assignments; `A, B = f()` gives both names the same value to watch."""
    displays = (ast.Tuple, ast.List)
    if isinstance(target, displays) and isinstance(value, displays):
        parts, values = target.elts, value.elts
        if len(parts) == len(values) and not any(isinstance(p, ast.Starred) for p in [*parts, *values]):
            for part, given in zip(parts, values, strict=True):
                yield from _paired(part, given)
            return
    for name in sorted(stored([target])):
        yield name, value


def _head(node: ast.stmt) -> list[ast.AST]:
    """What a compound statement evaluates besides its branches."""
    if isinstance(node, ast.If | ast.While):
        return [node.test]
    if isinstance(node, ast.For | ast.AsyncFor):
        return [node.target, node.iter]
    if isinstance(node, ast.With | ast.AsyncWith):
        return list(node.items)
    if isinstance(node, ast.Try | ast.TryStar):
        return [handler.type for handler in node.handlers if handler.type is not None]
    assert isinstance(node, ast.Match)
    parts = ((case.pattern, case.guard) for case in node.cases)
    return [node.subject, *(part for pair in parts for part in pair if part is not None)]


def _branches(node: ast.stmt) -> Iterator[tuple[str, list[ast.stmt]]]:
    """(what the branch is called, its statements); branches without statements are left out."""
    yield "body", getattr(node, "body", [])
    for number, handler in enumerate(getattr(node, "handlers", [])):
        yield f"handler {number}", handler.body
    for number, case in enumerate(getattr(node, "cases", [])):
        yield f"case {number}", case.body
    yield "else", getattr(node, "orelse", [])
    yield "finally", getattr(node, "finalbody", [])
