"""The catalogue shows goods, whatever it is asked."""

from demo_app.catalogue import listing

GOODS = [("S1", "Kettle", "kitchen", 100, 1), ("S2", "Rake", "garden", 200, 2)]


class Goods:
    """A database of two products and one secret, in memory."""

    def __init__(self):
        import sqlite3

        self.connection = sqlite3.connect(":memory:")
        self.connection.execute("CREATE TABLE products (sku, name, category, price, stock)")
        self.connection.execute("CREATE TABLE customers (email)")
        self.connection.execute("INSERT INTO customers VALUES ('secret@example.org')")
        self.connection.executemany("INSERT INTO products VALUES (?, ?, ?, ?, ?)", GOODS)

    def rows(self, statement, *values):
        return self.connection.execute(statement, values).fetchall()


def check_a_category_is_shown():
    assert [each.sku for each in listing(Goods(), "garden", 0)] == ["S2"]
    assert [each.sku for each in listing(Goods(), "", 0)] == ["S1", "S2"]


def check_a_statement_is_no_category():
    stolen = "x' UNION SELECT email, email, email, 1, 1 FROM customers -- "
    assert listing(Goods(), stolen, 0) == []
    assert listing(Goods(), "gard'en", 0) == []
