class A:
    __slots__ = ("x",)

    def __init__(self):
        self.x = 1


class B(A):
    __slots__ = ("y",)

    def __init__(self):
        super().__init__()
        self.y = 2

    def total(self):
        return self.y
