class Mode:
    def __init__(self, name):
        self.name = name
        self.seen = []


FAST = Mode("fast")
SLOW = Mode("slow")
DEFAULT = FAST


def use():
    DEFAULT.seen.append(DEFAULT.name)
    return DEFAULT.name
