"""What a program sets in libraries: variables of their modules, attributes of their classes, loggers.

`json.JSONEncoder.item_separator = ";"` in a function that the start calls leaves nothing in the program.
So two clean starts are compared in all names that the program's sources assign anywhere as attributes
(`stored`), and in the loggers that no object of the program holds: those that one holds are in the graph.

`stored` is the builder's; the rest works in the clean process and imports the standard library alone.
"""

from __future__ import annotations

import re
import sys
import types
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, Final

from .mapped import Mapped, ranges
from .reading import PLAIN, class_dict, class_module, is_python_class, qualname_of, raw_dict
from .world import NOT_PROGRAMS, World

_STORED: Final = re.compile(
    rb"(?<!\bself)\.\s*([A-Za-z_]\w*)\s*(?:\[[^\]\n]*\]\s*)?(?::[^=\n]+)?"
    rb"(?:[-+*/%&|^@]|//|\*\*|<<|>>)?=(?!=)"
    rb"|(?<!\bself)\.\s*([A-Za-z_]\w*)\.(?:append|add|update|extend|insert|setdefault|remove|discard|pop|clear)\("
    rb"""|setattr\([^,\n]+,\s*["'](\w+)["']"""
)
OF_THE_PROCESS: Final = frozenset(
    {
        "sys",
        "builtins",
        "os",
        "posix",
        "importlib",
        "_frozen_importlib",
        "linecache",
        "multiprocessing.context",
    }
)
"""What stands there is told by `settings`, or is what any program fills by running."""
MOST_ITEMS: Final = 1000
LONG: Final = 40
Say = Callable[[str], str]
IN_THE_GRAPH: Final = ""
"""Told of what the graph of the same start tells of, and tells better."""


def stored(sources: Iterable[bytes]) -> list[str]:
    """Names that the sources assign as attributes, or whose contents they change by a well-known method;
    what a method does to `self` is done to an object of the program."""
    found: set[bytes] = set()
    for text in sources:
        found |= {name for match in _STORED.finditer(text) for name in match.groups() if name}
    return sorted(name.decode() for name in found)


def variables(world: World, names: Collection[str], known: Collection[int]) -> dict[str, str]:
    """What these names stand for in modules outside the program and their classes, by `module:name`; and all
    else there that is plain, for a library may set it when it is called.

    `known` are ids of objects that the graph tells of.  What is of the process is left out: `settings` tells.
    """
    wanted, mapped = frozenset(names), Mapped(ranges())

    def say(text: str) -> str:
        return mapped.without_places(world.tidy(text))

    found: dict[str, str] = {}
    for name, module in _libraries(world):
        space = vars(module)
        for key, value in list(space.items()):
            if key not in wanted:
                _tell_shortly(found, name, key, value, say, known)
            elif not _fills_by_itself(name, key, value) and not _is_part(name, key, value):
                _tell(found, f"{name}:{key}", value, say, known)
        for cls in [v for v in list(space.values()) if issubclass(type(v), type) and class_module(v) == name]:
            place = qualname_of(cls)
            for key, value in list(class_dict(cls).items()):
                if key in wanted:
                    _tell(found, f"{name}:{place}.{key}", value, say, known)
                elif type(value) is not types.FunctionType:  # most are
                    _tell_shortly(found, name, f"{place}.{key}", value, say, known)
    return found


def _libraries(world: World) -> Iterator[tuple[str, types.ModuleType]]:
    for name, module in list(sys.modules.items()):
        passed = {name, name.partition(".")[0]} & (NOT_PROGRAMS | OF_THE_PROCESS)
        if not passed and name not in world.local and issubclass(type(module), types.ModuleType):
            yield name, module


def _tell_shortly(
    found: dict[str, str], module: str, place: str, value: Any, say: Say, known: Collection[int]
) -> None:
    """What a function of the library may set: what is plain, and what is plain in an object of its own."""
    kind = type(value)
    if place.rpartition(".")[2].startswith("__"):
        return
    if kind in PLAIN:
        found[f"{module}:{place}"] = _brief(say(repr(value)))
    elif class_module(kind) == module and is_python_class(kind):
        told = IN_THE_GRAPH if id(value) in known else _brief(say(_told(value)))
        found[f"{module}:{place}"] = told


def counts(source: bytes, name: str) -> bool:
    """Does a library go on counting by this name: `creation_counter += 1`?"""
    return re.search(rb"\b" + re.escape(name.encode()) + rb"\s*\+=", source) is not None


def _brief(text: str) -> str:
    return text if len(text) < LONG else f"{len(text)} {zlib.crc32(text.encode('utf-8', 'replace')):08x}"


def _fills_by_itself(module: str, name: str, value: Any) -> bool:
    """Is this a cache of the standard library's, in which whoever uses it leaves something?"""
    return type(value) is dict and "cache" in name and module.partition(".")[0] in sys.stdlib_module_names


def _is_part(module: str, name: str, value: Any) -> bool:
    """Is this a package's own module, which whoever imports it first puts there?"""
    return issubclass(type(value), types.ModuleType) and sys.modules.get(f"{module}.{name}") is value


def _tell(found: dict[str, str], name: str, value: Any, say: Say, known: Collection[int]) -> None:
    found[name] = IN_THE_GRAPH if id(value) in known else say(_told(value))


def _told(value: Any) -> str:
    kind = type(value)
    if kind in PLAIN:
        return repr(value)
    if kind in (tuple, list, set, frozenset, dict):
        return f"{kind.__name__} {_items(value)}"
    name = _name(value)
    if name is not None:
        return name
    space = (raw_dict(value) if is_python_class(kind) else None) or {}
    plain = sorted(f"{key}={part!r}" for key, part in space.items() if type(part) in PLAIN)
    return f"a {class_module(kind)}.{qualname_of(kind)} {' '.join(plain)}"


def _name(value: Any) -> str | None:
    kind = type(value)
    if issubclass(kind, type):
        return f"{class_module(value)}.{qualname_of(value)}"
    if kind in (types.FunctionType, types.BuiltinFunctionType):
        return f"{value.__module__}.{value.__qualname__}"
    if kind in (staticmethod, classmethod):
        return _name(value.__func__)
    return None


def _items(value: Any) -> list[str]:
    if len(value) > MOST_ITEMS:
        return []
    if type(value) is dict:
        return sorted(f"{_item(key)}: {_item(part)}" for key, part in value.items())
    told = list(map(_item, value))
    return told if type(value) in (list, tuple) else sorted(told)


def _item(value: Any) -> str:
    return repr(value) if type(value) in PLAIN else _name(value) or qualname_of(type(value))


def loggers(tell: Callable[[Any], str], known: Collection[int]) -> dict[str, str]:
    """How the loggers are set that the graph does not tell of, the root's among them."""
    logging = sys.modules.get("logging")
    if logging is None or not hasattr(logging, "root"):
        return {}
    table = dict(logging.root.manager.loggerDict)
    loggers = {n: logger for n, logger in table.items() if isinstance(logger, logging.Logger)}
    loggers["root"] = logging.root
    usual = " ".join(_logger(logging.Logger(""), tell))
    told = {
        name: IN_THE_GRAPH if id(logger) in known else " ".join(_logger(logger, tell))
        for name, logger in sorted(loggers.items())
    }
    return {name: text for name, text in told.items() if text != usual}


def _logger(logger: Any, tell: Callable[[Any], str]) -> Iterator[str]:
    yield f"level {logger.level} propagates {logger.propagate} disabled {logger.disabled}"
    yield from (f"filter {tell(each)}" for each in logger.filters)
    yield from (f"handler {tell(each)}" for each in logger.handlers)
