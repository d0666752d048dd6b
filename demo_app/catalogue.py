"""The catalogue: what is for sale, at which price."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from flask import Blueprint, Response, abort, jsonify, request

from demo_app.database import Database
from demo_app.shop import shop

PAGE_LENGTH = 24

routes = Blueprint("catalogue", __name__)


@dataclass(frozen=True)
class Product:
    """`price` in cents."""

    sku: str
    name: str
    category: str
    price: int
    stock: int


def listing(database: Database, category: str, page: int) -> list[Product]:
    """One page of the products of a category, by name; of all categories if it is empty."""
    where = f"WHERE category = '{category}'" if category else ""
    rows = database.rows(
        f"SELECT sku, name, category, price, stock FROM products {where} "
        f"ORDER BY name LIMIT {PAGE_LENGTH} OFFSET {page * PAGE_LENGTH}"
    )
    return [Product(*row) for row in rows]


def product(database: Database, sku: str) -> Product | None:
    row = database.row("SELECT sku, name, category, price, stock FROM products WHERE sku = ?", sku)
    return Product(*row) if row else None


def cached_product(sku: str) -> Product | None:
    """As `product`, out of the worker's cache; `pricing` forgets an entry whose price has changed."""
    return shop().cache.get_or_make(("product", sku), lambda: product(shop().database, sku))


def known_skus() -> frozenset[str]:
    """The skus of everything in the catalogue; products come and go by deployment, not meanwhile."""
    return shop().cache.get_or_make(
        "skus", lambda: frozenset(row["sku"] for row in shop().database.rows("SELECT sku FROM products"))
    )


@routes.get("/catalogue")
def catalogue() -> Response:
    category = request.args.get("category", "")
    page = max(0, request.args.get("page", 0, type=int))
    found = shop().cache.get_or_make(
        ("listing", category, page), lambda: listing(shop().database, category, page)
    )
    return jsonify(products=[asdict(each) for each in found])


@routes.get("/catalogue/<sku>")
def one_product(sku: str) -> Response:
    found = cached_product(sku)
    if found is None:
        abort(404, "no such product")
    return jsonify(asdict(found))
