class Missing(LookupError):
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
