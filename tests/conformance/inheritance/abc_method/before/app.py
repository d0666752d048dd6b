from abc import ABC, abstractmethod


class Base(ABC):
    @abstractmethod
    def run(self): ...
    def go(self):
        return self.run()


class Impl(Base):
    def run(self):
        return 1


@Base.register
class Other:
    pass
