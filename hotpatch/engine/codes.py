"""Code objects: when two are the same, what they name, how one is paired with another.

A code object is compared by digest, file name aside: the same source compiled in another folder gives the
same digest.  Two digests are kept, with and without line numbers, because a function that only moved down
in its file is exchanged for its line table's sake and is no edit.

CPython facts leaned on here (3.11 to 3.13): `co_code` gives unspecialised bytecode; `co_linetable` counts
from `co_firstlineno`, so that a function moved as a whole differs in `co_firstlineno` alone.
"""

from __future__ import annotations

import contextlib
import dis
import types
from collections.abc import Iterator
from hashlib import blake2b
from types import CodeType
from typing import Any, Final, NamedTuple

from . import instructions

FIELDS: Final = (
    "co_name",
    "co_qualname",
    "co_argcount",
    "co_posonlyargcount",
    "co_kwonlyargcount",
    "co_flags",
    "co_names",
    "co_varnames",
    "co_freevars",
    "co_cellvars",
    "co_code",
    "co_exceptiontable",
)


LARGEST: Final = 1 << 40
"""Of the numbers that count in code which a library wrote: a larger one is the hash of some text (`attrs`
puts that of a class's name into its `__hash__`), and another one in each process."""


class CodeKey(NamedTuple):
    """What tells one function's code from another's."""

    qualname: str
    freevars: tuple[str, ...]
    exact: bytes
    """Digest with line numbers."""
    body: bytes
    """Digest without."""
    shift: bytes
    """Digest with the line tables, without the first line numbers: equal for code that moved as a whole."""


_known: dict[int, tuple[CodeType, CodeKey]] | None = None


@contextlib.contextmanager
def remembering() -> Iterator[None]:
    """Within, each code object is digested once.  It holds them, so that an id stays its own; nothing is held
    after.  For one thread at a time; others that ask meanwhile get right answers."""
    global _known
    if _known is not None:
        yield
        return
    _known = {}
    try:
        yield
    finally:
        _known = None


def key_of(code: CodeType) -> CodeKey:
    known = _known
    if known is None:
        return _digested(code)
    found = known.get(id(code))
    if found is None:
        found = known[id(code)] = code, _digested(code)
    return found[1]


def _digested(code: CodeType) -> CodeKey:
    body, table, exact = blake2b(digest_size=16), blake2b(digest_size=16), blake2b(digest_size=16)
    body.update(repr([getattr(code, name) for name in FIELDS]).encode("utf-8", "surrogatepass"))
    tables = repr(code.co_linetable).encode()
    table.update(tables)
    exact.update(repr(code.co_firstlineno).encode() + tables)
    made = code.co_filename.startswith("<")
    for const in code.co_consts:
        parts = _const(const)
        if made and type(const) is int and abs(const) > LARGEST:
            parts = b"int", *parts[1:]
        for digest, part in zip((body, table, exact), parts, strict=True):
            digest.update(part)
    plain = body.digest()
    return CodeKey(
        code.co_qualname,
        code.co_freevars,
        _join(plain, exact.digest()),
        plain,
        _join(plain, table.digest()),
    )


def _join(a: bytes, b: bytes) -> bytes:
    return blake2b(a + b, digest_size=16).digest()


def _const(const: Any) -> tuple[bytes, bytes, bytes]:
    """A constant's part in the three digests: body, line tables, exact."""
    kind = type(const)
    if kind is CodeType:
        key = key_of(const)
        return key.body, key.shift, key.exact
    if kind is tuple:
        parts = [_const(item) for item in const]
        a, b, c = (b"(" + b",".join(part[i] for part in parts) + b")" for i in range(3))
        return a, b, c
    if kind is frozenset:
        text = b"{" + b",".join(sorted(_const(item)[0] for item in const)) + b"}"
        return text, text, text
    text = f"{kind.__name__}:{const!r}".encode("utf-8", "surrogatepass")
    return text, text, text


def same(a: CodeType, b: CodeType) -> bool:
    """The same in all but the file name."""
    return a is b or key_of(a).exact == key_of(b).exact


def same_body(a: CodeType, b: CodeType) -> bool:
    """The same in all but the file name and line numbers."""
    return a is b or key_of(a).body == key_of(b).body


def relocated(code: CodeType, old: str, new: str) -> CodeType:
    """The same code, as compiled from a file under another folder."""
    name = code.co_filename
    return code.replace(
        co_filename=new + name[len(old) :] if name.startswith(old) else name,
        co_consts=tuple(
            relocated(const, old, new) if type(const) is CodeType else const for const in code.co_consts
        ),
    )


def shifted(code: CodeType, lines: int) -> CodeType:
    """The same code, so many lines further down in its file."""
    return code.replace(
        co_firstlineno=code.co_firstlineno + lines,
        co_consts=tuple(shifted(c, lines) if type(c) is CodeType else c for c in code.co_consts),
    )


def inner(code: CodeType) -> list[CodeType]:
    return [const for const in code.co_consts if type(const) is CodeType]


