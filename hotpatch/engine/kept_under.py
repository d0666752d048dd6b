"""Values that objects keep under a name of their descriptor's choosing: does the descriptor still look there?

`__set_name__` has noted `_x`, objects keep their value there, and the new one notes `_v2_x`; or the name is
put together whenever it is needed, and from other parts now; or it stands in a constant.  Objects that both
starts made are part of the difference; those that live alone would answer with an AttributeError, or forget
what they were given.
"""

from __future__ import annotations

import dis
import types
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from hotpatch.ops import Op, SlotKind

from . import codes, instructions
from .instances import Functions
from .living import Living
from .reading import (
    MISSING,
    class_attribute,
    class_dict,
    is_python_class,
    mro_of,
    qualname_of,
    raw_dict,
    slots_of,
)

ACCESS: Final = frozenset({"__get__", "__set__", "__delete__"})
OF_ITS_OWN: Final = frozenset({"__getattr__", "__getattribute__", "__setattr__", "__delattr__"})
BY_NAME: Final = frozenset({"getattr", "setattr", "hasattr", "delattr"})
SPAN: Final = ("LOAD_GLOBAL", "LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR", "LOAD_SUPER_METHOD")
BUILDING: Final = ("BINARY_OP", "BUILD_STRING", "FORMAT_", "CONVERT_")

ASKING: Final = frozenset({"get", "pop", "setdefault"})
ENDING: Final = frozenset({"CALL", "PRECALL", "STORE_SUBSCR", "BINARY_SUBSCR", "DELETE_SUBSCR"})
WITHOUT_OBJECT: Final = {"__getattr__": 1, "__getattribute__": 1, "__delattr__": 1, "__setattr__": 2}
"""How many arguments these take of `super()`; of a class, the object comes first."""

Form = tuple[tuple[str, str], ...]
"""How a name is put together: the instructions, by name and argument."""


def lost(
    functions: Functions, ops: Sequence[Op], objects: Living, is_ours: Callable[[Any], bool]
) -> list[str]:
    """Sentences, one for each class and attribute.  To be asked after the commit."""
    constants = list(_of_constants(ops, objects, is_ours))
    renamed = {id(owner): (owner, names) for owner, names in _renamed(ops)}
    makers = {id(f) for f, old, new in functions.values() if _puts_together_otherwise(f, old, new)}
    if not renamed and not makers:
        return constants
    wanted: dict[int, dict[str, tuple[str, str] | None]] = {}
    for cls in filter(is_python_class, objects.below(type)):
        own = class_dict(cls)
        for name, held in list(own.items()):
            for names in renamed[id(held)][1] if id(held) in renamed else ():
                wanted.setdefault(id(cls), {})[name] = names
            if makers and _is_made_by(type(held), makers, ACCESS):
                wanted.setdefault(id(cls), {}).setdefault(name, None)
        if any(id(own.get(name)) in makers for name in OF_ITS_OWN):
            wanted.setdefault(id(cls), {})[""] = None
    found = dict.fromkeys(_told(objects, wanted) if wanted else ())
    return [*constants, *found]


def _of_constants(ops: Sequence[Op], objects: Living, is_ours: Callable[[Any], bool]) -> Iterator[str]:
    """Names that stand in variables, and by which functions of the module ask for attributes of the program's
    objects."""
    for op in ops:
        if op.kind is not SlotKind.GLOBAL or not _is_name(op.before) or not _is_name(op.after):
            continue
        space = vars(op.owner)
        used = any(
            f.__globals__ is space and _asks_by(f.__code__, op.key)
            for f in objects.exactly(types.FunctionType)
        )
        classes = {id(cls): cls for cls in _keeping(op.before, op.after, objects)} if used else {}
        for name in (qualname_of(cls) for cls in classes.values() if is_ours(cls)):
            yield f"objects of {name} that live have {op.before}, which {op.where} named, and lack {op.after}"


def _is_name(value: Any) -> bool:
    return type(value) is str and value.isidentifier()


def _asks_by(code: types.CodeType, name: str) -> bool:
    return any(
        name in part.co_names and (BY_NAME | {"__dict__"}) & set(part.co_names) for part in codes.walk(code)
    )


def _keeping(before: str, after: str, objects: Living) -> Iterator[type]:
    for obj in objects.of(is_python_class):
        space = raw_dict(obj)
        if space is not None and before in space and after not in space:
            yield type(obj)


