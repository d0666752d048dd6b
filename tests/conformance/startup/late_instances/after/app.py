class Cart:
    def __init__(self):
        self.reset()

    def reset(self):
        self.items = []
        self.extra = 5

    def total(self):
        return len(self.items) + self.extra
