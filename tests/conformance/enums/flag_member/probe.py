def setup(ns):
    import app

    ns.app, ns.Perm, ns.read, ns.held = app, app.Perm, app.Perm.READ, {app.Perm.READ: 1}


def check_before(ns):
    assert len(list(ns.Perm)) == 2


def check_after(ns):
    assert len(list(ns.Perm)) == 3 and ns.Perm.READ is ns.read and ns.held[ns.app.Perm(1)] == 1
    assert ns.read.short == "R" and ns.Perm["RUN"] in ns.app.ALL and ns.Perm(4) is ns.Perm.RUN


def fresh(ns):
    import app

    assert app.Perm.RUN in app.ALL
