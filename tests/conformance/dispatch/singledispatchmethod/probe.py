def setup(ns):
    import app

    ns.f = app.F()
    ns.show = ns.f.show


def check_before(ns):
    assert [ns.f.show(1), ns.f.show("x")] == ["int", "any"]


def check_after(ns):
    assert [ns.f.show(1), ns.f.show("x"), ns.f.show(2.0)] == ["int!", "str", "any"]
    assert ns.show("x") == "str"


def fresh(ns):
    import app

    assert app.F().show("x") == "str"
