"""Who answers: the worker, since when, on which release, and how warm it is."""

from __future__ import annotations

import os
import sys

from flask import Blueprint, Response, jsonify

from demo_app.shop import shop

routes = Blueprint("version", __name__)


def running_release() -> int | None:
    """The number of the hot release that this process runs; None without hotpatch, 0 for none yet."""
    running = sys.modules.get("hotpatch_agent.running")
    found: int | None = running.release() if running is not None else None
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
