"""Code is decoded once for looks that follow each other, and nothing is kept beyond them."""

from __future__ import annotations

import types
import weakref

from hotpatch.engine import instructions
from hotpatch.engine.decoding import decoded_once
from hotpatch.engine.flow import flow_of


def made() -> types.CodeType:
    return compile("for x in y: print(x)", "made", "exec")


def test_within_the_scope_the_same_is_given_again() -> None:
    code = made()
    with decoded_once():
        assert flow_of(code) is flow_of(code)
        assert instructions.of(code) is instructions.of(code)
    assert flow_of(code) is not flow_of(code)


def test_each_code_object_has_its_own_though_it_is_equal_to_another() -> None:
    one, other = made(), made()
    with decoded_once():
        assert flow_of(one) is not flow_of(other)


def test_what_was_decoded_goes_with_the_scope() -> None:
    code = made()
    gone = weakref.ref(code)
    with decoded_once():
        assert flow_of(code)
        del code
        assert gone() is not None
    assert gone() is None
