"""A quote has its round, in the first district."""


def check_the_first_district():
    from demo_app.basket import delivery_round

    assert delivery_round("0") == "morning"
