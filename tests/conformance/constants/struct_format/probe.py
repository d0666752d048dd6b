def setup(ns):
    import app

    ns.pack = app.pack


def check_before(ns):
    assert ns.pack(1) == bytes([0, 0, 0, 1])


def check_after(ns):
    assert ns.pack(1) == bytes([0, 1])


def fresh(ns):
    import app

    assert app.pack(1) == bytes([0, 1])
