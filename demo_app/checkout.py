"""Checkout: a basket becomes an order, and customers look at their orders."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from flask import Blueprint, Response, abort, jsonify, request

from demo_app.basket import Line, as_json, stored, totals
from demo_app.database import Database
from demo_app.shop import shop

routes = Blueprint("checkout", __name__)


@dataclass(frozen=True)
class Customer:
    id: int
    email: str
    address: str


@dataclass(frozen=True)
class Order:
    id: int
    customer: Customer
    lines: list[Line]
    total: int


def customer_of(database: Database, token: str) -> Customer | None:
    row = database.row("SELECT id, email, address FROM customers WHERE token = ?", token)
    return Customer(*row) if row else None


def signed_in() -> Customer:
    """The customer whose token came with the request; 401 for anyone else."""
    customer = customer_of(shop().database, request.headers.get("X-Customer", ""))
    if customer is None:
        abort(401, "this needs a customer's token in X-Customer")
    return customer


def place(database: Database, customer: Customer, lines: list[Line]) -> Order:
    total = totals(lines).total
    with database.writing() as connection:
        number = connection.execute(
            "INSERT INTO orders (customer, lines, total) VALUES (?, ?, ?)",
            (customer.id, json.dumps([asdict(line) for line in lines]), total),
        ).lastrowid
    assert number is not None
    return Order(number, customer, lines, total)


def find_order(database: Database, number: int) -> Order | None:
    row = database.row(
        "SELECT orders.id, orders.lines, orders.total, customers.id AS customer, email, address "
        "FROM orders JOIN customers ON customers.id = orders.customer WHERE orders.id = ?",
        number,
    )
    if row is None:
        return None
    lines = [Line(**line) for line in json.loads(row["lines"])]
    return Order(row["id"], Customer(row["customer"], row["email"], row["address"]), lines, row["total"])


def order_json(order: Order) -> dict[str, object]:
    return {"id": order.id, "customer": asdict(order.customer), **as_json(order.lines), "total": order.total}


@routes.post("/checkout")
def checkout() -> tuple[Response, int]:
    customer = signed_in()
    body = request.get_json(silent=True)
    basket = body.get("basket") if isinstance(body, dict) else None
    lines = stored(shop().database, str(basket))
    if not lines:
        abort(404, "no such basket, or nothing in it")
    order = place(shop().database, customer, lines)
    shop().hub.publish(
        "order", number=order.id, total=order.total, pieces=sum(line.quantity for line in lines)
    )
    return jsonify(order_json(order)), 201


@routes.get("/orders")
def orders() -> Response:
    customer = signed_in()
    rows = shop().database.rows("SELECT id, total FROM orders WHERE customer = ? ORDER BY id", customer.id)
    return jsonify(orders=[dict(row) for row in rows])


@routes.get("/orders/<int:number>")
def one_order(number: int) -> Response:
    order = find_order(shop().database, number)
    if order is None:
        abort(404, "no such order")
    return jsonify(order_json(order))
