def setup(ns):
    import app

    ns.p, ns.hi = app.P, app.P.hi


def check_before(ns):
    assert ns.hi() == "hi"


def check_after(ns):
    assert ns.hi() == "hello" and ns.p.bye() == "bye" and ns.p.x_y == "x_y"


def fresh(ns):
    import app

    assert app.P.bye() == "bye"
