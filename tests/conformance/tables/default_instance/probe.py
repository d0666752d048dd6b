def setup(ns):
    import app

    ns.app, ns.fast, ns.slow = app, app.FAST, app.SLOW
    app.use()


def check_before(ns):
    assert ns.app.DEFAULT is ns.fast
    assert ns.fast.seen == ["fast"]


def check_after(ns):
    assert ns.app.use() == "slow"
    assert ns.app.FAST is ns.fast and ns.app.DEFAULT is ns.app.SLOW is ns.slow
    assert (ns.fast.name, ns.fast.seen, ns.slow.seen) == ("fast", ["fast"], ["slow"])


def fresh(ns):
    import app

    assert app.use() == "slow"
