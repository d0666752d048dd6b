"""The rules as a list: the module's docstring, the table and the behaviour are one and the same."""

from __future__ import annotations

import re

import pytest

from hotpatch import trust
from hotpatch.errors import BundleError, Expired, OldVersion, WrongKey, WrongService
from hotpatch.trust import rules

from .forge import ALICE, MALLORY, NOW, expectation, honest_release, root_of, signed


def test_the_docstring_lists_the_rules_in_the_order_of_the_table() -> None:
    listed = re.findall(r"^ ?(\d+)\. \*(\w+)\*:", rules.__doc__ or "", re.MULTILINE)
    assert listed == [(str(number), rule.name) for number, rule in enumerate(rules.RULES, 1)]


def test_the_error_of_the_first_rule_that_fails_is_raised() -> None:
    wrong_in_all = honest_release(service="bank", version=1, expires=NOW)
    for data, error in (
        (signed(wrong_in_all, MALLORY), WrongKey),
        (signed(wrong_in_all, ALICE), WrongService),
        (signed(honest_release(version=1, expires=NOW), ALICE), Expired),
        (signed(honest_release(version=1, python="other"), ALICE), OldVersion),
    ):
        with pytest.raises(error):
            trust.accept(data, root_of(ALICE), expectation())


def test_examining_goes_on_after_a_failure() -> None:
    data = signed(honest_release(version=1, service="bank"), MALLORY)
    findings = list(trust.examine(data, root_of(ALICE), expectation()))
    assert [finding.rule for finding in findings] == [rule.name for rule in rules.RULES]
    failed = {finding.rule: type(finding.error) for finding in findings if finding.error}
    assert failed == {"signatures": WrongKey, "service": WrongService, "version": OldVersion}


def test_examining_says_which_rules_could_not_be_asked() -> None:
    findings = list(trust.examine(b"nonsense", root_of(ALICE), expectation(), {"root": "left out"}))
    skipped = {finding.rule: finding.skipped for finding in findings if finding.skipped}
    assert skipped["root"] == "left out"
    assert skipped["base"] == "an earlier rule does not hold"
    assert {finding.rule for finding in findings if finding.error} == {"container"}


def test_every_error_tells_what_to_do_or_what_is_wrong_in_one_line() -> None:
    cases = [
        signed(honest_release(), MALLORY),
        signed(honest_release(version=2), ALICE),
        signed(honest_release(service="bank"), ALICE),
    ]
    for data in cases:
        with pytest.raises(BundleError) as caught:
            trust.accept(data, root_of(ALICE), expectation())
        assert 20 < len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("shop/pricing.py", "shop.pricing"),
        ("shop/__init__.py", "shop"),
        ("app.py", "app"),
        ("__init__.py", "__init__"),
    ],
)
def test_a_source_is_named_as_people_know_it(path: str, name: str) -> None:
    assert rules.module_name(path) == name
