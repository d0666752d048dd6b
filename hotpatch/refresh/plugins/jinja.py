"""Jinja: compiled templates that were made with filters, tests, globals, extensions or loaders that changed.

A filter's function is called through the environment, so a changed body runs at once; but a filter of
constants (`{{ "a"|shout }}`) was evaluated when the template was compiled, a filter's marks
(`pass_context`) were read then, and a loader of the program may give other sources.  So the environment's
cache of templates is emptied, and they are compiled again as they are asked for.  A template that the
program itself keeps is its own affair.

A template whose file is another one now is forgotten as well: a start of the new sources would read that.
"""

from __future__ import annotations

import sys

from jinja2 import Environment

from hotpatch.refresh.leads import Leads
from hotpatch.refresh.registry import Handler
from hotpatch.refresh.update import Update


def of_django() -> list[object]:
    """The engines of Django's template settings."""
    django = sys.modules.get("django.template")
    return [] if django is None else [vars(django.engines).get("_engines")]


def concerned(environment: Environment, update: Update, leads: Leads) -> bool:
    used = [
        *environment.filters.values(),
        *environment.tests.values(),
        *environment.globals.values(),
        *environment.extensions.values(),
        environment.loader,
        environment,
    ]
    tables = (environment.filters, environment.tests, environment.globals, environment.extensions)
    changed = any(id(table) in update.owners for table in tables)
    return changed or any(update.concerns(value) or leads.to_change(value) for value in used)


def forget(update: Update) -> None:
    leads = Leads(update)
    for environment in update.held(Environment):
        if environment.cache is None:
            continue
        if concerned(environment, update, leads) or not all_up_to_date(environment):
            environment.cache.clear()


def all_up_to_date(environment: Environment) -> bool:
    """Are the compiled templates those of the files as they are?  Of one that can't be told, they are."""
    assert environment.cache is not None
    return all(template.is_up_to_date for template in list(environment.cache.values()))


HANDLER = Handler("jinja2", forget=forget, looks_for=(Environment,), looks_in=of_django)
