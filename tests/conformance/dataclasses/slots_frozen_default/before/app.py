from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class P:
    x: int
    y: int = 1

    def sum(self):
        return self.x + self.y
