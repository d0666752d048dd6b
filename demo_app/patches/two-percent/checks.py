"""Most visitors have no voucher."""


def check_no_voucher():
    from demo_app.basket import voucher

    assert voucher(7) == 0
