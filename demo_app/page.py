"""The shop window: one page that shows who answers and what happens, while its event stream stays open."""

from __future__ import annotations

from flask import Blueprint, render_template

from demo_app.catalogue import listing
from demo_app.shop import shop
from demo_app.version import describe

SHOWN = 6

routes = Blueprint("page", __name__)


@routes.get("/")
def window() -> str:
    goods = shop().cache.get_or_make("window", lambda: listing(shop().database, "music", 0)[:SHOWN])
    return render_template("window.html", goods=goods, about=describe())
