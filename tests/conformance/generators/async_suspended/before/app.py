def item(n):
    return n


async def items():
    for n in range(3):
        yield item(n)
