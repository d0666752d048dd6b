"""The shop window: one page that shows who answers and what happens, while its event stream stays open."""

from __future__ import annotations

import random

from flask import Blueprint, Response, make_response, render_template, request

from demo_app.catalogue import listing
from demo_app.shop import shop
from demo_app.version import VISITOR, describe

SHOWN = 6
VISITORS = 1_000_000
YEAR = 365 * 86_400

routes = Blueprint("page", __name__)


@routes.get("/")
def window() -> Response:
    goods = shop().cache.get_or_make("window", lambda: listing(shop().database, "music", 0)[:SHOWN])
    response = make_response(render_template("window.html", goods=goods, about=describe()))
    if VISITOR not in request.cookies:
        number = str(random.randrange(VISITORS))
        response.set_cookie(VISITOR, number, max_age=YEAR, httponly=True, samesite="Lax")
    return response
