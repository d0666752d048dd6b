"""Syntax trees as normal texts: equal exactly where two pieces of source mean the same, whatever their
layout.

Positions, comments, quotes, string prefixes and line breaks are gone by then.  Two more things that a
function's body may hold don't count, because CPython doesn't compile them: annotations of local variables,
and the contents of inner definitions, which are units of their own.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from hotpatch.engine.syntax_units import Kind

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
Aspects = dict[tuple[Kind, str], str]


def text(node: object, *, in_function: bool = False) -> str:
    """The normal text of a node, a list of nodes or a plain value."""
    if isinstance(node, list):
        return "[" + ", ".join(text(item, in_function=in_function) for item in node) + "]"
    if not isinstance(node, ast.AST):
        return repr(node)
    if in_function:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            return f"<{type(node).__name__} {node.name}>"
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            return f"Local({node.target.id}, {text(node.value, in_function=True)})"
    fields = (
        f"{name}={text(getattr(node, name, None), in_function=in_function)}"
        for name in node._fields
        if name not in ("ctx", "kind", "type_comment")
    )
    return f"{type(node).__name__}({', '.join(fields)})"


def docstring(body: list[ast.stmt]) -> str | None:
    """The docstring that a body begins with, as written."""
    if body and isinstance(first := body[0], ast.Expr) and isinstance(first.value, ast.Constant):
        return first.value.value if isinstance(first.value.value, str) else None
    return None


def without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    return body[1:] if docstring(body) is not None else body


def function_aspects(node: FunctionNode, inside: Iterable[ast.AST]) -> Aspects:
    """All that can differ about a function; `inside` are the nodes of its own scope."""
    args = node.args
    body = without_docstring(node.body)
    found: Aspects = {
        (Kind.BODY, ""): text(body, in_function=True),
        (Kind.SIGNATURE, ""): signature(args),
        (Kind.FUNCTION_KIND, ""): function_kind(node, inside),
    }
    _common(found, node, docstring(node.body))
    positional = [*args.posonlyargs, *args.args]
    given = zip(positional[len(positional) - len(args.defaults) :], args.defaults, strict=True)
    for arg, default in [*given, *zip(args.kwonlyargs, args.kw_defaults, strict=True)]:
        if default is not None:
            found[Kind.DEFAULT, arg.arg] = text(default)
    for each in [*positional, *args.kwonlyargs, args.vararg, args.kwarg]:
        if each is not None and each.annotation is not None:
            found[Kind.ANNOTATION, each.arg] = text(each.annotation)
    if node.returns is not None:
        found[Kind.ANNOTATION, "return"] = text(node.returns)
    return found


def class_aspects(node: ast.ClassDef) -> Aspects:
    """All that can differ about a class, its members apart."""
    found: Aspects = {(Kind.BASE, ""): text(node.bases)}
    _common(found, node, docstring(node.body))
    for keyword in node.keywords:
        kind = Kind.METACLASS if keyword.arg == "metaclass" else Kind.KEYWORD
        found[kind, keyword.arg or "**"] = text(keyword.value)
    return found


def _common(found: Aspects, node: FunctionNode | ast.ClassDef, doc: str | None) -> None:
    if node.decorator_list:
        found[Kind.DECORATOR, ""] = text(node.decorator_list)
    if doc is not None:
        found[Kind.DOCSTRING, ""] = repr(doc)
    if getattr(node, "type_params", None):
        found[Kind.TYPE_PARAMETER, ""] = text(getattr(node, "type_params", None))


def signature(args: ast.arguments) -> str:
    """How a function may be called, its defaults apart: `a, b, /, c, *d, e, **f`."""
    parts = [arg.arg for arg in args.posonlyargs]
    if parts:
        parts.append("/")
    parts += [arg.arg for arg in args.args]
    if args.vararg:
        parts.append(f"*{args.vararg.arg}")
    elif args.kwonlyargs:
        parts.append("*")
    parts += [arg.arg for arg in args.kwonlyargs]
    if args.kwarg:
        parts.append(f"**{args.kwarg.arg}")
    return ", ".join(parts)


def function_kind(node: FunctionNode, inside: Iterable[ast.AST]) -> str:
    generator = any(isinstance(part, ast.Yield | ast.YieldFrom) for part in inside)
    if isinstance(node, ast.AsyncFunctionDef):
        return "async generator" if generator else "coroutine"
    return "generator" if generator else "function"
