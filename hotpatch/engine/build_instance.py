"""Instances from their descriptions: made by the C type that gives them their layout, never by the program's
`__new__` or `__init__`; then filled with what the clean start found in them."""

from __future__ import annotations

import collections
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .build_outside import Unbuildable
from .c_shapes import MADE, SAID, STATE
from .reading import GIVEN, container_of, raw_dict, slots_of, solid_base
from .shape import WRAPPING, Step

if TYPE_CHECKING:
    from .build import Builder


def fill_mapping(builder: Builder, made: Any, put: Any, kids: Mapping[Step, int]) -> None:
    for step, child in kids.items():
        if type(step) is tuple and step[0] == "key":
            put(made, builder.key(step, kids), builder.make(child))


def make_reduced(builder: Builder, n: int, head: Any, kids: Mapping[Step, int]) -> Any:
    function = builder.make(kids["make"])
    said = {step[1]: builder.make(child) for step, child in kids.items() if step[0] in (SAID, MADE)}
    state = said.pop(STATE)
    made = function(*said.values())
    if state is not None:
        if hasattr(made, "__setstate__"):
            made.__setstate__(state)
        elif isinstance(state, dict):
            vars(made).update(state)
    for step, child in kids.items():
        if step[0] == "append":
            made.append(builder.make(child))
        elif step[0] == "key":
            made[builder.key(step, kids)] = builder.make(child)
    return made


def make_instance(builder: Builder, n: int, head: Any, kids: Mapping[Step, int]) -> Any:
    cls = builder.make(kids["class"])
    if n in builder.made:  # the class keeps it
        return builder.made[n]
    base: Any = container_of(cls)
    solid: Any = solid_base(cls)
    if head[1] is not None:
        raise Unbuildable(f"an instance of {cls.__name__}, which extends {solid.__name__}, can't be built")
    parts = [child for step, child in kids.items() if step[0] == "item"]
    if "payload" in kids:
        made = solid.__new__(cls, builder.make(kids["payload"]))
    elif base in (tuple, frozenset):
        made = solid.__new__(cls, [builder.make(child) for child in parts])
    elif base in WRAPPING:
        made = solid.__new__(cls)
        base.__init__(made, *[builder.make(kids[part]) for part, _ in WRAPPING[base]])
    elif base in GIVEN:
        made = solid.__new__(cls, *[builder.make(kids[part]) for part, _ in GIVEN[base]])
    elif issubclass(base, BaseException):
        made = solid.__new__(cls, *builder.make(kids["args"]))
    else:
        made = solid.__new__(cls)
    builder.made[n] = made
    if base in (list, collections.deque):
        base.extend(made, [builder.make(child) for child in parts])
    elif base is set:
        set.update(made, [builder.make(child) for child in parts])
    elif "factory" in kids or issubclass(base, dict):
        if "factory" in kids:
            made.default_factory = builder.make(kids["factory"])
        fill_mapping(builder, made, base.__setitem__, kids)
    members: dict[Any, Any] = {(i, name): member for i, (_, name, member) in enumerate(slots_of(cls))}
    space = raw_dict(made)
    for step, child in kids.items():
        if step[0] == "slot":
            members[step[1:]].__set__(made, builder.make(child))
        elif step[0] == "attr":
            if space is None:
                raise Unbuildable(f"an instance of {cls.__name__} has no dictionary to fill")
            space[step[1]] = builder.make(child)
    return made
