from b import *


def all_of():
    return sorted(k for k in globals() if k in ("one", "two"))
