state = []


def price():
    state.append(1)
    return 1
