def setup(ns):
    import app

    ns.a, ns.b = app.A(2), app.A(3)
    ns.a.double


def check_before(ns):
    assert ns.a.double == 4


def check_after(ns):
    assert ns.a.double == 5 and ns.b.double == 7


def fresh(ns):
    import app

    assert app.A(2).double == 5
