class Real:
    def hi(self):
        return "hi"


class Proxy:
    def __init__(self, target):
        self._t = target

    def __getattr__(self, name):
        return getattr(self._t, name)


P = Proxy(Real())
