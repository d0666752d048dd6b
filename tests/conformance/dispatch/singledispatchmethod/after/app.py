from functools import singledispatchmethod


class F:
    @singledispatchmethod
    def show(self, x):
        return "any"

    @show.register
    def _(self, x: int):
        return "int!"

    @show.register
    def _(self, x: str):
        return "str"
