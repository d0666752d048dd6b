"""The total of a basket, against figures worked out by hand."""

from demo_app.basket import Line, totals


def check_every_long_line_has_its_discount():
    found = totals([Line("A", 5, 1_000), Line("B", 10, 200), Line("C", 1, 300)])
    assert (found.goods, found.discount, found.shipping, found.total) == (7_300, 700, 0, 6_600), found


def check_short_lines_have_none():
    assert totals([Line("A", 4, 1_000)]).total == 4_490


def check_an_empty_basket_costs_nothing():
    assert totals([]).total == 0
