class Cart:
    def __init__(self):
        self.reset()

    def reset(self):
        self.items = []

    def total(self):
        return len(self.items)
