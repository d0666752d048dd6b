from abc import ABC, abstractmethod


class Base(ABC):
    @abstractmethod
    def run(self): ...
    @abstractmethod
    def stop(self): ...
    def go(self):
        return self.run() + self.stop()


class Impl(Base):
    def run(self):
        return 1

    def stop(self):
        return 10


class Other:
    pass


class Third:
    pass


Base.register(Third)
