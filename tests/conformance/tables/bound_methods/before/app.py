from functools import partial


class S:
    def __init__(self):
        self.n = 0

    def up(self, by):
        self.n += by
        return self.n


S1 = S()
TABLE = {"up": S1.up, "ten": partial(S1.up, 10)}
