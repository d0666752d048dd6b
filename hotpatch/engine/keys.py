"""What code does with constant keys: the records (dictionaries with fixed keys) that it makes and amends,
and the keys that it reads by subscript.

Its stack is followed from instruction to instruction, as far as constants, names and dictionaries made on
the spot go: which constant is a key of which display, and what is stored into which.

Leaned on (3.11 to 3.13): a stack is the same whichever way an instruction is reached; dictionaries are built
by BUILD_MAP, BUILD_CONST_KEY_MAP, MAP_ADD and DICT_UPDATE, lists and sets by BUILD_LIST, LIST_APPEND,
LIST_EXTEND and theirs; a comprehension is a function of its own (3.11), or stands in place; keyword names of
a call are the argument of KW_NAMES (3.11, 3.12) or the constant before CALL_KW (3.13).
"""

from __future__ import annotations

import dis
import inspect
import types
from collections import defaultdict
from collections.abc import Callable
from typing import Any, Final

from attrs import frozen

from . import codes, instructions
from .caught import Caught
from .symbol_stack import SymbolStack
from .symbols import Built, Const, Gathered, Inner, Made, Name, Record, Sum, Symbol, items_of, key_of, told


@frozen
class Keys:
    """What a function does with constant keys, functions inside it included."""

    read: frozenset[str]
    """Read by subscript, from what it has not made itself and where it does not ask for their presence."""
    records: tuple[Record, ...]
    items: frozenset[tuple[str, bool]]
    """What it puts into things that go by a name: the name, and whether that is a record it has made."""
    kinds: frozenset[tuple[str, str]]
    """The same, and what `symbols.told` calls it; with what lists, sets and dictionaries are made of that
    come to go by a name."""
    stored: frozenset[tuple[str, str]]
    """What comes to go by a name, as that calls it."""
    returned: frozenset[str]
    """What it returns."""
    calls: frozenset[tuple[str, int]]
    """Globals that it calls, and how many arguments it hands over by their place."""

    @staticmethod
    def of(code: types.CodeType) -> Keys:
        walks = [_Walk(part).run() for part in codes.walk(code)]
        return Keys(
            frozenset(key for walk in walks for key in walk.read()),
            tuple(made.record() for walk in walks for made in walk.made if made.certain or made.possible),
            frozenset((name, type(symbol) is Made) for walk in walks for name, symbol in walk.items),
            frozenset(
                (name, told(symbol)) for walk in walks for name, symbol in (*walk.items, *walk.gathered)
            ),
            frozenset((name, told(symbol)) for walk in walks for name, symbol in walk.stored),
            frozenset(map(told, walks[0].given)) if not code.co_flags & _GENERATORS else frozenset(),
            frozenset(call for walk in walks for call in walk.calls),
        )

    @property
    def written(self) -> frozenset[str]:
        return frozenset(key for record in self.records for key in record.keys)


_INERT: Final = frozenset(
    ("RESUME", "NOP", "EXTENDED_ARG", "CACHE", "MAKE_CELL", "COPY_FREE_VARS", "TO_BOOL")
)
_ENDING: Final = ("RETURN_", "RAISE_", "RERAISE", "JUMP_FORWARD", "JUMP_BACKWARD")
_GENERATORS: Final = inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR
_ASKING: Final = frozenset(("get", "pop", "setdefault"))
_AFTER_PRECALL: Final = frozenset([dis.opmap["CALL"]] if "PRECALL" in dis.opmap else [])
PUTS: Final = frozenset(
    ("append", "appendleft", "add", "insert", "put", "put_nowait", "setdefault", "heappush")
)
"""Methods by which things are put into containers."""
_GENERATOR: Final = "<genexpr>"
_EXPRESSIONS: Final = frozenset((_GENERATOR, "<listcomp>", "<setcomp>", "<dictcomp>"))
_TAKING_ALL: Final = frozenset(("list", "set", "tuple", "frozenset", "sorted", "deque"))
"""What makes a container of another's items."""
_IN_PLACE: Final = 13
"""The first of BINARY_OP's arguments that stands for an operation in place (`opcode._nb_ops`)."""
_CATCHING: Final = frozenset(("KeyError", "LookupError"))


