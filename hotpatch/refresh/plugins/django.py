"""Django: resolved URLs, compiled templates, the tables of models, and what lazy objects have computed.

A resolver keeps the patterns that it has read from a `urlconf` and the tables for `reverse` that it made
from them, for each language; so do the resolvers of included patterns, which live on in the pattern lists.
New tables are made aside, by a new resolver of copied patterns, and put into the old one by single
assignments, so that a request meets the old table or the new one.  A pattern that has been asked keeps the
expression that was compiled of its route then, and its answers by language.  (`_reverse_dict`,
`_namespace_dict`, `_app_dict`, `_callback_strs` and `_populated` of `URLResolver`, `regex` and `_regex_dict`
of patterns, the cache of `_route_to_regex`, and `_wrapped`, `_setupfunc` of `SimpleLazyObject`, Django 4.2 to
5.2.)
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterator
from typing import Any

from django.apps import apps  # type: ignore[import-untyped]
from django.conf import settings  # type: ignore[import-untyped]
from django.db.models import Model  # type: ignore[import-untyped]
from django.template import engines  # type: ignore[import-untyped]
from django.template.library import Library  # type: ignore[import-untyped]
from django.urls import clear_url_caches, get_resolver, resolvers  # type: ignore[import-untyped]
from django.urls.resolvers import URLResolver  # type: ignore[import-untyped]
from django.utils.functional import SimpleLazyObject, empty  # type: ignore[import-untyped]
from django.utils.translation import get_language, override  # type: ignore[import-untyped]

from hotpatch.engine.reading import raw_dict
from hotpatch.refresh.leads import Leads
from hotpatch.refresh.registry import Handler
from hotpatch.refresh.update import Update

_TABLES = ("_reverse_dict", "_namespace_dict", "_app_dict", "_callback_strs")


def forget(update: Update) -> None:
    _forget_computed(update)
    if not settings.configured:
        return
    clear_url_caches()
    getattr(resolvers._route_to_regex, "cache_clear", lambda: None)()
    if _templates_concerned(update):
        for backend in engines.all():
            for loader in getattr(getattr(backend, "engine", None), "template_loaders", ()):
                loader.reset()
    if any(issubclass(cls, Model) for cls in update.classes.values()):
        apps.clear_cache()


def _forget_computed(update: Update) -> None:
    """A lazy object asks again where what it asked changes, or leads to what does."""
    leads = Leads(update)
    for lazy in update.held(SimpleLazyObject):
        space = raw_dict(lazy) or {}
        if space.get("_wrapped", empty) is not empty and leads.to_change(space.get("_setupfunc")):
            space["_wrapped"] = empty  # not by setattr: that would be passed on


def rebuild(update: Update) -> None:
    """Included resolvers get new tables, and the root resolver is filled before the next request needs it."""
    if settings.configured and getattr(settings, "ROOT_URLCONF", None) in sys.modules:
        root = get_resolver()
        for one in _below(root.url_patterns, set()):
            _compile_again(one.pattern)
            # In the languages that requests have asked in.
            if isinstance(one, URLResolver) and (used := list(one._reverse_dict)):
                _renew(one, used)
        _renew(root, [get_language()])


def _templates_concerned(update: Update) -> bool:
    """Whether a module with template tags or filters changed, or an engine's own settings.

    By `type`: `isinstance` asks a lazy object for its class, and wakes it.
    """
    modules = (sys.modules.get(name) for name in update.modules)
    libraries = (value for module in modules if module for value in vars(module).values())
    return any(issubclass(type(value), Library) for value in libraries) or any(
        update.concerns(backend) for backend in engines.all()
    )


def _below(patterns: list[Any], seen: set[int]) -> Iterator[Any]:
    """All patterns and resolvers of a list and below, innermost first: an outer table is made from the inner
    ones."""
    for pattern in patterns:
        if id(pattern) in seen:
            continue
        seen.add(id(pattern))
        if isinstance(pattern, URLResolver):
            if vars(pattern).pop("url_patterns", None) is not None:
                _ = pattern.url_patterns  # a cached property: read from the module again
            yield from _below(_alike(pattern).url_patterns, seen)
        yield pattern


def _compile_again(pattern: Any) -> None:
    """What a pattern's expression is made of may have changed: its route, a converter of its own."""
    space = vars(pattern)
    if space.get("_regex_dict"):
        space["_regex_dict"] = {}
    if "regex" in space:
        fresh = _copied(pattern)
        del vars(fresh)["regex"]
        if fresh.regex.pattern != space["regex"].pattern:
            space["regex"] = fresh.regex


def _renew(resolver: URLResolver, languages: list[Any]) -> None:
    aside: dict[int, tuple[URLResolver, URLResolver]] = {}
    fresh = _aside(resolver, aside)
    for language in languages:
        with override(language):
            _ = fresh.reverse_dict
        spaces = fresh._namespace_dict[language]
        for name, (prefix, below) in spaces.items():
            spaces[name] = (prefix, aside[id(below)][1])
    for name in _TABLES:
        setattr(resolver, name, getattr(fresh, name))
    resolver._populated = True


def _aside(resolver: URLResolver, aside: dict[int, tuple[URLResolver, URLResolver]]) -> URLResolver:
    """The same patterns, to be asked in place of those that live: what is asked for its tables keeps the
    answers, and a pattern that nobody has asked yet is to be as it is after a start.  `aside` tells for each
    which one it stands for."""
    fresh = _alike(resolver)
    vars(fresh)["url_patterns"] = [
        _aside(one, aside) if isinstance(one, URLResolver) else _copied(one, pattern=_apart(one.pattern))
        for one in fresh.url_patterns
    ]
    aside[id(fresh)] = (fresh, resolver)
    return fresh


def _alike(resolver: URLResolver) -> URLResolver:
    of = resolver
    return URLResolver(_apart(of.pattern), of.urlconf_name, of.default_kwargs, of.app_name, of.namespace)


def _apart(pattern: Any) -> Any:
    by_language = vars(pattern).get("_regex_dict")
    return _copied(pattern) if by_language is None else _copied(pattern, _regex_dict=dict(by_language))


def _copied(found: Any, **instead: Any) -> Any:
    made = copy.copy(found)
    vars(made).update(instead)
    return made


HANDLER = Handler("django", forget=forget, rebuild=rebuild, looks_for=(SimpleLazyObject,))
