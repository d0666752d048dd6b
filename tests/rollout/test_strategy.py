from __future__ import annotations

from pathlib import Path

import pytest
from hotpatch_agent.rollout.strategy import (
    By,
    CheckSpec,
    GateSpec,
    Kind,
    Match,
    OnWorse,
    Step,
    Strategy,
    Target,
    by_whole_workers,
    chosen,
    is_last,
    target_of,
)
from hotpatch_agent.rollout.strategy_file import load, read

from hotpatch.errors import StrategyInvalid

FILE = """
strategy = "canary"
deadline = "1h"
on_worse = "freeze"

[canary]
key = "cookie:session"
steps = ["1% 1m", "5% 2m..20m", "25%"]

[rolling]
batch = 2
healthy = "5s"

[blue-green]
keep = "20m"

[analysis]
alpha = 0.005
latency_factor = 1.5
slow_tolerance = [0.2, 0.1, 0.02]

[[check]]
name = "checkout"
kind = "http"
url = "http://127.0.0.1:8000/health"
every = "5s"

[[check]]
name = "memory"
kind = "prometheus"
url = "http://127.0.0.1:9090"
query = "process_resident_memory_bytes"
most = 1e9
critical = false

[[gate]]
at = "promotion"
command = ["may-deploy", "shop"]

[[event]]
url = "http://127.0.0.1:1/hook"
"""


def test_nothing_said_is_all_at_once() -> None:
    assert read("", {}) == Strategy()


def test_a_whole_file() -> None:
    strategy = read(FILE, {})
    assert (strategy.kind, strategy.by, strategy.key) == (Kind.CANARY, By.SHARE, "cookie:session")
    assert strategy.steps == (Step(0.01, 60, 600), Step(0.05, 120, 1200), Step(0.25, 60, 600))
    assert (strategy.deadline, strategy.on_worse) == (3600, OnWorse.FREEZE)
    assert (strategy.rules.alpha, strategy.rules.latency_factor) == (0.005, 1.5)
    assert strategy.checks[0] == CheckSpec("checkout", "http", url="http://127.0.0.1:8000/health", every=5.0)
    assert (strategy.checks[1].most, strategy.checks[1].critical) == (1e9, False)
    assert strategy.gates == (GateSpec("promotion", ("may-deploy", "shop")),)
    assert strategy.events[0].url == "http://127.0.0.1:1/hook"


@pytest.mark.parametrize(
    ("flags", "kind"),
    [
        ({"strategy": "rolling"}, Kind.ROLLING),
        ({"strategy": "blue-green"}, Kind.BLUE_GREEN),
        ({"strategy": "all-at-once"}, Kind.ALL_AT_ONCE),
    ],
)
def test_a_flag_wins_over_the_file_and_takes_that_strategys_own_table(
    flags: dict[str, str], kind: Kind
) -> None:
    strategy = read(FILE, flags)
    assert strategy.kind is kind
    assert (strategy.batch, strategy.healthy) == ((2, 5.0) if kind is Kind.ROLLING else (1, 10.0))
    assert strategy.keep == (1200 if kind is Kind.BLUE_GREEN else 0)


def test_a_canary_by_flags_alone() -> None:
    strategy = read("", {"strategy": "canary", "steps": "5%,50% 10s", "analysis": "no"})
    assert [step.share for step in strategy.steps] == [0.05, 0.5]
    assert strategy.steps[1].least == 10
    assert not strategy.judged


def test_a_canary_by_match() -> None:
    strategy = read("", {"strategy": "canary", "match": "header:X-Canary=yes"})
    assert strategy.by is By.MATCH
    assert target_of(strategy, 0, 4).match == Match("header", "X-Canary", "yes")


