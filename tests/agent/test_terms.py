"""Settings become terms, the release's before the service's, or are refused by name."""

from __future__ import annotations

import attrs
import pytest
from hotpatch_agent.home.terms import BadTerms, Terms, read_terms


def test_the_release_goes_before_the_service_and_both_before_the_default() -> None:
    terms = read_terms({"hold": "3"}, {"hold": "9", "deadline": "20"})

    assert terms == Terms(hold=3.0, deadline=20.0)


def test_every_kind_of_setting_is_read() -> None:
    text = {"past_hold": "Wait", "permanent": "no", "cumulative": "yes", "probation": "0"}

    assert read_terms(text, {}) == Terms(past_hold="wait", permanent=False, cumulative=True, probation=0.0)


def test_names_that_mean_nothing_here_are_others_settings() -> None:
    assert read_terms({"barrier_ms": "200"}, {"x": "y"}) == Terms()


@pytest.mark.parametrize("name", [field.name for field in attrs.fields(Terms)])
@pytest.mark.parametrize("text", ["", "soon", "-1", "nan", "inf", "1e9"])
def test_nonsense_is_refused_by_name(name: str, text: str) -> None:
    with pytest.raises(BadTerms, match=name):
        read_terms({name: text}, {})
