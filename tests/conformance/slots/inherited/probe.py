def setup(ns):
    import app

    ns.app = app
    ns.b = app.B()
    ns.b.x = 5
    ns.total = ns.b.total


def check_before(ns):
    assert ns.total() == 2


def check_after(ns):
    assert ns.total() == 9
    assert ns.b.both() == 7


def fresh(ns):
    import app

    assert app.B().total() == 5
