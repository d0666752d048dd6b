"""Modules that a service loads only later: a URL configuration with the first request, an import inside a
function.

A clean start that loads the application alone doesn't see them, but a worker that has served requests runs
them. So those that may have been loaded and that a change can reach are imported as well, after the
application; a worker that has not loaded one is not concerned by it.  Which ones is read off the sources:
what the loaded program imports, or names by a dotted string, as settings do.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from pathlib import Path

from .world import INSTALLED


def sources_below(root: str) -> dict[str, tuple[str, bytes]]:
    """Module name: (file relative to the root, text), of everything below the root that can be a module."""
    found = {}
    base = Path(root)
    for file in base.rglob("*.py"):
        relative = file.relative_to(base)
        if not set(relative.parts) & set(INSTALLED):
            found[module_name(relative.as_posix())] = relative.as_posix(), file.read_bytes()
    return found


def module_name(file: str) -> str:
    return file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def changed_modules(
    old: Mapping[str, tuple[str, bytes]], new: Mapping[str, tuple[str, bytes]]
) -> frozenset[str]:
    """Names of the modules whose source differs or that come, go, or become packages."""
    return frozenset(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))


def imports_of(source: tuple[str, bytes] | None) -> list[str]:
    """The import statements of a module, as text."""
    try:
        nodes = ast.walk(ast.parse(source[1] if source else b""))
        return [ast.unparse(node) for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]
    except (SyntaxError, ValueError):  # whoever starts the program is told
        return []


Told = dict[tuple[str, bytes], tuple[set[str], set[str]]]
"""By file and text: the dotted names that it imports, and that its strings may stand for."""


def _names_in(file: str, text: bytes) -> tuple[set[str], set[str]]:
    imported, named = set[str](), set[str]()
    name = module_name(file)
    package = name if file.endswith("__init__.py") else name.rpartition(".")[0]
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        tree = ast.Module([], [])
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = _base_of(node, package)
            imported |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Constant) and type(node.value) is str and len(node.value) < 200:
            named |= set(_prefixes(node.value.replace(":", ".")))
    return imported, named


class Mentions:
    """Which modules of a program each of its modules imports, anywhere in it, or names in a string."""

    def __init__(self, sources: Mapping[str, tuple[str, bytes]], told: Told) -> None:
        """`told` is what files say, and gains what is read here."""
        self.sources, self._told = sources, told
        self._known: dict[str, frozenset[str]] = {}
        self._imported: dict[str, frozenset[str]] = {}

    def of(self, name: str) -> frozenset[str]:
        self._read(name)
        return self._known[name]

    def imported_by(self, name: str) -> frozenset[str]:
        """By import statements alone."""
        self._read(name)
        return self._imported[name]

    def _read(self, name: str) -> None:
        if name in self._known:
            return
        file = self.sources[name]
        if file not in self._told:
            self._told[file] = _names_in(*file)
        imported, named = self._told[file]
        self._imported[name] = self._modules(imported)
        self._known[name] = self._imported[name] | self._modules(named)

    def _modules(self, names: Iterable[str]) -> frozenset[str]:
        return frozenset(part for name in names for part in _prefixes(name) if part in self.sources)

    def reachable(self, start: Iterable[str]) -> set[str]:
        """The modules that may be loaded once these are."""
        seen: set[str] = set()
        todo = [name for name in start if name in self.sources]
        while todo:
            name = todo.pop()
            if name not in seen:
                seen.add(name)
                todo += self.of(name) - seen
        return seen

    def importers(self, changed: Iterable[str]) -> set[str]:
        """These modules, and those that import one of them, directly or not."""
        found = {name for name in changed if name in self.sources}
        grown = True
        while grown:
            more = {n for n in self.sources if n not in found and self.imported_by(n) & found}
            found |= more
            grown = bool(more)
        return found


def _base_of(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parts = package.split(".")
    base = ".".join(parts[: len(parts) - node.level + 1])
    return f"{base}.{node.module}" if node.module else base


def _prefixes(name: str) -> Iterable[str]:
    """`a`, `a.b`, `a.b.c` of `a.b.c`: each is loaded with the last."""
    parts = name.split(".")
    if not all(part.isidentifier() for part in parts):
        return ()
    return [".".join(parts[:i]) for i in range(1, len(parts) + 1)]


def late_modules(
    old: Mapping[str, tuple[str, bytes]], new: Mapping[str, tuple[str, bytes]], app: str
) -> tuple[tuple[str, ...], frozenset[str]]:
    """(what to import after the application, what a change reaches): of the modules that the program may
    load, those that change or import what changes."""
    changed = changed_modules(old, new)
    entry = [app.partition(":")[0]] if app else []
    wanted, reached, told = set[str](), set[str](), Told()
    for sources in (old, new):
        mentions = Mentions(sources, told)
        concerned = mentions.importers(changed)
        reached |= concerned
        wanted |= concerned & mentions.reachable(entry)
    return tuple(sorted(wanted)), frozenset(reached)
