"""Flask: the table by which URLs are matched, made again from the application's rules.

Werkzeug keeps the rules, which a change may have added to or taken from, and a tree of states made of
them.  It sorts both in place, and a list being sorted looks empty to other threads.  So a new tree is made
aside and put in place with one assignment.  The objects that a change wrote on stay the same, or it could
not be undone. (`_matcher`, its `_root`, and `_rules_by_endpoint` of `Map`, Werkzeug 2.2 to 3.1.)  View
functions are looked up at each request, so nothing is kept of them.
"""

from __future__ import annotations

from flask import Flask
from werkzeug.routing import Map
from werkzeug.routing.matcher import StateMachineMatcher

from hotpatch.ops import SlotKind
from hotpatch.refresh.registry import Handler
from hotpatch.refresh.update import Update

_CODE = frozenset({SlotKind.CODE, SlotKind.FUNCTION, SlotKind.FUNCTION_DICT})


def rebuild(update: Update) -> None:
    if all(op.kind in _CODE for op in update.ops):
        return  # no table can have changed
    for app in update.held(Flask):
        renew(app.url_map)


def renew(url_map: Map) -> None:
    matcher = StateMachineMatcher(url_map.merge_slashes)
    for rules in list(url_map._rules_by_endpoint.values()):
        ordered = sorted(rules, key=lambda rule: rule.build_compare_key())
        if ordered != rules:
            rules[:] = ordered
        for rule in ordered:
            if not rule.build_only:
                matcher.add(rule)
    matcher.update()
    url_map._matcher._root = matcher._root


HANDLER = Handler("flask", rebuild=rebuild, looks_for=(Flask,))
