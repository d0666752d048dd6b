def setup(ns):
    import app

    ns.box, ns.room = app.Box(), app.Box().room


def check_before(ns):
    assert ns.room() == 1


def check_after(ns):
    assert ns.room() == 15 and ns.box.room() == 15


def fresh(ns):
    import app

    assert app.Box().room() == 15
