"""Code templates for dispatchers, one for each signature, cached.

A template is compiled once (about 100 us) with placeholders among its constants; a dispatcher is then made
of it by `code.replace` (about 2 us).  Its text, for a function `def f(a, b=1, *, c)`:

    def f(a, b, *, c):
        try:
            if EPOCH.get().epoch >= N:
                return NEW(a, b, c=c)
            return OLD(a, b, c=c)
        except BaseException as error:
            error.__traceback__ = error.__traceback__.tb_next
            raise

Two separate call statements, so that each specialises for its callee.  The `except` takes the dispatcher's
own line out of tracebacks and costs nothing where nothing is raised.
"""

from __future__ import annotations

import ast
import functools
import inspect
import warnings
from types import CodeType
from typing import Any, Final

from attrs import frozen

EPOCH_VAR, THRESHOLD, NEW, OLD, BASE_EXCEPTION = (
    "hotpatch: the context variable",
    "hotpatch: first epoch of the new body",
    "hotpatch: the new body",
    "hotpatch: the old body",
    "hotpatch: BaseException",
)
_ERROR: Final = "hotpatch error"
"""The template's only local besides the parameters: no identifier, so it can't clash with one."""


@frozen
class Signature:
    """The names of a code object's parameters, by kind."""

    positional_only: tuple[str, ...] = ()
    plain: tuple[str, ...] = ()
    var: str | None = None
    keyword_only: tuple[str, ...] = ()
    keywords: str | None = None


VARIADIC: Final = Signature(var="args", keywords="kwargs")
"""Takes anything: for bodies whose signatures or defaults differ, each then fills in its own."""


def signature_of(code: CodeType) -> Signature:
    names, count, only = code.co_varnames, code.co_argcount, code.co_kwonlyargcount
    after = count + only
    var = keywords = None
    if code.co_flags & inspect.CO_VARARGS:
        var = names[after]
        after += 1
    if code.co_flags & inspect.CO_VARKEYWORDS:
        keywords = names[after]
    positional_only = code.co_posonlyargcount
    return Signature(
        names[:positional_only], names[positional_only:count], var, names[count : count + only], keywords
    )


@functools.lru_cache(maxsize=4096)
def choosing(signature: Signature, free: int) -> CodeType:
    """Code that chooses between two bodies by the caller's epoch; `free` free variables, unused."""
    return _compile(signature, free, [_choice(signature), _call_statement(OLD, signature)])


@functools.lru_cache(maxsize=1024)
def forwarding(signature: Signature, free: int) -> CodeType:
    """Code that calls one other function: for a new body that needs another closure than the object has."""
    return _compile(signature, free, [_call_statement(NEW, signature)])


def _choice(signature: Signature) -> ast.stmt:
    pin = ast.Call(ast.Attribute(ast.Constant(EPOCH_VAR), "get", ast.Load()), [], [])
    epoch = ast.Attribute(pin, "epoch", ast.Load())
    test = ast.Compare(epoch, [ast.GtE()], [ast.Constant(THRESHOLD)])
    return ast.If(test, [_call_statement(NEW, signature)], [])


def _call_statement(target: str, signature: Signature) -> ast.stmt:
    arguments: list[ast.expr] = [_name(name) for name in (*signature.positional_only, *signature.plain)]
    if signature.var:
        arguments.append(ast.Starred(_name(signature.var), ast.Load()))
    keywords = [ast.keyword(name, _name(name)) for name in signature.keyword_only]
    if signature.keywords:
        keywords.append(ast.keyword(None, _name(signature.keywords)))
    return ast.Return(ast.Call(ast.Constant(target), arguments, keywords))


def _name(name: str) -> ast.expr:
    return ast.Name(name, ast.Load())


def _without_own_line(body: list[ast.stmt]) -> ast.stmt:
    trace = ast.Attribute(_name(_ERROR), "__traceback__", ast.Load())
    strip = ast.Assign(
        [ast.Attribute(_name(_ERROR), "__traceback__", ast.Store())],
        ast.Attribute(trace, "tb_next", ast.Load()),
    )
    handler = ast.ExceptHandler(ast.Constant(BASE_EXCEPTION), _ERROR, [strip, ast.Raise(None, None)])
    return ast.Try(body, [handler], [], [])


def _compile(signature: Signature, free: int, body: list[ast.stmt]) -> CodeType:
    cells = [f"hotpatch cell {i}" for i in range(free)]
    mention: list[ast.stmt] = [ast.If(ast.Constant(0), [ast.Expr(_name(cell)) for cell in cells], [])]
    inner = _function(_arguments(signature), [*(mention if cells else ()), _without_own_line(body)])
    targets: list[ast.expr] = [ast.Name(cell, ast.Store()) for cell in cells]
    assign: list[ast.stmt] = [ast.Assign(targets, ast.Constant(0))] if cells else []
    outer = _function(ast.arguments([], [], None, [], [], None, []), [*assign, inner])
    tree: Any = ast.Module([outer], [])
    for node in ast.walk(tree):  # every line is the line of the `def`
        if isinstance(node, (ast.expr, ast.stmt, ast.arg, ast.keyword, ast.excepthandler)):
            node.lineno = node.end_lineno = 1
            node.col_offset = node.end_col_offset = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)  # "str object is not callable": a placeholder
        code = compile(tree, "<hotpatch dispatcher>", "exec", dont_inherit=True)
    for _ in range(2):  # module -> outer -> inner
        code = next(const for const in code.co_consts if isinstance(const, CodeType))
    return code


def _function(arguments: ast.arguments, body: list[ast.stmt]) -> ast.stmt:
    tree: Any = ast.parse("def dispatcher(): pass").body[0]  # fields differ from version to version
    tree.args, tree.body = arguments, body
    statement: ast.stmt = tree
    return statement


def _arguments(signature: Signature) -> ast.arguments:
    return ast.arguments(
        [ast.arg(name) for name in signature.positional_only],
        [ast.arg(name) for name in signature.plain],
        ast.arg(signature.var) if signature.var else None,
        [ast.arg(name) for name in signature.keyword_only],
        [None] * len(signature.keyword_only),
        ast.arg(signature.keywords) if signature.keywords else None,
        [],
    )