class _Walk(SymbolStack):
    """One code object, from its first instruction to its last."""

    def __init__(self, code: types.CodeType) -> None:
        super().__init__()
        self.code = code
        self.made: list[Made] = []
        self.items: list[tuple[str, Symbol]] = []
        self.gathered: list[tuple[str, Symbol]] = []
        self.stored: list[tuple[str, Symbol]] = []
        self.given: list[Symbol] = []
        """What it returns and yields."""
        self.calls: list[tuple[str, int]] = []
        self._reads: list[tuple[str, Symbol]] = []
        self._asked: set[str] = set()
        self._locals: dict[str, Symbol] = {}
        self._places: dict[tuple[str, bool], Made] = {}
        self._keywords: tuple[str, ...] = ()
        self._called: Symbol = None
        self._caught = Caught(code, _CATCHING)

    def read(self) -> set[str]:
        """A key that it gave the dictionary itself, or whose absence it knows of, is not one to miss."""
        return {
            key
            for key, source in self._reads
            if key not in self._asked
            and not (type(source) is Made and key in source.certain | source.possible)
        }

    def run(self) -> _Walk:
        later: dict[int, list[Symbol]] = {}
        handled = defaultdict[int, list[Any]](list)
        if self.code.co_exceptiontable:
            for entry in dis.Bytecode(self.code).exception_entries:  # type: ignore[attr-defined]
                handled[entry.start].append(entry)
        ended = False
        for step in instructions.of(self.code):
            if ended:
                self.stack, ended = list(later.get(step.offset, ())), False
            for entry in handled.pop(step.offset, ()):
                fails = [*self.stack[: entry.depth], *[None] * (1 + entry.lasti)]
                later.setdefault(entry.target, fails)
            if step.opcode in codes.JUMPS:
                later.setdefault(step.argval, self.jumped(step))
            act = _ACTS.get(step.opname)
            if act is not None:
                act(self, step)
            elif step.opname not in _INERT:
                self.do(step)
            ended = step.opname.startswith(_ENDING)
        return self

    # -- names

    def _load_const(self, step: dis.Instruction) -> None:
        self.push(Const(step.argval))

    def _load_local(self, step: dis.Instruction) -> None:
        self.push(self._locals.get(step.argval, Name(step.argval, False)))

    def _store_local(self, step: dis.Instruction) -> None:
        self._locals[step.argval] = self.pop(1)[0]

    def _load_global(self, step: dis.Instruction) -> None:
        null_too = dis.stack_effect(step.opcode, step.arg, jump=False) == 2
        self.push(*[Name(step.argval, True)] * (2 if null_too else 1))

    def _load_attribute(self, step: dis.Instruction) -> None:
        owner = self.pop(1)[0]
        for_call = dis.stack_effect(step.opcode, step.arg, jump=False) == 1
        self.push(*[Name(step.argval, True, owner)] * (2 if for_call else 1))

    def _store_lasting(self, step: dis.Instruction) -> None:
        value = self.pop(2 if step.opname == "STORE_ATTR" else 1)[0]
        self.stored.append((step.argval, value))
        if isinstance(value, Made | Gathered):
            value.place = step.argval
            self.gathered += [(value.place, item) for item in value.items]
        if type(value) is Made:
            self._places[step.argval, True] = value

    def _operate(self, step: dis.Instruction) -> None:
        self.pop(2)
        self.push(Sum() if step.arg is not None and step.arg >= _IN_PLACE else None)

    def _build_tuple(self, step: dis.Instruction) -> None:
        self.pop(step.arg or 0)
        self.push(Built(step.arg or 0))

    # -- lists, sets, and what is made inside

    def _build_list(self, step: dis.Instruction) -> None:
        self.push(Gathered(self.pop(step.arg or 0)))

    def _gather(self, step: dis.Instruction) -> None:
        item = self.pop(1)[0]
        self._into(self.at(step.arg or 1), item)

    def _extend(self, step: dis.Instruction) -> None:
        others = self.pop(1)[0]
        for item in items_of(others):
            self._into(self.at(step.arg or 1), item)

    def _into(self, container: Symbol, item: Symbol) -> None:
        if isinstance(container, Made | Gathered):
            container.items.append(item)
            if container.place is not None:
                self.gathered.append((container.place, item))

    def _make_function(self, step: dis.Instruction) -> None:
        code = self.pop(1 - dis.stack_effect(step.opcode, step.arg, jump=False))[-1]
        self.push(Inner(code.value) if type(code) is Const and type(code.value) is types.CodeType else None)

    def _set_on_function(self, _: dis.Instruction) -> None:
        function = self.pop(2)[-1]
        self.push(function)

    def _give(self, step: dis.Instruction) -> None:
        if step.opname == "RETURN_CONST":
            self.given.append(Const(step.argval))
        elif step.opname == "YIELD_VALUE" or self.code.co_name != _GENERATOR:
            self.given.append(self.at(1))
        self.do(step)

    def _made_inside(self, function: Symbol) -> Symbol:
        """What a comprehension comes to, where it is a function of its own (3.11), and what a generator's
        expression does."""
        if type(function) is not Inner or function.code.co_name not in _EXPRESSIONS:
            return None
        given = _Walk(function.code).run().given
        if function.code.co_name == _GENERATOR:
            return Gathered(given)
        return Gathered([i for one in given if isinstance(one, Made | Gathered) for i in one.items])

    # -- dictionaries

    def _new(self, keys: Any, values: list[Symbol]) -> None:
        made = Made({key for key in keys if type(key) is str}, set(), items=values)
        self.made.append(made)
        self.push(made)

    def _build_map(self, step: dis.Instruction) -> None:
        parts = self.pop(2 * (step.arg or 0))
        self._new([item.value for item in parts[::2] if type(item) is Const], parts[1::2])

    def _build_const_map(self, step: dis.Instruction) -> None:
        *values, keys = self.pop((step.arg or 0) + 1)
        self._new(keys.value if type(keys) is Const else (), values)

    def _map_add(self, step: dis.Instruction) -> None:
        key, value = self.pop(2)
        made = self.at(step.arg or 1)
        self._into(made, value)
        if type(made) is Made and type(key) is Const and type(key.value) is str:
            made.certain.add(key.value)

    def _take_in(self, step: dis.Instruction) -> None:
        other = self.pop(1)[0]
        made = self.at(step.arg or 1)
        if type(made) is Made:
            if type(other) is Made and not other.open:
                made.certain |= other.certain
                self._forget(other)
            else:
                made.open = True

    def _forget(self, made: Made) -> None:
        """A part of another's display is no record of its own."""
        self.made = [one for one in self.made if one is not made]

    def _store_item(self, _: dis.Instruction) -> None:
        value, container, key = self.pop(3)
        self._put(container, value)
        if type(value) is Sum:  # `x[key] += 1`: it had the key
            return
        if (name := key_of(key)) is not None:
            self._amended(container).possible.add(name)

    def _put(self, container: Symbol, item: Symbol) -> None:
        self._into(container, item)
        if type(container) is Name and container.lasting:
            self.items.append((container.name, item))

    def _read_item(self, step: dis.Instruction) -> None:
        container, key = self.pop(2)
        self.push(None)
        if (name := key_of(key)) is not None and step.offset not in self._caught:
            self._reads.append((name, container))

    def _contains(self, _: dis.Instruction) -> None:
        key, _container = self.pop(2)
        self.push(None)
        if (name := key_of(key)) is not None:
            self._asked.add(name)

    def _amended(self, container: Symbol) -> Made:
        """What stands for a dictionary into which something is stored."""
        if type(container) is Made:
            return container
        place = (container.name, container.lasting) if type(container) is Name else ("", False)
        if place not in self._places:
            made = self._places[place] = Made(set(), set(), place[0] if place[1] else None)
            self.made.append(made)
        return self._places[place]

    # -- calls

    def _keyword_names(self, step: dis.Instruction) -> None:
        self._keywords = self.code.co_consts[step.arg or 0]

    def _call(self, step: dis.Instruction) -> None:
        if step.opcode in _AFTER_PRECALL:  # 3.11: its arguments are gone by then
            self.do(step)
            if self._called is not None:
                self.stack[-1], self._called = self._called, None
            return
        if step.opname == "CALL_KW":
            names = self.pop(1)[0]
            self._keywords = names.value if type(names) is Const else ()
        arguments = self.pop(step.arg or 0)
        callee = next((s for s in reversed(self.stack[-2:]) if type(s) is Name), None)
        keywords, self._keywords = self._keywords, ()
        if callee is not None and callee.lasting and callee.owner is None:
            self.calls.append((callee.name, len(arguments) - len(keywords)))
        if callee is not None:
            made = self._meant(callee, arguments, keywords)
        else:
            made = self._made_inside(self.at(2))
        if step.opname == "PRECALL":
            self._called = made
        else:
            self.pop(2)
            self.push(made)

    def _meant(self, callee: Name, arguments: list[Symbol], keywords: tuple[str, ...]) -> Symbol:
        """A call of `dict` makes a dictionary; methods of one ask for keys and store them."""
        if callee.name == "dict" and callee.owner is None:
            made = Made(set(keywords), set())
            for other in arguments[: len(arguments) - len(keywords)]:
                made.take(other)
            self.made.append(made)
            return made
        given = arguments[0] if arguments else None
        if callee.name in _TAKING_ALL and callee.owner is None and type(given) is Gathered:
            return Gathered(list(given.items))
        if callee.name in PUTS and arguments:
            self._put(callee.owner, arguments[-1])
        first = key_of(arguments[0]) if arguments else None
        if callee.name in _ASKING and first is not None:
            self._asked.add(first)
        if callee.name == "setdefault" and first is not None:
            self._amended(callee.owner).possible.add(first)
        if callee.name == "update" and keywords:
            self._amended(callee.owner).possible.update(keywords)
        elif callee.name == "update" and arguments and type(arguments[0]) is Made:
            self._amended(callee.owner).take(arguments[0])
            self._forget(arguments[0])
        return Built(callee.name) if callee.lasting and callee.owner is None else None


