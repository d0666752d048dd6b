"""Every CPython internal that epochs lean on, in one place: what it is, why leaning on it is sound, for which
versions, and the test that breaks when a new CPython changes it.  Tried on 3.11, 3.12 and 3.13 with the GIL.

pins      One store of a module global, one `set.add`, one `set.discard`, `set.copy` and `set.difference` of
          objects with the default hash and equality are each one step to every other thread, and all threads
          see steps in one order.  That is the GIL.  Free-threaded builds: `pins.admit` needs a lock there.
          Test: test_hammer.py (a missed second look or a torn set shows as a mixture).
counters  Threads are switched at calls and backward jumps, so `tally.requests += 1` on an int in a slot is
          not interrupted.  Test: test_counters_lose_nothing_without_a_lock.
carrying  `Thread._bootstrap_inner` runs first in a new thread; `concurrent.futures.thread._WorkItem` is made
          in `submit`, may become an object of a subclass, and is run by `run` in a thread whose target is
          `_worker`; a gevent greenlet takes a `gr_context` until it has started.  Test: test_carry.py, and
          `missing_internals` below.
code      `function.__code__ = code` is one store; it wants as many free variables as the closure has cells.
          Constants may be any object.  Kind flags (coroutine, generator) tell `inspect` and `await` what a
          call returns; a code object without the opcode that makes one may return one made elsewhere.
          Test: test_dispatch_kinds.py, test_dispatch_signatures.py.
names     Opcodes with names index `co_names`; `NAME_SHIFT` tells how many low bits are flags.
          Test: test_names.py.
free      Opcodes on cells index the frame's locals, free variables last; `COPY_FREE_VARS` opens a function
          that has some.  Test: test_closures.py.
version   From 3.13 on, setting `__code__` (or defaults) clears a function's version for good, and calls to it
          never specialise again.  `restore_version` gives it the version that its code has, by an exported
          but private C function.  Sound, because specialised calls compare that number to know the code, and
          the code's number is given only to a function that runs that code with defaults of the same shape.
          Test: test_specialising.py.
module    A module's `__class__` may be set to a subclass of its type.  Test: test_modules.py.
"""

from __future__ import annotations

import inspect
import sys
import threading
import types
from collections.abc import Callable
from concurrent.futures import thread as pool
from typing import Final

TRIED: Final = ((3, 11), (3, 12), (3, 13))

HAS_GIL: Final = bool(getattr(sys, "_is_gil_enabled", lambda: True)())

KIND_FLAGS: Final = (
    inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR | inspect.CO_ITERABLE_COROUTINE
)
"""What kind of object a call returns; a dispatcher carries those of the code it stands for."""

NAME_SHIFT: Final[dict[str, int]] = {
    "LOAD_GLOBAL": 1,
    **({"LOAD_ATTR": 1, "LOAD_SUPER_ATTR": 2} if sys.version_info >= (3, 12) else {}),
}
"""How far an opcode's argument is shifted to make room for flags, where it is an index into `co_names`."""


def missing_internals() -> tuple[str, ...]:
    """What of the above this interpreter has not got; empty on every version in `TRIED`."""
    missing = []
    if sys.version_info[:2] not in TRIED:
        missing.append(f"Python {sys.version_info[0]}.{sys.version_info[1]} has not been tried")
    if not HAS_GIL:
        missing.append("the GIL: pins would need a lock")
    if not hasattr(threading.Thread, "_bootstrap_inner"):
        missing.append("Thread._bootstrap_inner: threads would not carry pins")
    if not hasattr(getattr(pool, "_WorkItem", None), "run"):
        missing.append("_WorkItem.run: thread pools would not carry pins")
    if not hasattr(pool, "_worker"):
        missing.append("_worker: a pool's threads would keep the pin of the request that started them")
    if sys.version_info >= (3, 13) and restore_version is None:
        missing.append("_PyFunction_SetVersion: patched calls stay about 10 ns slower after collapse")
    return tuple(missing)


_MARK: Final = 0x7A5A1234

VersionAccess = tuple[Callable[[types.FunctionType], int], Callable[[types.FunctionType, int], None]]


def _version_access() -> VersionAccess | None:
    """Read and set a function's version (3.13 on); None where that isn't needed or can't be done.

    Where the version stands in a function object is found by writing a mark into a scratch function and
    looking for it; unless it is found exactly once, and is gone after `__code__` was set, nothing is used.
    """
    if sys.version_info < (3, 13) or not HAS_GIL:
        return None
    try:
        import ctypes

        set_version = ctypes.pythonapi._PyFunction_SetVersion
    except (ImportError, AttributeError):
        return None
    set_version.argtypes, set_version.restype = [ctypes.py_object, ctypes.c_uint32], None
    scratch = types.FunctionType((lambda: 0).__code__, {})
    size = types.FunctionType.__basicsize__
    set_version(scratch, _MARK)
    image = ctypes.string_at(id(scratch), size)
    found = [at for at in range(0, size, 4) if int.from_bytes(image[at : at + 4], sys.byteorder) == _MARK]
    scratch.__code__ = scratch.__code__
    if len(found) != 1:
        return None
    offset = found[0]

    def get(function: types.FunctionType) -> int:
        return ctypes.c_uint32.from_address(id(function) + offset).value

    return (get, set_version) if get(scratch) == 0 else None


_access = _version_access()

version_of: Callable[[types.FunctionType], int] | None = _access and _access[0]
"""The version by which specialised calls know a function; 0 if it has none.  None before 3.13."""


def _restorer(access: VersionAccess) -> Callable[[types.FunctionType, types.FunctionType], None]:
    get, put = access

    def restore(function: types.FunctionType, twin: types.FunctionType) -> None:
        version = get(twin)
        if version > 1:  # 0: none left to give; 1 is reserved
            put(function, version)

    return restore


restore_version: Callable[[types.FunctionType, types.FunctionType], None] | None = _access and _restorer(
    _access
)
"""Give a function the version of a twin with the same code, born of MAKE_FUNCTION.  None where not needed
(before 3.13) or not available (`missing_internals` says so)."""


def type_slot_names() -> frozenset[str]:
    """Special methods that fill a C slot of their class: adding or removing one changes what the class *is*
    for every caller, so it can't differ by epoch."""
    names = {"__new__", "__del__", "__getattr__", "__init_subclass__", "__set_name__", "__class_getitem__"}
    for kind in vars(types).values(), vars(__import__("builtins")).values():
        for value in kind:
            if isinstance(value, type):
                names.update(n for n, v in vars(value).items() if type(v) is types.WrapperDescriptorType)
    return frozenset(names)
