class Meta(type):
    def __new__(m, name, bases, ns, size=0):
        cls = super().__new__(m, name, bases, ns)
        cls.size = size
        return cls

    def __init__(cls, name, bases, ns, size=0):
        super().__init__(name, bases, ns)


class Box(metaclass=Meta, size=1):
    def room(self):
        return self.size
