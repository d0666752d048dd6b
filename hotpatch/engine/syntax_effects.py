"""What a top-level statement does besides binding names: its side effects, by its form alone.

A call whose value is kept (`LOCK = Lock()`) is no effect here: what it leaves is measured.  A call whose
value is dropped is one, whatever it is called: nobody can tell from outside what it does.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from hotpatch.engine.syntax_names import dotted, root
from hotpatch.engine.syntax_units import Doing, SideEffect

_REGISTERING = ("register", "connect", "subscribe", "add_", "include_", "append", "install", "on_", "mount")
PURE = {"bool", "callable", "chr", "divmod", "enumerate", "float", "hash", "hex", "id", "int", "isinstance"}
PURE |= {"issubclass", "len", "object", "oct", "ord", "range", "repr", "slice", "str", "zip"}
"""Builtins that leave nothing behind when nobody keeps what they answer: what they are given may."""
NAMESPACES = {"globals", "locals", "vars"}
IMPORTING = {"__import__", "import_module", "importlib.import_module"}
_FIXED = (ast.Constant, ast.JoinedStr, ast.Tuple)


def effects_of(node: ast.stmt, constants: Mapping[str, ast.expr]) -> tuple[SideEffect, ...]:
    """The effects of one statement, not of what stands in its branches.

    `constants` are the values that names were given before it, by which `+=` on a number is told from `+=`
    on a list.
    """
    return tuple(_effects(node, constants))


def _effects(node: ast.stmt, constants: Mapping[str, ast.expr]) -> Iterator[SideEffect]:
    if isinstance(node, ast.Expr):
        for call in _dropped(node.value):
            yield _call(call)
            if dotted(call.func) in PURE:
                given = [*call.args, *call.keywords]
                yield from (_call(c) for part in given for c in ast.walk(part) if isinstance(c, ast.Call))
    elif isinstance(node, ast.Delete):
        for target in node.targets:
            yield SideEffect(Doing.DELETE, ast.unparse(target))
    elif isinstance(node, ast.Assign):
        for target in node.targets:
            yield from _store(target)
    elif isinstance(node, ast.AnnAssign):
        yield from _store(node.target)
    elif isinstance(node, ast.AugAssign):
        yield from _store(node.target)
        if isinstance(node.target, ast.Name) and not _immutable(node, constants):
            yield SideEffect(Doing.AUGMENT, node.target.id)
    elif isinstance(node, ast.With | ast.AsyncWith):
        for item in node.items:
            yield SideEffect(Doing.ENTER, ast.unparse(item.context_expr))


def _dropped(node: ast.expr) -> Iterator[ast.Call]:
    """The calls that a bare expression makes: itself, or those that `and`, `or` and `if` choose between."""
    if isinstance(node, ast.Call):
        yield node
    elif isinstance(node, ast.Await):
        yield from _dropped(node.value)
    elif isinstance(node, ast.BoolOp):
        for value in node.values:
            yield from _dropped(value)
    elif isinstance(node, ast.IfExp):
        yield from _dropped(node.body)
        yield from _dropped(node.orelse)


def _call(node: ast.Call) -> SideEffect:
    called = dotted(node.func) or ast.unparse(node.func)
    last = called.rpartition(".")[2]
    if called in IMPORTING and (name := _module_asked_for(node)):
        return SideEffect(Doing.IMPORT, name)
    if last == "start":
        return SideEffect(Doing.START, called.removesuffix(".start"))
    if last.startswith(_REGISTERING):
        return SideEffect(Doing.REGISTER, called)
    return SideEffect(Doing.CALL, called)


def _module_asked_for(node: ast.Call) -> str:
    name = node.args[0] if len(node.args) == 1 and not node.keywords else None
    found = name.value if isinstance(name, ast.Constant) else None
    return found if isinstance(found, str) and not found.startswith(".") else ""


def _store(target: ast.expr) -> Iterator[SideEffect]:
    if isinstance(target, ast.Tuple | ast.List):
        for part in target.elts:
            yield from _store(part)
    elif isinstance(target, ast.Starred):
        yield from _store(target.value)
    elif isinstance(target, ast.Subscript) and not _own_names(target.value):
        yield SideEffect(Doing.ITEM, root(target) or ast.unparse(target.value))
    elif isinstance(target, ast.Attribute):
        yield SideEffect(Doing.ATTRIBUTE, dotted(target) or ast.unparse(target))


def _own_names(node: ast.expr) -> bool:
    """`globals()["x"] = 1` binds a name."""
    return isinstance(node, ast.Call) and dotted(node.func) in NAMESPACES and not node.args


def _immutable(node: ast.AugAssign, constants: Mapping[str, ast.expr]) -> bool:
    """`X += 1` binds a new number; `X += [1]` changes the list that others hold."""
    assert isinstance(node.target, ast.Name)
    before = constants.get(node.target.id)
    return isinstance(before, _FIXED) or isinstance(node.value, _FIXED[:2])
