from functools import cached_property


class A:
    def __init__(self, n):
        self.n = n

    @cached_property
    def double(self):
        return self.n * 2
