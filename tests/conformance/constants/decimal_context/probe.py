def setup(ns):
    import app

    ns.tax = app.tax


def check_before(ns):
    assert str(ns.tax(1)) == "0.333"


def check_after(ns):
    assert str(ns.tax(1)) == "0.33333"


def fresh(ns):
    import app

    assert str(app.tax(1)) == "0.33333"
