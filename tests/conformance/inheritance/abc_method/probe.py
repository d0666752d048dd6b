def setup(ns):
    import app

    ns.app, ns.impl, ns.go = app, app.Impl(), app.Impl().go
    assert isinstance(app.Other(), app.Base)


def check_before(ns):
    assert ns.go() == 1


def check_after(ns):
    assert (
        ns.go() == 11
        and ns.app.Base.__abstractmethods__ == {"run", "stop"}
        and isinstance(ns.app.Third(), ns.app.Base)
    )
    assert not isinstance(ns.app.Other(), ns.app.Base)


def fresh(ns):
    import app

    assert app.Impl().go() == 11
    assert isinstance(app.Third(), app.Base)
