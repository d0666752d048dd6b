def item(n):
    return n * 10


async def items():
    for n in range(3):
        yield item(n)
