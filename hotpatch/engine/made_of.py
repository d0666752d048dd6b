"""What code makes by calling a class, or takes from an enum: of which class it is, where that can be told."""

from __future__ import annotations

import dis
import enum
import types
from collections.abc import Mapping, Sequence
from typing import Any, Final

from . import codes, parts_used
from .reading import MISSING, class_attribute, is_python_class, solid_base

_LOADS: Final = ("LOAD_ATTR", "LOAD_METHOD")


def class_made(steps: Sequence[dis.Instruction], variables: Mapping[str, Any]) -> type | None:
    """The class of what the last of these steps leaves on the stack: a call with arguments that are loaded in
    one step each, or an enum's member.  Not of what is a plain value as well, which may pass for one that was
    there before."""
    last = steps[-1]
    if last.opname == "LOAD_ATTR":
        cls = _meant(steps[:-1], variables)
        member = class_attribute(cls, last.argval) if is_enum(cls) else MISSING
        return cls if type(member) is cls and solid_base(cls) is object else None
    if last.opname not in ("CALL", "CALL_KW"):
        return None
    before = [step for step in steps[:-1] if step.opname != "KW_NAMES"]
    if last.opname == "CALL_KW":
        before = before[:-1]  # 3.13 loads the names of keyword arguments
    number = last.arg or 0
    arguments, called = before[len(before) - number :], before[: len(before) - number]
    if not all(step.opname.startswith("LOAD_") and step.opname not in _LOADS for step in arguments):
        return None
    cls = _meant(called, variables)
    return cls if issubclass(type(cls), type) and _makes_its_own(cls) else None


def is_enum(cls: Any) -> bool:
    return issubclass(type(cls), enum.EnumMeta)


def _makes_its_own(cls: type) -> bool:
    """Does a call of the class make an object of it, and nothing that is a plain value as well?"""
    if not is_python_class(cls):
        return cls not in _PLAIN
    if is_enum(cls):
        return solid_base(cls) is object
    calls = class_attribute(type(cls), "__call__") is class_attribute(type, "__call__")
    new = class_attribute(cls, "__new__")
    return calls and new is class_attribute(object, "__new__") and solid_base(cls) is object


_PLAIN: Final = frozenset({type, super, int, float, complex, bool, str, bytes, object})


def _meant(steps: Sequence[dis.Instruction], variables: Mapping[str, Any]) -> Any:
    """What a variable of the module is, or what a module that goes by one has under a name."""
    if not steps:
        return None
    last = steps[-1]
    if last.opname == "LOAD_GLOBAL":
        return variables.get(last.argval)
    if last.opname in _LOADS and len(steps) > 1 and steps[-2].opname == "LOAD_GLOBAL":
        module = variables.get(steps[-2].argval)
        return vars(module).get(last.argval) if type(module) is types.ModuleType else None
    return None


def takes_as_it_is(code: types.CodeType, attribute: str, variables: Mapping[str, Any]) -> bool:
    """Does the code read this attribute of something, without asking for its kind, testing it or handing it
    to a class that makes an object of it?"""
    for part in codes.walk(code):
        steps = codes.steps_of(part)
        if attribute in parts_used.asked_for(part, steps) | parts_used.tested(steps):
            continue
        for i, step in enumerate(steps):
            if step.opname in parts_used.READS and step.argval == attribute:
                near = [s for s in steps[max(0, i - 2) : i] if s.opname == "LOAD_GLOBAL"]
                calls = steps[i + 1].opname.startswith("CALL")
                if not (calls and any(issubclass(type(variables.get(s.argval)), type) for s in near)):
                    return True
    return False
