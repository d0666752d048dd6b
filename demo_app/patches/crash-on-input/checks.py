"""Searches that have no weight, and one that has."""

from demo_app.search import TermIndex, coverage


def index():
    return TermIndex([("A", "Copper kettle", "for tea"), ("B", "Walnut lamp", "for night")])


def check_common_words_find_nothing():
    assert index().search("the of") == []
    assert coverage(index(), "the of") == 0.0


def check_unknown_words_find_nothing():
    assert index().search("zeppelin") == []
    assert coverage(index(), "zeppelin") == 0.0


def check_known_words_are_found():
    assert [hit.sku for hit in index().search("copper kettle")] == ["A"]
    assert coverage(index(), "copper zeppelin") == 0.5


def check_the_service_answers():
    from demo_app.wsgi import app  # the shop itself, whatever serves it
    from werkzeug.test import Client

    assert Client(app).get("/search?q=the").status_code == 200
