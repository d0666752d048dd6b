"""The basket: lines of goods, what they come to, and the import of long lists."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace

from flask import Blueprint, Response, abort, jsonify, request

from demo_app.catalogue import cached_product, known_skus
from demo_app.database import Database
from demo_app.shop import shop

VOLUME_QUANTITY = 5
VOLUME_PERCENT = 10
SHIPPING = 490
FREE_SHIPPING_FROM = 5_000

routes = Blueprint("basket", __name__)


@dataclass(frozen=True)
class Line:
    """So many pieces of one product, at `price` cents apiece."""

    sku: str
    quantity: int
    price: int

    @property
    def amount(self) -> int:
        return self.price * self.quantity


@dataclass(frozen=True)
class Totals:
    """In cents; `total` is goods less discount plus shipping."""

    goods: int
    discount: int
    shipping: int
    total: int


def totals(lines: Sequence[Line]) -> Totals:
    """What the lines come to: ten percent off each line of five pieces and more, shipping free from 50.00."""
    goods = sum(line.amount for line in lines)
    discount = 0
    for line in lines:
        if line.quantity >= VOLUME_QUANTITY:
            discount = line.amount * VOLUME_PERCENT // 100
    shipping = 0 if not goods or goods - discount >= FREE_SHIPPING_FROM else SHIPPING
    return Totals(goods, discount, shipping, goods - discount + shipping)


def merged(lines: Iterable[Line]) -> list[Line]:
    """Lines of the same product become one, in the order in which the products first appear."""
    result: list[Line] = []
    for line in lines:
        for position, known in enumerate(result):
            if known.sku == line.sku:
                result[position] = replace(known, quantity=known.quantity + line.quantity)
                break
        else:
            result.append(line)
    return result


def parsed(text: str) -> list[Line]:
    """Lines of a list in which each row is `sku,quantity`, not priced yet.  ValueError for other rows."""
    lines = []
    for row in text.splitlines():
        sku, _, quantity = row.partition(",")
        if sku.strip():
            lines.append(Line(sku.strip(), int(quantity or 1), 0))
    return lines


def priced(wanted: Iterable[Line]) -> tuple[list[Line], list[str]]:
    """The lines at today's prices, and the products that do not exist."""
    sold = known_skus()
    lines, unknown = [], []
    for line in wanted:
        product = cached_product(line.sku) if line.sku in sold else None
        if product is None:
            unknown.append(line.sku)
        else:
            lines.append(replace(line, price=product.price))
    return lines, unknown


def as_json(lines: Sequence[Line]) -> dict[str, object]:
    return {"lines": [asdict(line) for line in lines], **asdict(totals(lines))}


def wanted_lines() -> list[Line]:
    """The lines of the request's body; anything but a list of products and quantities is answered by 400."""
    body = request.get_json(silent=True)
    rows = body.get("lines") if isinstance(body, dict) else None
    if not isinstance(rows, list):
        abort(400, "the body must be an object with a list of lines")
    try:
        return [Line(str(row["sku"]), int(row["quantity"]), 0) for row in rows]
    except (TypeError, KeyError, ValueError):
        abort(400, "each line needs a sku and a quantity")


def stored(database: Database, basket: str) -> list[Line] | None:
    row = database.row("SELECT lines FROM baskets WHERE id = ?", basket)
    return [Line(**line) for line in json.loads(row["lines"])] if row else None


@routes.post("/basket/quote")
def quote() -> Response:
    lines, unknown = priced(merged(wanted_lines()))
    return jsonify(**as_json(lines), unknown=unknown)


@routes.post("/basket")
def create() -> tuple[Response, int]:
    lines, unknown = priced(merged(wanted_lines()))
    basket = uuid.uuid4().hex
    with shop().database.writing() as connection:
        rows = json.dumps([asdict(line) for line in lines])
        connection.execute("INSERT INTO baskets VALUES (?, ?)", (basket, rows))
    return jsonify(id=basket, **as_json(lines), unknown=unknown), 201


@routes.get("/basket/<basket>")
def show(basket: str) -> Response:
    lines = stored(shop().database, basket)
    if lines is None:
        abort(404, "no such basket")
    return jsonify(id=basket, **as_json(lines))


@routes.post("/basket/import")
def import_list() -> Response:
    try:
        wanted = parsed(request.get_data(as_text=True))
    except ValueError:
        abort(400, "each row must be a sku, a comma and a quantity")
    lines, unknown = priced(merged(wanted))
    return jsonify(**as_json(lines), unknown=len(unknown))
