def setup(ns):
    import c

    ns.c, ns.one = c, c.one


def check_before(ns):
    assert ns.one() == 1 and ns.c.all_of() == ["one"]


def check_after(ns):
    assert ns.one() == 11 and ns.c.all_of() == ["one", "two"] and ns.c.two() == 22


def fresh(ns):
    import c

    assert c.two() == 22
