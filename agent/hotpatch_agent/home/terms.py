"""The terms on which a release goes in: times and choices, the author's first, then the service's.

A bundle's and a service's settings are text by name; here they become numbers, once, when the release is
offered, and are kept with that record, so that every later leader goes by the same terms.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs
from attrs import frozen

WAIT: Final = "wait"
REVERSE: Final = "reverse"
RELOAD: Final = "reload"
PAST: Final = (WAIT, REVERSE, RELOAD)
"""What becomes of a transition that is not over by its deadline."""
_YES: Final = frozenset({"yes", "true", "on", "1"})
_NO: Final = frozenset({"no", "false", "off", "0"})


@frozen
class Terms:
    """All times in seconds."""

    deadline: float = 60.0
    """From the offer to the commit; what is not ready by then has failed."""
    hold: float = 15.0
    """How long a worker whose requests do not end may go on trying to commit before it is replaced."""
    past_hold: str = "reload"
    """`reload`: it is replaced then; `wait`: it goes on trying; `reverse`: the release is taken back."""
    transition: float = 300.0
    """How long, after its commit in a worker, old code may go on running there before that is overdue."""
    past_transition: str = "wait"
    """Then, as `past_hold`: `wait` for its end, `reverse` the release, or `reload` that worker."""
    adopt: float = 30.0
    """From the commit until a worker that says nothing is replaced."""
    replace: float = 120.0
    """For one worker: until its successor serves; past it the release is rolled back."""
    probation: float = 30.0
    """How long after the commit a worker's death counts against the release."""
    permanent: bool = True
    """Does it outlive a restart of the master?"""
    cumulative: bool = False
    """Does it replace all releases that were live before it?"""


class BadTerms(ValueError):
    """A setting does not make sense; the text says which and why."""


def read_terms(release: Mapping[str, str], service: Mapping[str, str]) -> Terms:
    """The terms of a release on a service; names that mean nothing here are others' settings."""
    found: dict[str, Any] = {}
    for field in attrs.fields(Terms):
        text = release.get(field.name, service.get(field.name))
        if text is not None:
            found[field.name] = _READERS[str(field.type)](field.name, text.strip().lower())
    return Terms(**found)


def _seconds(name: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0.0 <= number <= 86_400.0:
        raise BadTerms(f"the setting {name} is {text!r}: it must be seconds, from 0 to 86400")
    return number


def _truth(name: str, text: str) -> bool:
    if text not in _YES | _NO:
        raise BadTerms(f"the setting {name} is {text!r}: it must be yes or no")
    return text in _YES


def _choice(name: str, text: str) -> str:
    if text not in PAST:
        raise BadTerms(f"the setting {name} is {text!r}: it must be {', '.join(PAST[:-1])} or {PAST[-1]}")
    return text


_READERS: Final[Mapping[str, Any]] = {"float": _seconds, "bool": _truth, "str": _choice}