def walk(code: CodeType) -> Iterator[CodeType]:
    yield code
    for const in inner(code):
        yield from walk(const)


JUMPS: Final = frozenset({*dis.hasjrel, *dis.hasjabs})
"""Instructions, by their codes, that may go on elsewhere than at the next."""
PASSED_OVER: Final = frozenset(("CACHE", "PRECALL", "PUSH_NULL", "EXTENDED_ARG", "NOP", "TO_BOOL"))
"""Instructions that leave on the stack what was there, and stand between others (3.11 to 3.13)."""


def steps_of(code: CodeType) -> list[dis.Instruction]:
    """Its instructions, without those that say nothing."""
    return [step for step in instructions.of(code) if step.opname not in PASSED_OVER]


def names_in(code: CodeType) -> set[str]:
    """Every global, attribute and builtin that the code, or code inside it, names."""
    return {name for part in walk(code) for name in part.co_names}


def pairs(old: CodeType, new: CodeType) -> Iterator[tuple[CodeType, CodeType | None]]:
    """The code of a function and of what it defines inside, before and after.

    Equal code is paired first, so that a lambda put in front of another shifts nothing; the rest by name and
    order; None where the new code no longer has such a definition.
    """
    yield old, new
    left, rest = inner(new), []
    for code in inner(old):
        match = next((c for c in left if same_body(code, c)), None)
        if match is None:
            rest.append(code)
        else:
            left.remove(match)
            yield from pairs(code, match)
    for code in rest:
        match = next((c for c in left if c.co_name == code.co_name), None)
        if match is None:
            yield code, None
        else:
            left.remove(match)
            yield from pairs(code, match)


def makes_functions(code: CodeType) -> bool:
    """Does running this code make function objects that may outlive the call (closures, lambdas, methods of
    local classes)?  Comprehensions don't: theirs are called on the spot."""
    return any(part.co_name not in COMPREHENSIONS for part in walk(code) if part is not code)


COMPREHENSIONS: Final = frozenset({"<listcomp>", "<setcomp>", "<dictcomp>"})
"""Names of code that is called on the spot; from 3.12 on it stands in that of its function."""


_KINDS: Final = 0x20 | 0x80 | 0x100 | 0x200  # generator, coroutine, iterable coroutine, async generator


def kind_flags(code: CodeType) -> int:
    return code.co_flags & _KINDS


def parameters(code: CodeType) -> tuple[object, ...]:
    """What they are called and how they may be given."""
    count = code.co_argcount + code.co_kwonlyargcount
    several = code.co_flags & 0xC
    return code.co_argcount, code.co_posonlyargcount, code.co_varnames[:count], several


def accepts_same_calls(old: CodeType, new: CodeType, defaults: int, kwdefaults: frozenset[str]) -> bool:
    """Can whoever calls the old code call the new one in the same way?  `defaults` is the number of
    positional parameters of the new code that have one, `kwdefaults` names the keyword-only ones."""
    if (old.co_flags ^ new.co_flags) & _KINDS or old.co_flags & ~new.co_flags & 0xC:
        return False
    before, after = old.co_varnames[: old.co_argcount], new.co_varnames[: new.co_argcount]
    keyed = [
        {*code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]}
        for code in (old, new)
    ]
    return (
        before == after[: len(before)]
        and new.co_posonlyargcount <= old.co_posonlyargcount
        and keyed[0] <= keyed[1]
        and len(after) - len(before) <= defaults
        and keyed[1] - keyed[0] <= kwdefaults
    )


def calling(old: CodeType, target: Any) -> types.FunctionType:
    """A function that calls `target`, which is none, in the place of one of this code.  Its qualified name is
    another: closures that share this code are not meant."""
    consts = tuple(target if const == "<target>" else const for const in _forward.__code__.co_consts)
    names = {name: getattr(old, name) for name in ("co_name", "co_filename", "co_firstlineno")}
    return types.FunctionType(_forward.__code__.replace(co_consts=consts, **names), {}, old.co_name)


def forwarding(old: CodeType, target: types.FunctionType) -> CodeType:
    """Code for a function object that can't hold the new code (other free variables): it takes the old free
    variables, ignores them and calls `target`, which is a constant of it."""
    template = _forward.__code__
    consts = tuple(target if const == "<target>" else const for const in template.co_consts)
    flags = template.co_flags | (0x10 if old.co_freevars else 0)
    return template.replace(
        co_consts=consts,
        co_freevars=old.co_freevars,
        co_name=target.__code__.co_name,
        co_qualname=target.__code__.co_qualname,
        co_filename=target.__code__.co_filename,
        co_firstlineno=target.__code__.co_firstlineno,
        co_flags=flags,
    )


def _template() -> types.FunctionType:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # "'str' object is not callable": the string is exchanged for the target
        space: dict[str, Any] = {}
        exec("def forward(*a, **k):\n    return '<target>'(*a, **k)", space)
    made = space["forward"]
    assert type(made) is types.FunctionType
    return made


_forward: Final = _template()
