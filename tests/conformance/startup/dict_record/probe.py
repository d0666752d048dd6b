def setup(ns):
    import app

    ns.app = app
    app.login("ada")


def check_before(ns):
    assert ns.app.who("ada") == "ada"


def check_after(ns):
    assert ns.app.who("ada") == "adaen"


def fresh(ns):
    import app

    app.login("ada")
    assert app.who("ada") == "adaen"
