class Meta(type):
    def __new__(m, name, bases, ns, size=0):
        cls = super().__new__(m, name, bases, ns)
        cls.size = size
        return cls

    def __init__(cls, name, bases, ns, size=0):
        super().__init__(name, bases, ns)

    def double(cls):
        return cls.size * 2


class Box(metaclass=Meta, size=5):
    def room(self):
        return self.size + type(self).double()
