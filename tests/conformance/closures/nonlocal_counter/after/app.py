def counter():
    n = 0

    def up():
        nonlocal n
        n += 10
        return n

    return up


UP = counter()
