def setup(ns):
    import app

    ns.app, ns.basket = app, app.Basket()
    ns.basket.put("tea")


def check_before(ns):
    assert ns.basket.names() == ["tea"]


def check_after(ns):
    ns.basket.put("milk")
    assert ns.basket.names() == [("milk", 1), ("tea", 1)]


def fresh(ns):
    import app

    basket = app.Basket()
    basket.put("tea")
    assert basket.names() == [("tea", 1)]
