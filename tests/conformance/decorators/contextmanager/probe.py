def setup(ns):
    import app

    ns.app, ns.step = app, app.step
    ns.entered = app.step("a")
    assert ns.entered.__enter__() == "a"


def check_before(ns):
    assert ns.app.log == ["in a"]


def check_after(ns):
    with ns.step("b") as got:
        assert got == "B"
    ns.entered.__exit__(None, None, None)
    assert ns.app.log == ["in a", "IN b", "OUT b", "out a"]


def fresh(ns):
    import app

    with app.step("b") as got:
        assert got == "B"
