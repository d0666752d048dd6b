class Worker:
    def __init__(self, n):
        self.n = n
        self.done = 0

    def run(self):
        self.done += 1
        return self.n


WORKERS = [Worker(n) for n in range(3)]
