class Real:
    def hi(self):
        return "hello"

    def bye(self):
        return "bye"


class Proxy:
    def __init__(self, target):
        self._t = target

    def __getattr__(self, name):
        if name.startswith("x_"):
            return name
        return getattr(self._t, name)


P = Proxy(Real())
