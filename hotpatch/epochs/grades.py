"""How each edit of a release goes in, and why: beside the old code, or in one step.

`canary`   both versions side by side; requests pick
`barrier`  live, but in one moment at which no request is in flight
`reload`   not in this process

A release is as coarse as the coarsest of its edits: one edit that needs a barrier takes the whole release
through one.  Pure: looks at objects, changes none.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from types import CodeType, FunctionType, MemberDescriptorType, ModuleType
from typing import Any, Final

from attrs import frozen

from hotpatch.engine import locks
from hotpatch.epochs import names
from hotpatch.epochs.cpython import type_slot_names
from hotpatch.epochs.dispatch import same_kind
from hotpatch.epochs.readers import FunctionsOf
from hotpatch.ops import ABSENT, Op, SlotKind
from hotpatch.plan import Grade

CodeOf = Callable[[FunctionType], CodeType]


class Form(enum.Enum):
    """The parallel form that an edit takes."""

    BODY = "a body of a function"
    VARIABLE = "a global"
    MEMBER = "a class attribute"
    MODULE = "a module in sys.modules"
    LATE = "metadata, set at the commit"
    CALL = "something to run after the commit and after the collapse"
    NONE = "none"


@frozen
class Graded:
    """One edit with its grade."""

    op: Op
    grade: Grade
    reason: str
    form: Form


LATE_FUNCTION: Final = frozenset(
    {"__doc__", "__annotations__", "__name__", "__qualname__", "__module__", "__type_params__"}
)
LATE_CLASS: Final = frozenset(
    {"__doc__", "__annotations__", "__module__", "__qualname__", "__name__", "__firstlineno__"}
    | {"__static_attributes__", "__type_params__", "__orig_bases__", "__parameters__"}
)
LATE_GLOBAL: Final = frozenset({"__doc__", "__annotations__"})
MODULE_HOOKS: Final = frozenset({"__getattr__", "__dir__", "__class__", "__dict__", "__builtins__"})
TYPE_INTERNALS: Final = frozenset(
    {"__slots__", "__dict__", "__weakref__", "__abstractmethods__", "_abc_impl", "__class__", "__bases__"}
)
TYPE_SLOTS: Final = type_slot_names()

STATE: Final = "it is live state, shared by both versions"

HANDED_ON: Final = "whoever took the value that gives way is given the one that takes its place"
ONE_LOCK: Final = "a lock is one for both versions, or it guards nothing"

IN_ONE_STEP: Final = {
    SlotKind.FUNCTION_DICT: "a function's own attributes are read by identity, not by version",
    SlotKind.BASES: "a class has one set of bases at a time",
    SlotKind.TYPE: "an object has one class at a time",
    SlotKind.INSTANCE: f"an object's attribute: {STATE}",
    SlotKind.MEMBER: f"an object's attribute: {STATE}",
    SlotKind.ITEM: f"an item of a dict: {STATE}",
    SlotKind.ELEMENTS: f"the contents of a collection: {STATE}",
    SlotKind.ORDER: f"the order of a mapping: {STATE}",
    SlotKind.PARTIAL: "what a partial calls, and with what, is one for both versions",
    SlotKind.CELL: "a variable of a closure is shared by all functions that close over it",
}


def grade(
    ops: Iterable[Op],
    functions: FunctionsOf,
    split: Mapping[int, frozenset[str]],
    code_of: CodeOf = attrgetter("__code__"),
) -> tuple[Graded, ...]:
    """Grade each op.  `functions` covers every module with a GLOBAL op; `split` names, by the id of a
    module's dict, its globals that still have several values from earlier releases; `code_of` tells what the
    newest of them has for a function."""
    ops = tuple(ops)
    changed = {key: set(names) for key, names in split.items()}
    for op in ops:
        if op.kind is SlotKind.GLOBAL:
            changed.setdefault(id(vars(op.owner)), set()).add(op.key)
    annotations = _annotations(ops)
    return tuple(
        Graded(op, Grade.CANARY, "metadata: changes with the commit", Form.LATE)
        if op.kind in (SlotKind.ITEM, SlotKind.ORDER) and id(op.owner) in annotations
        else _grade(op, functions, changed, code_of)
        for op in ops
    )


def _annotations(ops: Iterable[Op]) -> frozenset[int]:
    """ids of the annotation dicts of everything that changes: a parameter that comes or goes changes the
    function's code and, in place, its annotations, which no call reads."""
    found = (
        op.owner.__annotations__
        if issubclass(type(op.owner), FunctionType)
        else vars(op.owner).get("__annotations__")
        for op in ops
        if issubclass(type(op.owner), FunctionType | type | ModuleType)
    )
    return frozenset(id(each) for each in found if type(each) is dict)


def worst(graded: Iterable[Graded]) -> Grade:
    grades = {each.grade for each in graded}
    return next((g for g in (Grade.RELOAD, Grade.BARRIER) if g in grades), Grade.CANARY)


