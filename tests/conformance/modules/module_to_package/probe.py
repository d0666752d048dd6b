def setup(ns):
    import use

    ns.use = use
    ns.count = use.go()[1]


def check_before(ns):
    assert ns.use.go()[0] == 1


def check_after(ns):
    got = ns.use.go()
    assert got[0] == 2 and got[1] >= 2


def fresh(ns):
    import use

    assert use.go() == (2, 1)
