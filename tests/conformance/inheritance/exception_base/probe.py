def setup(ns):
    import app

    ns.app, ns.raised = app, app.Missing("earlier")


def check_before(ns):
    assert ns.app.answer() == "failed"


def check_after(ns):
    assert ns.app.answer() == "not found"
    assert isinstance(ns.raised, LookupError)
    assert type(ns.raised) is ns.app.Missing


def fresh(ns):
    import app

    assert app.answer() == "not found"
