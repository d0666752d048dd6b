class Basket:
    def __init__(self):
        self.items = []

    def put(self, name):
        self.items.append(name)

    def names(self):
        return sorted(self.items)
