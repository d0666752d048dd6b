"""Who answers: the worker, since when, on which release, how warm it is, and how a rollout stands."""

from __future__ import annotations

import os
import sys
from typing import Any

from flask import Blueprint, Response, jsonify, request

from demo_app.shop import shop

VISITOR = "visitor"
"""The cookie that tells one visitor from another."""

routes = Blueprint("version", __name__)


def running_release() -> int | None:
    """The number of the hot release that this process runs; None without hotpatch, 0 for none yet."""
    running = sys.modules.get("hotpatch_agent.running")
    found: int | None = running.release() if running is not None else None
    return found


def answering_release() -> int | None:
    """As `running_release`, but the one that answers this request: a canary is another for some visitors."""
    running = sys.modules.get("hotpatch_agent.running")
    found: int | None = running.answering() if running is not None else None
    return found


def rollout() -> dict[str, Any] | None:
    """How a release's rollout stands, and what each version's requests came to; None without hotpatch."""
    running = sys.modules.get("hotpatch_agent.running")
    found: dict[str, Any] | None = running.rollout() if running is not None else None
    return found


def describe() -> dict[str, object]:
    warmth = shop().cache.warmth()
    return {
        "worker": os.getpid(),
        "started": shop().started,
        "release": running_release(),
        "index": {
            "mib": len(shop().fingerprints.store) >> 20,
            "load_seconds": round(shop().fingerprints.load_seconds, 2),
        },
        "cache": {
            "hits": warmth.hits,
            "misses": warmth.misses,
            "entries": warmth.entries,
            "warmth": round(warmth.share, 4),
        },
        "listeners": shop().hub.listeners,
    }


@routes.get("/healthz")
def healthz() -> Response:
    return jsonify(ok=True, worker=os.getpid())


@routes.get("/version")
def version() -> Response:
    return jsonify(describe())


@routes.get("/rollout")
def show_rollout() -> Response:
    """For this visitor: which release answers, and how the rollout stands that may have to do with it."""
    found = rollout() or {"rollout": None, "versions": []}
    return jsonify(visitor=request.cookies.get(VISITOR), answered_by=answering_release(), **found)
