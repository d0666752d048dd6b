"""A basket is still quoted: calls the code that the patch changes."""


def check_a_total():
    from demo_app.basket import Line, totals

    assert totals([Line("A", 4, 1_000)]).total == 4_490
