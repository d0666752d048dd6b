def setup(ns):
    import app

    ns.app, ns.table = app, app.TABLE
    ns.up = app.TABLE["up"]
    ns.up(1)


def check_before(ns):
    assert ns.app.S1.n == 1


def check_after(ns):
    assert ns.up(1) == 3 and ns.table["ten"]() == 43 and ns.table["down"](3) == 40 and ns.app.S1.n == 40


def fresh(ns):
    import app

    assert app.TABLE["ten"]() == 40
