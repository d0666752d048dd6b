def setup(ns):
    import app

    ns.P, ns.p = app.P, app.P(1)


def check_before(ns):
    assert ns.p.sum() == 2 and ns.P(1).y == 1


def check_after(ns):
    assert ns.p.sum() == 102 and ns.P(1).y == 7 and isinstance(ns.p, ns.P)
    import app

    assert app.P is ns.P or isinstance(ns.p, app.P)


def fresh(ns):
    import app

    assert app.P(1).sum() == 108
