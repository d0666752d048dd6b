"""The last resort for a value that can't be built from its description: its statement is run, alone.

An `SSLContext` or a compiled C object has no shape that says how to make it.  The whole top-level statement
that binds the name is run, and the later calls on the name, in an overlay of the module's namespace: what
the statement binds stays in the overlay, what it reads is what the new module will have.
"""

from __future__ import annotations
import __future__

import ast
import functools
import importlib.util
import operator
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

from .build import Builder
from .build_outside import Unbuildable
from .reading import MISSING


class Overlay(dict[str, Any]):
    """Names for a statement that is run alone: what the edit will bind, before the module itself has it."""

    def __init__(self, builder: Builder, module: str) -> None:
        super().__init__()
        self._builder, self._module = builder, module
        root = builder.new.roots.get(module)
        self._kids = {} if root is None else builder.new.kids(root)

    def __missing__(self, name: str) -> Any:
        n = self._kids.get(("name", name))
        if n is None:
            raise KeyError(name)
        o = self._builder.difference.origin.get(n)
        if o is not None and (o, n) not in self._builder.difference.replaced:
            return self._as_it_lives(name)
        return self._builder.make(n)

    def _as_it_lives(self, name: str) -> Any:
        """Not left to the module's own dictionary, which may hold more than one version of it."""
        world = self._builder.world
        module = world.local.get(self._module)
        found = MISSING if module is None else world.view.name(module, name, MISSING)
        if found is MISSING:
            raise KeyError(name)
        return found


class Statements:
    """`sources` are the new texts of the modules that the edit touches."""

    def __init__(self, builder: Builder, sources: Mapping[str, str]) -> None:
        self.builder, self.sources = builder, sources
        self.ran: list[str] = []

    def make_named(self, n: int, module: ModuleType, name: str) -> Any:
        """The value of a module's variable: built if it can be described, else by running its statement."""
        try:
            return self.builder.make(n)
        except Unbuildable as why:
            value = self._run(module, name, why)
            self.builder.made[n] = value
            return value

    def _run(
        self, module: ModuleType, name: str, why: Unbuildable, since: tuple[tuple[ModuleType, str], ...] = ()
    ) -> Any:
        source = self.sources.get(module.__name__)
        if source is None:
            raise why
        file = self.builder.files.get(module.__name__, "<unknown>")
        tree = ast.parse(source)
        statements = statements_of(tree, name)
        home = self._imported_from(statements, module, name)
        if home is not None and home[0] is not module and home not in since:
            return self._run(*home, why, (*since, (module, name)))
        overlay = Overlay(self.builder, module.__name__)
        try:
            for statement in statements:
                code = compile(
                    ast.Module([statement], []), file, "exec", future_flags(tree), dont_inherit=True
                )
                exec(code, vars(module), overlay)
        except Unbuildable:
            raise
        except Exception as error:
            text = f"{why}; and its statement can't be run alone: {type(error).__name__}: {error}"
            raise Unbuildable(text) from error
        value = overlay.get(name, MISSING)
        if value is MISSING:
            raise why
        self.ran.append(f"{module.__name__}.{name}")
        return value

    def _imported_from(
        self, statements: list[ast.stmt], module: ModuleType, name: str
    ) -> tuple[ModuleType, str] | None:
        """Where a name comes from that the statements import from another module of the program: the module
        itself has it only when the edit is done."""
        top = statements[-1] if statements else None
        imports = [s for s in nested_statements(top) if isinstance(s, ast.ImportFrom)] if top else []
        for found in imports:
            for alias in found.names:
                origin = self._module_named("." * found.level + (found.module or ""), module)
                if (alias.asname or alias.name) == name and origin is not None:
                    return origin, alias.name
        return None

    def _module_named(self, name: str, importer: ModuleType) -> ModuleType | None:
        name = importlib.util.resolve_name(name, str(vars(importer).get("__package__") or ""))
        root = self.builder.new.roots.get(name) if name in self.sources else None
        found = None if root is None else self.builder.make(root)
        return found if issubclass(type(found), ModuleType) else None


def future_flags(tree: ast.Module) -> int:
    """How the module itself is compiled: what its `from __future__` imports ask for."""
    names = [
        alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module == "__future__"
        for alias in node.names
    ]
    return functools.reduce(operator.or_, (getattr(__future__, name).compiler_flag for name in names), 0)


def statements_of(tree: ast.Module, name: str) -> list[ast.stmt]:
    """The top-level statements that make a variable what it is."""
    found: list[ast.stmt] = []
    for top in tree.body:
        if any(name in bound_names(inside) for inside in nested_statements(top)):
            found = [*found, top] if isinstance(top, ast.AugAssign) else [top]
        elif found and name in called_on(top):
            found.append(top)
    return found


def called_on(top: ast.stmt) -> set[str]:
    """The names to which a statement that is a call leads: `app` of `app.add(...)`."""
    if not isinstance(top, ast.Expr) or not isinstance(top.value, ast.Call):
        return set()
    return {node.id for node in ast.walk(top.value.func) if isinstance(node, ast.Name)}


def nested_statements(top: ast.stmt) -> Iterator[ast.stmt]:
    yield top
    if isinstance(top, ast.If | ast.Try | ast.With | ast.For | ast.While):
        bodies = [getattr(top, part, []) for part in ("body", "orelse", "finalbody")]
        bodies += [handler.body for handler in getattr(top, "handlers", ())]
        for body in bodies:
            for statement in body:
                yield from nested_statements(statement)


def bound_names(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
        return {node.name}
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return {n.id for target in targets for n in ast.walk(target) if isinstance(n, ast.Name)}
    if type(node).__name__ == "TypeAlias":  # 3.12
        return {node.name.id}  # type: ignore[attr-defined]
    return set()
