"""A program of several modules in which many places say which version they are of, and all change together.

Callers and callees, constants, derived values, from-import copies, classes, a field, a signature.
"""

from __future__ import annotations

CONFIG = """
VERSION = {v}
DERIVED = VERSION * 1000
def check():
    return VERSION
"""
MODELS = """
from dataclasses import dataclass
from config import VERSION

class Model:
    kind = {v}

    def __init__(self):
        self.made = {v}

    def method(self):
        return self.helper(), VERSION

    def helper(self):
        return {v}

    @property
    def prop(self):
        return VERSION

    @classmethod
    def of_class(cls):
        return cls.kind

    @staticmethod
    def static(*, k={v}):
        return k

    def __getitem__(self, key):
        return {v}

@dataclass
class Row:
    name: str
    mark: int = {v}
"""
SERVICE = """
import config
import models
from config import VERSION, DERIVED
from models import Model, Row

def callee(a, b={v}{extra}):
    return {v} if b == {v} else -1

def caller():
    return callee(0), VERSION

def numbers():
    for _ in range(4):
        yield {v}
        yield caller()

handlers = [lambda: (VERSION, callee(1))]

def looks():
    from config import DERIVED as late
    m = Model()
    return [
        caller, lambda: config.VERSION, lambda: DERIVED // 1000, lambda: late // 1000, config.check,
        lambda: m.made, m.method, lambda: m.prop, Model.of_class, Model.static, lambda: m[0],
        lambda: Row("a").mark, lambda: Model.kind, lambda: models.Model.kind, handlers[0], lambda: {v},
    ]

async def task():
    return caller()

async def many():
    import asyncio
    first = VERSION
    await asyncio.sleep(0)
    both = await asyncio.gather(task(), asyncio.create_task(task()))
    return first, both, caller()
"""


def sources(version: int) -> dict[str, str]:
    """Every place says `version`; every third release changes a signature besides."""
    extra = ", *, c=0" if version % 3 == 0 else ""
    return {
        name: text.format(v=version, extra=extra)
        for name, text in (("config", CONFIG), ("models", MODELS), ("service", SERVICE))
    }
