def setup(ns):
    import app

    ns.app, ns.w = app, app.WORKERS[2]
    ns.w.run()


def check_before(ns):
    assert ns.w.n == 2


def check_after(ns):
    assert ns.w.run() == 22 and ns.w.done == 2 and ns.app.WORKERS[2] is ns.w


def fresh(ns):
    import app

    assert app.WORKERS[1].run() == 11