_ACTS: Final[dict[str, Callable[[_Walk, dis.Instruction], None]]] = {
    "LOAD_CONST": _Walk._load_const,
    "LOAD_GLOBAL": _Walk._load_global,
    "LOAD_ATTR": _Walk._load_attribute,
    "LOAD_METHOD": _Walk._load_attribute,
    "STORE_FAST": _Walk._store_local,
    "STORE_DEREF": _Walk._store_local,
    "STORE_ATTR": _Walk._store_lasting,
    "STORE_GLOBAL": _Walk._store_lasting,
    "BINARY_OP": _Walk._operate,
    "COPY": _Walk.copy,
    "SWAP": _Walk.swap,
    "BUILD_TUPLE": _Walk._build_tuple,
    "BUILD_LIST": _Walk._build_list,
    "BUILD_SET": _Walk._build_list,
    "LIST_APPEND": _Walk._gather,
    "SET_ADD": _Walk._gather,
    "LIST_EXTEND": _Walk._extend,
    "SET_UPDATE": _Walk._extend,
    "MAKE_FUNCTION": _Walk._make_function,
    "SET_FUNCTION_ATTRIBUTE": _Walk._set_on_function,
    "RETURN_VALUE": _Walk._give,
    "RETURN_CONST": _Walk._give,
    "YIELD_VALUE": _Walk._give,
    "BUILD_MAP": _Walk._build_map,
    "BUILD_CONST_KEY_MAP": _Walk._build_const_map,
    "MAP_ADD": _Walk._map_add,
    "DICT_UPDATE": _Walk._take_in,
    "DICT_MERGE": _Walk._take_in,
    "BINARY_SUBSCR": _Walk._read_item,
    "STORE_SUBSCR": _Walk._store_item,
    "CONTAINS_OP": _Walk._contains,
    "KW_NAMES": _Walk._keyword_names,
    "PRECALL": _Walk._call,
    "CALL": _Walk._call,
    "CALL_KW": _Walk._call,
} | dict.fromkeys(("LOAD_FAST", "LOAD_DEREF", "LOAD_NAME"), _Walk._load_local)
