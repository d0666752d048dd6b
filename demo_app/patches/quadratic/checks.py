"""The work of merging grows with the rows, not with their square."""

import sys

from demo_app.basket import Line, merged


def steps(rows):
    """How many lines of Python run while so many different rows are merged."""
    count = 0

    def look(frame, event, argument):
        nonlocal count
        count += event == "line"
        return look

    before = sys.gettrace()
    sys.settrace(look)
    try:
        merged([Line(str(number), 1, 100) for number in range(rows)])
    finally:
        sys.settrace(before)
    return count


def check_twice_the_rows_are_twice_the_work():
    assert steps(400) < 2.5 * steps(200), (steps(200), steps(400))


def check_equal_products_become_one_line():
    lines = merged([Line("A", 1, 100), Line("B", 2, 200), Line("A", 3, 100)])
    assert lines == [Line("A", 4, 100), Line("B", 2, 200)]
