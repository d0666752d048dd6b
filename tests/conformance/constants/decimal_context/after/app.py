from decimal import Context, Decimal

CTX = Context(prec=5)
RATE = CTX.divide(Decimal(1), Decimal(3))


def tax(x):
    return CTX.multiply(Decimal(x), RATE)
