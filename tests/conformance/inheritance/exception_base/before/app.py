class Missing(Exception):
    pass


def look():
    raise Missing("key")


def answer():
    try:
        look()
    except LookupError:
        return "not found"
    except Exception:
        return "failed"
