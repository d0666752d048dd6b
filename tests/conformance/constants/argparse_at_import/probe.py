def setup(ns):
    import app

    ns.parse = app.parse


def check_before(ns):
    assert ns.parse([]) == {"a": 1}


def check_after(ns):
    assert ns.parse(["--b"]) == {"a": 2, "b": True}


def fresh(ns):
    import app

    assert app.parse(["--b"]) == {"a": 2, "b": True}
