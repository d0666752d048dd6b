def setup(ns):
    import app

    ns.carts = [app.Cart()]
    ns.carts[0].items.append(1)


def check_before(ns):
    assert ns.carts[0].total() == 1


def check_after(ns):
    assert ns.carts[0].total() == 6


def fresh(ns):
    import app

    assert app.Cart().total() == 5