def _told(objects: Living, wanted: dict[int, dict[str, tuple[str, str] | None]]) -> Iterator[str]:
    def of_class(cls: type) -> dict[str, tuple[str, str] | None]:
        return {n: w for base in mro_of(cls) for n, w in wanted.get(id(base), {}).items()}

    for obj, names in objects.told(of_class):
        cls, held = type(obj), _held(obj)
        for name, change in names.items():
            if change is None and held:
                what = f"{name} under a name that" if name else "attributes under names that"
                yield (
                    f"objects of {qualname_of(cls)} that live keep {what} old code put together, and new "
                    "code puts it together otherwise"
                )
            elif change is not None and change[0] in held and change[1] not in held:
                yield (
                    f"objects of {qualname_of(cls)} that live keep {name} as {change[0]}, and its descriptor "
                    f"looks for {change[1]}"
                )


def _held(obj: Any) -> set[str]:
    found = set(raw_dict(obj) or ())
    for _, name, member in slots_of(type(obj)):
        try:
            member.__get__(obj)
        except AttributeError:
            continue
        found.add(name)
    return found


def _renamed(ops: Sequence[Op]) -> Iterator[tuple[Any, list[tuple[str, str]]]]:
    """Descriptors, and the names that they note otherwise now: before and after."""
    for op in ops:
        if op.kind in (SlotKind.INSTANCE, SlotKind.MEMBER) and _is_descriptor(op.owner):
            if type(op.before) is str is type(op.after):
                yield op.owner, [(op.before, op.after)]
        elif op.kind is SlotKind.CLASS and _is_descriptor(op.before) and _is_descriptor(op.after):
            before, after = raw_dict(op.before) or {}, raw_dict(op.after) or {}
            names = [(before[key], after[key]) for key in before.keys() & after.keys()]
            yield op.after, [(a, b) for a, b in names if type(a) is str is type(b) and a != b]


def _is_descriptor(obj: Any) -> bool:
    kind = type(obj)
    return is_python_class(kind) and class_attribute(kind, "__get__") is not MISSING


def _is_made_by(kind: type, makers: set[int], names: frozenset[str]) -> bool:
    return is_python_class(kind) and any(id(class_attribute(kind, name)) in makers for name in names)


def _puts_together_otherwise(f: types.FunctionType, old: types.CodeType, new: types.CodeType) -> bool:
    if f.__code__.co_name not in ACCESS | OF_ITS_OWN:
        return False
    before, after = _forms(old), _forms(new)
    return bool(before - after and after - before)


def _forms(code: types.CodeType) -> set[Form]:
    """The ways in which the code puts together names of attributes."""
    found = set[Form]()
    for part in codes.walk(code):
        steps = instructions.of(part)
        for i, step in enumerate(steps):
            if step.opname not in SPAN:
                continue
            if step.argval in BY_NAME or step.argval in OF_ITS_OWN:
                found.add(_form(steps[i + 1 :], str(step.argval)))
            elif step.argval == "__dict__":
                asks = i + 1 < len(steps) and steps[i + 1].argval in ASKING
                found.add(_form(steps[i + 1 + asks :], "__dict__"))
    return {form for form in found if form}


def _form(steps: Sequence[dis.Instruction], what: str) -> Form:
    """Of the name alone, in what follows up to the call, or the look into the dictionary, that it is for."""
    depth, depths = 0, list[int]()
    before = 1 if what in BY_NAME else 0
    for step in steps:
        depth += dis.stack_effect(step.opcode, step.arg, jump=False)
        if step.opname in ENDING and depth <= 0:
            if what in OF_ITS_OWN and step.arg is not None and step.opname in ("CALL", "PRECALL"):
                before = step.arg - WITHOUT_OBJECT[what]
            break
        depths.append(depth)
    begin = max((i + 1 for i, d in enumerate(depths) if d <= before), default=0)
    end = max((i + 1 for i, d in enumerate(depths) if d == before + 1), default=0)
    form = list[tuple[str, str]]()
    for step in steps[begin:end]:
        if step.opname == "LOAD_CONST" and type(step.argval) is str:
            form.append((step.opname, step.argval))
        elif step.opname.startswith(BUILDING):
            form.append((step.opname, str(step.arg)))
        elif step.opname in ("LOAD_ATTR", "LOAD_METHOD"):
            form.append(("attribute", step.argval))
    return tuple(form)
