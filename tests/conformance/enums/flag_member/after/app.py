from enum import Flag, auto


class Perm(Flag):
    READ = auto()
    WRITE = auto()
    RUN = auto()

    @property
    def short(self):
        return self.name[0]


ALL = Perm.READ | Perm.WRITE | Perm.RUN
