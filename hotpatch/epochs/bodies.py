"""A function's bodies by epoch, as the code of each epoch has to be.

A release's own change gives a function a new body.  A changed global gives it one, too: the same code,
reading the alias of its epoch.  Both come together here: `_derive` tells, from the bodies of the releases
and the aliases in force, what the function has to run for which epoch; `dispatch.apply` makes it so.
"""

from __future__ import annotations

import inspect
from collections.abc import Collection, Mapping
from types import CodeType, FunctionType

from hotpatch.epochs import dispatch, history, names, originals
from hotpatch.epochs.dispatch import Layer, Layers
from hotpatch.epochs.functions import Body, body_of, make_clone
from hotpatch.epochs.history import History
from hotpatch.epochs.originals import original
from hotpatch.epochs.variables import Variable

Variables = Mapping[str, Variable]
"""The changed globals of one module by name."""

_Renaming = tuple[int, tuple[tuple[str, str], ...]]


class Bodies:
    """One function object, from the first release that touches it until it runs plain code again."""

    def __init__(self, function: FunctionType) -> None:
        self.function = function
        runs = body_of(function)
        self.history: History[Body] = history.begun(runs.with_code(original(runs.code)))
        self._layers: Layers = (Layer(history.BASE, runs),)
        self._renamed: dict[_Renaming, CodeType] = {}
        self._shows_signature = False

    def newest(self) -> Body:
        return self.history[-1].value

    def push(self, epoch: int, body: Body) -> None:
        """The body that `epoch` runs; counts with the next `refresh`."""
        self.history = history.pushed(self.history, epoch, body)

    def settle(self, live: Collection[int]) -> None:
        """Forget bodies that no live epoch runs; counts with the next `refresh`."""
        self.history = history.needed(self.history, live)

    @property
    def shows_signature(self) -> bool:
        """Whether `__signature__` among the function's attributes is ours, not the application's."""
        return self._shows_signature

    def mentions(self, changed: frozenset[str]) -> bool:
        return any(names.mentions(entry.value.code, changed) for entry in self.history)

    @property
    def settled(self) -> bool:
        return len(self._layers) == 1 and self._layers[0].body.same(self.history[-1].value)

    def refresh(self, variables: Variables, shown: int) -> None:
        """Make the function run what the history and `variables` say; `shown` is the epoch whose signature
        `inspect` is told while signatures differ."""
        layers = self._derive(variables)
        if not _same(layers, self._layers):
            self._show_signature(layers, shown)
            dispatch.apply(self.function, layers)
            self._layers = layers
            if len(layers) == 1:
                self._hide_signature()
            used = {id(layer.body.code) for layer in layers}
            self._renamed = {key: code for key, code in self._renamed.items() if id(code) in used}

    def show(self, epoch: int) -> None:
        """The default epoch is `epoch` now: its signature is what `inspect` is told."""
        if self._shows_signature:
            self._show_signature(self._layers, epoch)

    def _derive(self, variables: Variables) -> Layers:
        read = [variable for name, variable in variables.items() if self.mentions(frozenset({name}))]
        epochs = {entry.epoch for entry in self.history[1:]}
        for variable in read:
            epochs.update(entry.epoch for entry in variable.history[1:])
        layers: list[Layer] = []
        for epoch in (history.BASE, *sorted(epochs)):
            body = self._body(epoch, read)
            if not layers or not layers[-1].body.same(body):
                layers.append(Layer(epoch, body))
        return tuple(layers)

    def _body(self, epoch: int, read: list[Variable]) -> Body:
        body = history.at(self.history, epoch).value
        aliases = [(variable, variable.alias(epoch)) for variable in read]
        renaming = {variable.name: alias.name for variable, alias in aliases if alias is not None}
        key = id(body.code), tuple(renaming.items())
        code = self._renamed.get(key) if renaming else body.code
        if code is None:
            code = names.rename(body.code, renaming)
            originals.note(code, body.code)
            for _, alias in aliases:
                if alias is not None:
                    alias.read_by(code)
            self._renamed[key] = code
        return body.with_code(code)

    def _show_signature(self, layers: Layers, epoch: int) -> None:
        """`inspect.signature` of a variadic dispatcher would be `(*args, **kwargs)`."""
        attributes = self.function.__dict__
        if dispatch.same_shape(layers) or "__wrapped__" in attributes:
            return
        if "__signature__" in attributes and not self._shows_signature:
            return  # the application's own
        body = [layer.body for layer in layers if layer.epoch <= max(epoch, layers[0].epoch)][-1]
        likeness = make_clone(self.function, body)
        likeness.__annotations__ = self.function.__annotations__
        attributes["__signature__"] = inspect.signature(likeness)
        self._shows_signature = True

    def _hide_signature(self) -> None:
        if self._shows_signature:
            self.function.__dict__.pop("__signature__", None)
            self._shows_signature = False


def _same(one: Layers, other: Layers) -> bool:
    return len(one) == len(other) and all(
        a.body.same(b.body) and a.epoch == b.epoch for a, b in zip(one, other, strict=True)
    )
