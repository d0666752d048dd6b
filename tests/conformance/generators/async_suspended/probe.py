def setup(ns):
    import app

    ns.app = app
    ns.gen = app.items()
    try:
        ns.gen.__anext__().send(None)
    except StopIteration as got:
        assert got.value == 0


def check_before(ns):
    assert ns.app.item(1) == 1


def check_after(ns):
    try:
        ns.gen.__anext__().send(None)
    except StopIteration as got:
        assert got.value == 10


def fresh(ns):
    import app

    assert app.item(1) == 10
