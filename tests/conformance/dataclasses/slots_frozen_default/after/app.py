from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class P:
    x: int
    y: int = 7

    def sum(self):
        return self.x + self.y + 100
