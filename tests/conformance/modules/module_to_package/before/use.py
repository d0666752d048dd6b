import shop
from shop import price


def go():
    return price(), len(shop.state)
