def setup(ns):
    import app

    ns.plugins = app.PLUGINS
    ns.a = app.PLUGINS["a"]()

    class Own(app.Plugin, key="own"):
        pass

    ns.Own = Own


def check_before(ns):
    assert set(ns.plugins) == {"a", "own"} and ns.a.run() == "a"


def check_after(ns):
    assert set(ns.plugins) == {"a", "own", "b"} and ns.plugins["own"] is ns.Own
    assert ns.a.run() == "A" and ns.plugins["b"]().run() == "Bb", ns.plugins["b"]().run()


def fresh(ns):
    import app

    assert set(app.PLUGINS) == {"a", "b"}
