"""The application, as gunicorn loads it: `demo_app.wsgi:app`."""

from __future__ import annotations

import os
import time

from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from demo_app import basket, catalogue, checkout, events, images, page, search, similar, version
from demo_app.cache import Cache
from demo_app.database import Database
from demo_app.pricing import PriceDesk
from demo_app.settings import Settings
from demo_app.shop import EXTENSION, Shop

CACHE_SECONDS = 300.0


def open_shop(settings: Settings) -> Shop:
    """Everything that a request may need, loaded; takes as long as the index does."""
    started = time.time()
    database = Database(settings.data)
    cache = Cache(CACHE_SECONDS)
    hub = events.Hub()
    texts = database.texts()
    return Shop(
        settings=settings,
        database=database,
        cache=cache,
        hub=hub,
        terms=search.TermIndex(texts),
        fingerprints=similar.load([text[0] for text in texts], settings.index_mib, settings.index_seconds),
        prices=PriceDesk(database, cache, hub, settings.price_interval, started),
        started=started,
    )


def create_app(settings: Settings | None = None) -> Flask:
    shop = open_shop(settings or Settings.from_environment())
    made = Flask(__name__)
    made.extensions[EXTENSION] = shop
    for part in (page, catalogue, basket, checkout, search, similar, images, events, version):
        made.register_blueprint(part.routes)

    @made.before_request
    def work_in_background() -> None:
        shop.prices.ensure_running()

    @made.after_request
    def say_who_answers(response: Response) -> Response:
        response.headers["X-Worker"] = str(os.getpid())
        response.headers["X-Release"] = str(version.answering_release())
        return response

    @made.errorhandler(HTTPException)
    def explain(error: HTTPException) -> tuple[dict[str, object], int]:
        return {"error": error.description}, error.code or 500

    return made


app = create_app()
