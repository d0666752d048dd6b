def setup(ns):
    import app

    ns.up, ns.own = app.UP, app.counter()
    ns.up()
    ns.own()


def check_before(ns):

    assert ns.up.__closure__[0].cell_contents >= 1


def check_after(ns):
    assert ns.up() == 11 and ns.own() == 11


def fresh(ns):
    import app

    assert app.UP() == 10
