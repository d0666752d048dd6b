"""Metadata that no request's outcome hangs on: set once, at the commit, for both versions."""

from __future__ import annotations

from types import FunctionType
from typing import Any

from hotpatch.engine.order import putting_in_order
from hotpatch.epochs.grades import Form
from hotpatch.ops import ABSENT


def set_metadata(form: Form, owner: Any, key: str, value: Any) -> None:
    """Set a doc, an annotation, a name; does nothing for changes of another form."""
    if form is not Form.LATE:
        return
    if issubclass(type(owner), dict):
        if key is None:  # no key of it: the order of all
            putting_in_order(owner, [each for each in value if each in owner])()
        elif value is ABSENT:
            owner.pop(key, None)
        else:
            owner[key] = value
    elif issubclass(type(owner), FunctionType):
        setattr(owner, key, None if value is ABSENT else value)
    elif issubclass(type(owner), type):
        if value is not ABSENT:
            type.__setattr__(owner, key, value)
        elif key in vars(owner):
            type.__delattr__(owner, key)
    elif value is ABSENT:
        vars(owner).pop(key, None)
    else:
        vars(owner)[key] = value
