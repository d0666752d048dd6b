from contextlib import contextmanager

log = []


@contextmanager
def step(name):
    log.append(f"in {name}")
    try:
        yield name
    finally:
        log.append(f"out {name}")
