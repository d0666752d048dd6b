"""Which files are the program: what its application reaches by imports, told from the sources alone.

A tree holds more than a service runs: tests, scripts, tools.  They must neither be carried to the service
nor be asked for there.  Followed are import statements wherever they stand, also inside functions, and
texts that name a module in full, such as a framework's list of apps.  What a program imports by a
name that it computes is not seen here; a clean start of it shows those.  Pure functions.
"""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Container, Iterable, Iterator, Mapping, Set

from hotpatch.errors import BuildFailed


def module_paths(files: Iterable[str]) -> dict[str, str]:
    """The source file of each module of the tree, by the module's dotted name."""
    found: dict[str, str] = {}
    for path in sorted(files):
        if path.endswith(".py"):
            parts = path.removesuffix(".py").split("/")
            if parts[-1] == "__init__":
                parts.pop()
            if parts and all(part.isidentifier() for part in parts):
                found[".".join(parts)] = path
    return found


def reached(sources: Mapping[str, bytes], app: str, modules: Iterable[str] = ()) -> frozenset[str]:
    """The paths of all files that the application `app` (`module:object`), or one of `modules`, can import.

    Raises `BuildFailed` if the application's module is not in the tree.
    """
    return frozenset(_imports(sources, app, modules))


def dependents(
    sources: Mapping[str, bytes], app: str, modules: Iterable[str], changed: Container[str]
) -> tuple[str, ...]:
    """Names of the program's modules whose file is in `changed`, or that import one of those, near or far.

    A program may import them late, when they are first needed; until then a start does not show what a change
    makes of them.  Of one that is loaded by a name in a text (a framework's settings), or that such a one
    takes everything from, nobody can tell who has its values: then it is all of them.
    """
    imports = _imports(sources, app, modules)
    if _is_handed_on(sources, imports, changed):
        return tuple(sorted(name for name, path in module_paths(sources).items() if path in imports))
    importers: dict[str, set[str]] = {}
    for path, targets in imports.items():
        for target in targets:
            importers.setdefault(target, set()).add(path)
    todo = [path for path in imports if path in changed]
    found = set(todo)
    while todo:
        new = importers.get(todo.pop(), set()) - found
        found |= new
        todo += new
    return tuple(sorted(name for name, path in module_paths(sources).items() if path in found))


def _is_handed_on(
    sources: Mapping[str, bytes], imports: Mapping[str, Set[str]], changed: Container[str]
) -> bool:
    """Is a module that changes named as a whole in a text, or one that imports all that is in it?"""
    paths = module_paths(sources)
    named = {paths[text] for path in imports for text in _texts(sources[path]) if text in paths}
    todo = [path for path in imports if path in changed]
    seen = set(todo)
    while todo:
        if (path := todo.pop()) in named:
            return True
        takers = {p for p, targets in imports.items() if path in targets and b"import *" in sources[p]}
        todo += takers - seen
        seen |= takers
    return False


def _texts(source: bytes) -> Iterator[str]:
    """The dotted names that stand as texts in a source."""
    with contextlib.suppress(SyntaxError, ValueError):
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and "." in node.value:
                yield node.value


def _imports(sources: Mapping[str, bytes], app: str, modules: Iterable[str]) -> dict[str, set[str]]:
    """For each file that can be reached, by path, the files that it can import itself."""
    paths = module_paths(sources)
    first = app.partition(":")[0]
    if first not in paths:
        raise BuildFailed(
            f"the application's module {first} is not in the tree: name it with --app, or the folder that "
            "it is imported from with --root"
        )
    names = {path: name for name, path in paths.items()}
    found: dict[str, set[str]] = {}
    todo = _located([first, *modules], paths)
    while todo:
        path = todo.pop()
        if path not in found:
            named = _named_in(sources[path], names[path], path.endswith("__init__.py"))
            found[path] = _located(named, paths)
            todo |= found[path]
    return found


def _located(names: Iterable[str], paths: Mapping[str, str]) -> set[str]:
    """The files that are run when these names are imported: parents come first."""
    return {paths[part] for name in names for part in _with_parents(name) if part in paths}


def _with_parents(name: str) -> Iterator[str]:
    parts = name.split(".")
    for count in range(1, len(parts) + 1):
        yield ".".join(parts[:count])


def _named_in(source: bytes, module: str, is_package: bool) -> list[str]:
    """Every dotted name in the source of `module` that may be a module's; more than there are, never less."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return []  # it runs nowhere, so it imports nothing; whoever builds from it is told elsewhere
    package = module.split(".") if is_package else module.split(".")[:-1]
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*above, *(node.module.split(".") if node.module else [])])
            found += [origin, *(f"{origin}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value.partition(":")[0]
            # "a.b" or "a.b.Class": its leading parts are tried too; a single word is too common for a module
            if 3 <= len(text) <= 255 and "." in text and all(map(str.isidentifier, text.split("."))):
                found.append(text)
    return found
