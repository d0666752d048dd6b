class Basket:
    def __init__(self):
        self.items = {}

    def put(self, name):
        self.items[name] = self.items.get(name, 0) + 1

    def names(self):
        return sorted(self.items.items())
