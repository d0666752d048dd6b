class Worker:
    def __init__(self, n):
        self.n = n
        self.done = 0
        self.scale = n * 10

    def run(self):
        self.done += 1
        return self.n + self.scale


WORKERS = [Worker(n) for n in range(3)]
