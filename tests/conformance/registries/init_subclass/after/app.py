PLUGINS = {}


class Plugin:
    def __init_subclass__(cls, key=None, **kw):
        super().__init_subclass__(**kw)
        PLUGINS[key] = cls


class A(Plugin, key="a"):
    def run(self):
        return "A"


class B(Plugin, key="b"):
    def run(self):
        return type(self).__name__ + "b"
