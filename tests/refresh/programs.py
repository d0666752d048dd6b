"""Small programs for the refresh tests: modules made from text, and ops that change them."""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent
from types import FunctionType, ModuleType
from typing import Any

from hotpatch.ops import ABSENT, Op, SlotKind


class Programs:
    """Writes modules into a folder, imports them, and takes them out of `sys.modules` at the end."""

    def __init__(self, root: Path) -> None:
        self.root = str(root)
        self._names: list[str] = []

    def load(self, name: str, source: str) -> ModuleType:
        Path(self.root, f"{name}.py").write_text(dedent(source))
        importlib.invalidate_caches()
        self._names.append(name)
        return importlib.import_module(name)

    def drop(self) -> None:
        for name in self._names:
            sys.modules.pop(name, None)


def programs(root: Path) -> Iterator[Programs]:
    sys.path.insert(0, str(root))
    found = Programs(root)
    yield found
    found.drop()
    sys.path.remove(str(root))


@contextmanager
def asked_for_ever(ask: Callable[[], object], threads: int = 3) -> Iterator[None]:
    """Other threads call `ask` again and again; what it raises is raised at the end."""
    stop, errors = threading.Event(), []

    def work() -> None:
        while not stop.is_set():
            try:
                ask()
            except BaseException as error:  # noqa: BLE001  whatever a request would have met
                errors.append(error)
                return

    workers = [threading.Thread(target=work, daemon=True) for _ in range(threads)]
    for worker in workers:
        worker.start()
    try:
        yield
    finally:
        stop.set()
        for worker in workers:
            worker.join(60)
    if errors:
        raise errors[0]


def new_code(function: FunctionType, source: str) -> Op:
    """The op that gives a function the code of the first function in `source`."""
    namespace: dict[str, Any] = {}
    exec(compile(dedent(source), "new.py", "exec"), namespace)
    made = next(value for value in namespace.values() if isinstance(value, FunctionType))
    code = made.__code__.replace(co_name=function.__name__, co_qualname=function.__qualname__)
    return Op(function, SlotKind.CODE, "__code__", function.__code__, code, function.__qualname__)


def new_global(module: ModuleType, name: str, value: object) -> Op:
    before = vars(module).get(name, ABSENT)
    return Op(module, SlotKind.GLOBAL, name, before, value, f"{module.__name__}.{name}")


def on_class(cls: type, name: str, value: object) -> Op:
    return Op(cls, SlotKind.CLASS, name, vars(cls).get(name, ABSENT), value, f"{cls.__qualname__}.{name}")


def item(table: dict[Any, Any], key: object, value: object) -> Op:
    return Op(table, SlotKind.ITEM, key, table.get(key, ABSENT), value, f"[{key!r}]")


def elements(table: list[Any], value: list[Any]) -> Op:
    return Op(table, SlotKind.ELEMENTS, None, list(table), value, "list")
