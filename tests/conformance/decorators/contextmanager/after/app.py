from contextlib import contextmanager

log = []


@contextmanager
def step(name, loud=True):
    log.append(f"IN {name}")
    try:
        yield name.upper()
    finally:
        log.append(f"OUT {name}")