def _grade(op: Op, functions: FunctionsOf, changed: Mapping[int, set[str]], code_of: CodeOf) -> Graded:
    def as_(grade: Grade, reason: str, form: Form = Form.NONE) -> Graded:
        return Graded(op, grade, reason, form)

    if locks.gives_way(op):
        return as_(Grade.BARRIER, ONE_LOCK)
    match op.kind:
        case SlotKind.CODE:
            return as_(*_code(op, changed))
        case SlotKind.FUNCTION if op.key in ("__defaults__", "__kwdefaults__"):
            return as_(Grade.CANARY, "each version fills in its own defaults", Form.BODY)
        case SlotKind.FUNCTION if op.key in LATE_FUNCTION:
            return as_(Grade.CANARY, "metadata: changes with the commit", Form.LATE)
        case SlotKind.GLOBAL:
            return as_(*_global(op, functions.get(id(vars(op.owner)), ()), code_of))
        case SlotKind.CLASS:
            return as_(*_class(op))
        case SlotKind.MODULE if op.before is ABSENT or op.after is ABSENT:
            return as_(Grade.CANARY, "only one version imports it", Form.MODULE)
        case SlotKind.MODULE:
            return as_(Grade.BARRIER, "sys.modules has one module of a name at a time")
        case SlotKind.CALL:
            return as_(Grade.CANARY, "runs after the commit, and again after the collapse", Form.CALL)
    return as_(Grade.BARRIER, IN_ONE_STEP.get(op.kind, f"a {op.kind.value} has one value at a time"))


Verdict = tuple[Grade, str, Form]


def _code(op: Op, changed: Mapping[int, set[str]]) -> Verdict:
    function: FunctionType = op.owner
    cells = len(function.__closure__ or ())
    if len(op.after.co_freevars) != cells:
        reason = f"the new code closes over {len(op.after.co_freevars)} variables, the function over {cells}"
        return Grade.RELOAD, reason, Form.NONE
    return of_code(function.__code__, op.after, changed.get(id(function.__globals__), ()))


def of_code(before: CodeType, after: CodeType, changed: Iterable[str]) -> Verdict:
    """Another body of a function; `changed` are the globals of its module that have several values."""
    if not same_kind(before, after):
        return Grade.BARRIER, "calls return another kind of object: def, async or generator", Form.NONE
    try:
        names.rename(after, {name: f"{name}@" for name in changed})
    except names.CannotRename as error:
        return Grade.BARRIER, f"{error}: {STATE}", Form.NONE
    return Grade.CANARY, "a dispatcher picks the body", Form.BODY


def _global(op: Op, functions: Sequence[FunctionType], code_of: CodeOf) -> Verdict:
    if not issubclass(type(op.owner), ModuleType) and op.key not in LATE_GLOBAL:
        return Grade.BARRIER, f"{op.key} changes how the module itself answers", Form.NONE
    return of_global(op.key, map(code_of, functions))


def of_global(name: str, codes: Iterable[CodeType]) -> Verdict:
    """Another value of a global; `codes` is what the functions of its module run."""
    if name in LATE_GLOBAL:
        return Grade.CANARY, "metadata: changes with the commit", Form.LATE
    if name in MODULE_HOOKS:
        return Grade.BARRIER, f"{name} changes how the module itself answers", Form.NONE
    for code in codes:
        if names.mentions(code, frozenset({name})):
            try:
                names.rename(code, {name: f"{name}@"})
            except names.CannotRename as error:
                return Grade.BARRIER, f"{error}: {STATE}", Form.NONE
    return Grade.CANARY, "each version reads a name of its own", Form.VARIABLE


def _class(op: Op) -> Verdict:
    owner: type = op.owner
    if any(issubclass(type(value), MemberDescriptorType) for value in (op.before, op.after)):
        return _of_layout(op.key, owner.__qualname__)
    one_sided = op.before is ABSENT or op.after is ABSENT
    makes_or_breaks = one_sided or _switches_off(op.before) or _switches_off(op.after)
    return of_attribute(op.key, owner.__qualname__, issubclass(type(owner), enum.EnumMeta), makes_or_breaks)


def of_attribute(name: str, owner: str, of_enum: bool, makes_or_breaks: bool) -> Verdict:
    """Another value of an attribute of the class `owner`; `makes_or_breaks`: one of the versions has none, or
    None."""
    if name in LATE_CLASS:
        return Grade.CANARY, "metadata: changes with the commit", Form.LATE
    if of_enum:
        return Grade.BARRIER, "an enum's members are looked up in tables of its own", Form.NONE
    if name in TYPE_INTERNALS:
        return _of_layout(name, owner)
    if name in TYPE_SLOTS and makes_or_breaks:
        return Grade.BARRIER, f"{name} changes what {owner} can do, for every caller", Form.NONE
    return Grade.CANARY, "a descriptor picks the value", Form.MEMBER


def _of_layout(name: str, owner: str) -> Verdict:
    return Grade.BARRIER, f"{name} is part of the layout of {owner}", Form.NONE


def _switches_off(value: Any) -> bool:
    return value is None  # `__hash__ = None`, `__iter__ = None`
