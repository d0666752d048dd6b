"""The shop's pictures: drawings that lie in the folder `images`."""

from __future__ import annotations

import mimetypes
from pathlib import Path

from flask import Blueprint, Response, abort

FOLDER = Path(__file__).parent / "images"

routes = Blueprint("images", __name__)


def picture(name: str) -> bytes | None:
    path = FOLDER / name
    return path.read_bytes() if path.is_file() else None


@routes.get("/images/<path:name>")
def image(name: str) -> Response:
    data = picture(name)
    if data is None:
        abort(404, "no such picture")
    kind, _ = mimetypes.guess_type(name)
    return Response(
        data, mimetype=kind or "application/octet-stream", headers={"Cache-Control": "max-age=60"}
    )
