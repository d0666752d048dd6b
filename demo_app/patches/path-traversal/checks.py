"""Pictures come from their folder and from nowhere else."""

from demo_app.images import picture


def check_the_picture_is_there():
    assert picture("harbour.svg").startswith(b"<svg")


def check_nothing_else_is():
    assert picture("../settings.py") is None
    assert picture("/etc/hostname") is None
    assert picture("no-such.svg") is None
