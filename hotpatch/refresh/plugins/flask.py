"""Flask: the table by which URLs are matched, made again from the rules.

Werkzeug sorts its tables in place the first time that a rule was added, and a list being sorted looks empty
to other threads.  So a new matcher is made aside from the map's rules, sorted, and put in place with one
assignment; the rules for building URLs likewise.  (`_matcher`, `_rules_by_endpoint` and `_remap` of `Map`,
Werkzeug 2.2 to 3.1.) View functions are looked up at each request, so nothing is kept of them.
"""

from __future__ import annotations

from flask import Flask
from werkzeug.routing import Map
from werkzeug.routing.matcher import StateMachineMatcher

from hotpatch.ops import SlotKind
from hotpatch.refresh.registry import Handler
from hotpatch.refresh.search import instances
from hotpatch.refresh.update import Update

_CODE = frozenset({SlotKind.CODE, SlotKind.FUNCTION, SlotKind.FUNCTION_DICT})


def rebuild(update: Update) -> None:
    if all(op.kind in _CODE for op in update.ops):
        return  # no table can have changed
    for app in instances((Flask,), update.roots()):
        assert isinstance(app, Flask)
        renew(app.url_map)


def renew(url_map: Map) -> None:
    matcher = StateMachineMatcher(url_map.merge_slashes)
    by_endpoint = {}
    for endpoint, rules in list(url_map._rules_by_endpoint.items()):
        by_endpoint[endpoint] = sorted(rules, key=lambda rule: rule.build_compare_key())
        for rule in rules:
            if not rule.build_only:
                matcher.add(rule)
    matcher.update()
    url_map._matcher = matcher
    url_map._rules_by_endpoint = by_endpoint
    url_map._remap = False


HANDLER = Handler("flask", rebuild=rebuild)