def test_a_canary_has_steps_of_its_own_where_none_are_given() -> None:
    assert [step.share for step in read("strategy = 'canary'", {}).steps] == [0.01, 0.05, 0.25]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("strategy = 'slow'", "all-at-once, rolling, blue-green, canary"),
        ("stratgy = 'canary'", "there is no setting 'stratgy'"),
        ("strategy = canary", "not TOML"),
        ("strategy = 'canary'\n[canary]\nsteps = ['50%', '5%']", "shares must grow"),
        ("strategy = 'canary'\n[canary]\nsteps = ['0%']", "above 0 %"),
        ("strategy = 'canary'\n[canary]\nsteps = ['120%']", "at most 100 %"),
        ("strategy = 'canary'\n[canary]\nsteps = ['5 percent']", "not like '5% 2m'"),
        ("strategy = 'canary'\n[canary]\nsteps = 5", "must be a list"),
        ("strategy = 'canary'\n[canary]\nsteps = ['5% 10m..1m']", "gives up before it is over"),
        ("strategy = 'canary'\ndeadline = '1m'\n[canary]\nsteps = ['5% 5m']", "would always be rolled back"),
        ("strategy = 'canary'\n[canary]\nby = 'match'", "needs `match`"),
        ("strategy = 'canary'\n[canary]\nkey = 'ip'", "'cookie:NAME', 'header:NAME' or 'address'"),
        ("strategy = 'canary'\n[canary]\nspeed = 3", "[canary] has no 'speed'"),
        ("strategy = 'rolling'\n[rolling]\nbatch = 0", "from 1 to"),
        ("strategy = 'rolling'\n[rolling]\nhealthy = 'soon'", "must be a time"),
        ("deadline = true", "must be a time"),
        ("deadline = '400d'", "at most 30 days"),
        ("manual = 'perhaps'", "true or false"),
        ("on_worse = 'pray'", "rollback, freeze, alert"),
        ("[analysis]\nalpha = 2", "from 1e-09 to 0.5"),
        ("[analysis]\nalpha = 'small'", "must be a number"),
        ("[analysis]\nbeta = 2", "[analysis] has no 'beta'"),
        ("[analysis]\nslow_tolerance = [1]", "three shares"),
        ("[[check]]\nkind = 'http'", "lacks name"),
        ("[[check]]\nname = 'a'\nkind = 'smell'", "http, python, prometheus"),
        ("[[check]]\nname = 'a'\nkind = 'http'", "needs `url`"),
        ("[[check]]\nname = 'a'\nkind = 'python'", "needs `function`"),
        ("[[check]]\nname = 'a'\nkind = 'prometheus'\nurl = 'http://x'\nquery = 'up'", "`least` or `most`"),
        ("[[check]]\nname = 3\nkind = 'http'", "must be str"),
        ("[check]\nname = 'a'", "two brackets"),
        ("[[gate]]\nat = 'dawn'\nurl = 'http://x'", "before, more, promotion, after, rollback"),
        ("[[gate]]\nat = 'before'", "either `command` or `url`"),
        ("[[gate]]\nat = 'before'\ncommand = 'rm -rf /'", "list of texts"),
        ("[[event]]\ncommand = ['a']\nurl = 'http://x'", "one of `command`, `url` and `apprise`"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_reason(text: str, says: str) -> None:
    with pytest.raises(StrategyInvalid) as refused:
        read(text, {})
    assert says in str(refused.value)
    assert "rollout.toml" in str(refused.value)


def test_an_unknown_flag_is_refused() -> None:
    with pytest.raises(StrategyInvalid, match="there is no setting 'speed'"):
        read("", {"speed": "high"})


def test_a_home_without_a_file_has_the_default(tmp_path: Path) -> None:
    assert load(tmp_path, {}) == Strategy()


def test_the_homes_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "rollout.toml").write_text("strategy = 'rolling'")
    assert load(tmp_path, {}).kind is Kind.ROLLING


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rollout.toml").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(StrategyInvalid, match="can't be read"):
        load(tmp_path, {})


@pytest.mark.parametrize("workers", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("batch", [1, 2, 5])
def test_rolling_ends_with_every_worker_whatever_their_number(workers: int, batch: int) -> None:
    strategy, step = Strategy(kind=Kind.ROLLING, batch=batch), 0
    while not is_last(strategy, step, workers):
        assert target_of(strategy, step, workers).workers < workers
        step += 1
    assert target_of(strategy, step, workers).workers == workers


def test_a_canary_by_share_becomes_one_by_workers_for_a_reload() -> None:
    strategy = by_whole_workers(read("strategy = 'canary'\n[canary]\nkey = 'address'", {}), "bases differ")
    assert (strategy.by, strategy.key) == (By.WORKERS, "")
    assert target_of(strategy, 2, 8).workers == 2


@pytest.mark.parametrize("name", ["all-at-once", "rolling"])
def test_what_goes_by_workers_anyhow_stays_as_it_is(name: str) -> None:
    strategy = read("", {"strategy": name})
    assert by_whole_workers(strategy, "bases differ") == strategy


def test_what_needs_both_versions_in_a_worker_is_refused_for_a_reload() -> None:
    with pytest.raises(StrategyInvalid, match="bases differ"):
        by_whole_workers(read("", {"strategy": "canary", "match": "cookie:a=1"}), "bases differ")


def test_blue_green_by_reload_has_one_step_which_is_a_second_set_of_workers() -> None:
    strategy = by_whole_workers(read("", {"strategy": "blue-green"}), "bases differ")
    assert not is_last(strategy, -1, 4)
    assert target_of(strategy, 0, 4) == Target(workers=4)
    assert is_last(strategy, 0, 4)


def test_blue_green_beside_the_old_version_has_no_step() -> None:
    strategy = read("", {"strategy": "blue-green", "by": "workers"})
    assert is_last(strategy, -1, 4)


def test_workers_that_have_the_new_version_keep_it_while_the_number_grows() -> None:
    workers = ("a", "b", "c", "d")
    assert chosen(Target(workers=1), workers, ()) == ("a",)
    assert set(chosen(Target(workers=2), workers, ("c",))) == {"c", "a"}
    assert set(chosen(Target(workers=1.2), workers, ())) == {"a", "b"}
    assert chosen(Target(), workers, ("c",)) == ()
    assert chosen(Target(workers=9), workers, ()) == workers


def test_seven_tenths_of_ten_workers_are_seven() -> None:
    seven = target_of(Strategy(Kind.CANARY, steps=(Step(0.7),), by=By.WORKERS), 0, 10)
    assert len(chosen(seven, [str(one) for one in range(10)], ())) == 7


def test_a_canary_of_whole_workers_leaves_one_on_the_old_version() -> None:
    strategy = Strategy(Kind.CANARY, steps=(Step(0.9), Step(1.0)), by=By.WORKERS)
    assert target_of(strategy, 0, 2).workers == 1
    assert target_of(strategy, 1, 2).workers == 2
