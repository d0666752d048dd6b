from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotpatch.epochs import sticky


def wsgi(**headers: str) -> dict[str, Any]:
    return {
        "REQUEST_METHOD": "GET",
        "REMOTE_ADDR": "10.0.0.1",
        **{f"HTTP_{k.upper()}": v for k, v in headers.items()},
    }


def asgi(**headers: str) -> dict[str, Any]:
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "client": ("10.0.0.1", 5000), "headers": pairs}


USER = sticky.header("X-User")


@given(st.text(), st.floats(0, 1), st.floats(0, 1), st.text(max_size=5))
def test_shares_nest(user: str, one: float, other: float, salt: str) -> None:
    small, large = sorted((one, other))
    request = {"HTTP_X_USER": user}
    assert not sticky.share(small, USER, salt)(request) or sticky.share(large, USER, salt)(request)


def test_a_share_is_about_as_large_as_it_says() -> None:
    pick = sticky.share(0.25, USER, "release 7")
    picked = sum(pick({"HTTP_X_USER": str(user)}) for user in range(20_000))
    assert 4_500 < picked < 5_500


def test_nobody_at_0_and_everybody_at_1() -> None:
    users = [{"HTTP_X_USER": str(user)} for user in range(1_000)]
    assert not any(map(sticky.share(0, USER), users)) and all(map(sticky.share(1, USER), users))


def test_other_salts_pick_others() -> None:
    users = [{"HTTP_X_USER": str(user)} for user in range(2_000)]
    one, two = sticky.share(0.5, USER, "a"), sticky.share(0.5, USER, "b")
    both = sum(one(user) and two(user) for user in users)
    assert 350 < both < 650


def test_a_share_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        sticky.share(5, USER)


@pytest.mark.parametrize("request_of", [wsgi, asgi])
def test_keys_of_both_kinds_of_request(request_of: Any) -> None:
    def text(value: Any) -> Any:
        return value.decode() if isinstance(value, bytes) else value

    request = request_of(x_user="ann", cookie="a=1; session=s e; b=session")
    assert text(USER(request)) == "ann"
    assert sticky.cookie("session")(request) == "s e"
    assert sticky.cookie("b")(request) == "session"
    assert sticky.cookie("none")(request) is None and sticky.cookie("x")(request_of()) is None
    assert sticky.client_address()(request) == "10.0.0.1"
    assert sticky.header("X-None")(request) is None
    assert text(sticky.first_of(sticky.cookie("none"), USER)(request)) == "ann"
    assert sticky.first_of(sticky.cookie("none"))(request) is None


def test_the_same_user_is_picked_alike_on_wsgi_and_asgi() -> None:
    pick = sticky.share(0.5, USER)
    for user in map(str, range(50)):
        assert pick(wsgi(x_user=user)) == pick(asgi(x_user=user))


def test_a_key_function_that_raises_picks_nobody() -> None:
    assert sticky.share(1, lambda request: str(request["missing"]))({}) is False


def test_a_client_without_an_address_is_not_picked() -> None:
    assert sticky.share(1, sticky.client_address())({"REMOTE_ADDR": ""}) is False
    assert sticky.share(1, sticky.client_address())({"type": "http", "client": None}) is False
