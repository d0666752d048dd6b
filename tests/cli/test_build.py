"""build, plan and show, on a small program that is really started and measured."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hotpatch_agent.home import folder as homes

from hotpatch import bundle
from hotpatch.engine import Measurement

from .conftest import Cli

PRICING = """\
RATE = 10


def total(amount):
    return amount * RATE
"""
WSGI = """\
from shop import pricing


def app(environ, start_response):
    start_response("200 OK", [])
    return [str(pricing.total(2)).encode()]
"""
CHECK = "def check_total():\n    from shop.pricing import total\n    assert total(2) == 21\n"


@pytest.fixture
def trees(tmp_path: Path) -> Path:
    """`old` and `new` beside each other, the fix made in `new`; a test file differs as well."""
    for name in ("old", "new"):
        package = tmp_path / name / "shop"
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "pricing.py").write_text(PRICING)
        (package / "wsgi.py").write_text(WSGI)
        (tmp_path / name / "test_shop.py").write_text(f"NAME = {name!r}\n")
    (tmp_path / "new" / "shop" / "pricing.py").write_text(PRICING.replace("* RATE", "* RATE + 1"))
    (tmp_path / "check.py").write_text(CHECK)
    return tmp_path


TREES = ("--from", "old", "--to", "new", "--app", "shop.wsgi:app")
SHOP = ("--service", "shop", "--environment", "prod", "--release", "7")


def test_a_fix_is_built_measured_and_signed_by_one_command(cli: Cli, trees: Path) -> None:
    cli("keygen", "alice.key")
    ran = cli("build", *TREES, *SHOP, "--check", "check.py", "--key", "alice.key", "-m", "One more")
    assert ran.code == 0, ran.err
    assert "Plan: 1 edit live, 0 reload, 0 refused." in ran.out
    assert ran.out.splitlines()[-1].startswith("shop-7.bundle is release 7 of shop (prod): 1 file, ")
    found = bundle.inspect((trees / "shop-7.bundle").read_bytes())
    release = found.release
    assert len(found.keys) == 1
    assert (release.service, release.environment, release.version) == ("shop", "prod", 7)
    assert release.message == "One more"
    assert release.sources == {"shop/pricing.py": (trees / "new" / "shop" / "pricing.py").read_bytes()}
    assert set(release.base) == {"shop/__init__.py", "shop/pricing.py", "shop/wsgi.py"}
    assert (release.checks[0].name, release.checks[0].source) == ("check", CHECK)
    assert Measurement.load(release.measurement).app == "shop.wsgi:app"
    assert [edit.name for edit in release.plan.edits] == ["total"]


def test_a_difference_outside_the_program_is_left_out_and_named(cli: Cli, trees: Path) -> None:
    ran = cli("build", *TREES, *SHOP)
    assert "left out, no part of the program: test_shop.py" in ran.out
    assert cli("build", *TREES, *SHOP, "--json").data["left_out"] == ["test_shop.py"]


def test_data_files_that_differ_are_named_as_what_has_to_be_put_in_place(cli: Cli, trees: Path) -> None:
    (trees / "new" / "shop" / "page.html").write_text("<p>")
    (trees / "old" / "shop" / "gone.html").write_text("<p>")
    ran = cli("build", *TREES, *SHOP)
    said = " ".join(ran.out.split())
    assert "data files differ, and no release carries any: shop/page.html; put the new ones in place" in said
    assert "data files are gone in the new version: shop/gone.html; the service keeps its own" in said
    release = bundle.inspect((trees / "shop-7.bundle").read_bytes()).release
    assert set(release.data) == {"shop/page.html"}


def test_a_data_file_that_is_called_unread_is_not_asked_for(cli: Cli, trees: Path) -> None:
    (trees / "new" / "shop" / "page.map").write_text("{}")
    ran = cli("build", *TREES, *SHOP, "--unread", "*.map", "--json")
    assert (ran.data["data"], ran.data["left_out"]) == ([], ["shop/page.map", "test_shop.py"])


def test_a_plan_of_two_trees_is_read_like_this(cli: Cli, trees: Path) -> None:
    ran = cli("plan", *TREES)
    assert ran.code == 0, ran.err
    first = ran.out.splitlines()[0]
    assert first.split()[:4] == ["~", "shop.pricing.total", "body", "changed"]
    assert first.split()[4] == "live"
    assert ran.out.splitlines()[-1] == "Plan: 1 edit live, 0 reload, 0 refused."


def test_a_module_that_comes_with_the_new_version_is_no_module_that_fails_in_the_old(
    cli: Cli, trees: Path
) -> None:
    package = trees / "new" / "shop"
    (package / "gifts.py").write_text("def gift():\n    return 1\n")
    (package / "pricing.py").write_text(
        "from shop.gifts import gift\n\n\ndef later():\n    return gift()\n" + PRICING
    )
    ran = cli("plan", *TREES)
    assert ran.code == 0, ran.err
    assert "shop.gifts" in ran.out and "0 reload, 0 refused." in ran.out


def test_a_library_that_a_template_loads_is_part_of_the_program(cli: Cli, trees: Path) -> None:
    for name in ("old", "new"):
        package = trees / name / "shop"
        (package / "templatetags").mkdir()
        (package / "templatetags" / "shown.py").write_text(f"def shown():\n    return {name!r}\n")
        (package / "templatetags" / "other.py").write_text(f"raise KeyError({name!r})\n")
        (package / "page.html").write_text("{% load one from i18n %}{% load static shown %}<p>{{ 1 }}</p>")
    ran = cli("plan", *TREES)
    assert ran.code == 0, ran.err
    assert "shop.templatetags.shown.shown" in ran.out
    assert "left out, no part of the program: shop/templatetags/other.py" in ran.out


def test_a_plan_that_goes_in_in_one_step_says_so_and_why(cli: Cli, trees: Path) -> None:
    pricing = trees / "new" / "shop" / "pricing.py"
    pricing.write_text(pricing.read_text().replace("def total", "async def total"))
    ran = cli("plan", *TREES)
    said = " ".join(ran.out.split())
    assert "live (barrier)" in said
    assert "in one step: calls return another kind of object: def, async or generator" in said
    assert said.endswith("new requests are held for a moment while those in flight end.")
    grades = {edit["grade_reason"]: edit["grade"] for edit in cli("plan", *TREES, "--json").data["edits"]}
    assert grades["calls return another kind of object: def, async or generator"] == "barrier"


def test_a_plan_of_a_bundle_is_the_one_that_was_signed(cli: Cli, trees: Path) -> None:
    built = cli("build", *TREES, *SHOP, "--json").data["plan"]
    shown = cli("plan", "shop-7.bundle", "--json").data
    assert {key: shown[key] for key in built} == built
    assert shown["effect"] == "live"


def test_a_start_writes_nothing_into_the_trees(cli: Cli, trees: Path) -> None:
    for name in ("old", "new"):
        path = trees / name / "shop" / "wsgi.py"
        path.write_text("open('left-behind', 'w').close()\n" + path.read_text())
    before = sorted(path for path in trees.rglob("*"))
    assert cli("plan", *TREES).code == 0
    assert sorted(path for path in trees.rglob("*")) == before


def test_what_is_inside_can_be_shown(cli: Cli, trees: Path) -> None:
    cli("build", *TREES, *SHOP, "--check", "check.py", "--http", "GET / -> 200 contains 21", "--set", "a=b")
    ran = cli("show", "shop-7.bundle")
    assert ran.code == 0
    for text in ("~ shop/pricing.py", "GET / -> 200 contains 21", "nobody", "set a", "shop.pricing.total"):
        assert text in ran.out
    ran = cli("show", "shop-7.bundle", "--file", "shop/pricing.py")
    assert ran.out == (trees / "new" / "shop" / "pricing.py").read_text()
    assert cli("show", "shop-7.bundle", "--file", "check.py").out == CHECK
    assert cli("show", "shop-7.bundle", "--file", "shop/none.py").code == 12
    data = cli("show", "shop-7.bundle", "--json").data
    assert data["settings"] == {"a": "b"}
    assert [check["kind"] for check in data["checks"]] == ["python", "http"]


def test_no_difference_is_no_release(cli: Cli, trees: Path) -> None:
    ran = cli("build", "--from", "old", "--to", "old", "--app", "shop.wsgi:app", *SHOP)
    assert ran.code == 31
    assert "nothing differs between old and old" in ran.err
    assert not (trees / "shop-7.bundle").exists()


def test_a_source_that_does_not_compile_is_named_with_its_line(cli: Cli, trees: Path) -> None:
    (trees / "new" / "shop" / "pricing.py").write_text("RATE = 10\n\ndef total(:\n")
    ran = cli("build", *TREES, *SHOP)
    assert ran.code == 33
    assert "shop/pricing.py, line 3: " in ran.err
    assert not (trees / "shop-7.bundle").exists()


def test_a_new_source_that_does_not_start_is_named(cli: Cli, trees: Path) -> None:
    (trees / "new" / "shop" / "pricing.py").write_text(PRICING + "\nraise ValueError('no')\n")
    ran = cli("build", *TREES, *SHOP)
    assert ran.code == 33
    assert "ValueError: no (shop/pricing.py, line 7)" in ran.err


def test_an_old_source_that_does_not_start_is_named(cli: Cli, trees: Path) -> None:
    (trees / "old" / "shop" / "pricing.py").write_text("raise ValueError('no')\n")
    ran = cli("build", *TREES, *SHOP)
    assert ran.code == 31
    assert "ValueError: no (shop/pricing.py, line 1)" in ran.err


def test_without_measuring_anything_can_be_built(cli: Cli, trees: Path) -> None:
    (trees / "new" / "shop" / "pricing.py").write_text("def total(:\n")
    ran = cli("build", *TREES, *SHOP, "--no-measure")
    assert ran.code == 0, ran.err
    release = bundle.inspect((trees / "shop-7.bundle").read_bytes()).release
    assert (release.measurement, release.plan.edits) == (b"", ())
    ran = cli("plan", "shop-7.bundle")
    assert "was not measured when it was built" in ran.out


def test_the_home_says_what_is_not_given(cli: Cli, trees: Path) -> None:
    service = homes.Service("shop", "live", "shop.wsgi:app", str(trees / "old"))
    homes.create(trees / "home", service)
    ran = cli("build", "--to", "new", "--home", "home", "--json")
    assert ran.code == 0, ran.err
    told = {key: ran.data[key] for key in ("service", "environment", "version", "bundle")}
    assert told == {"service": "shop", "environment": "live", "version": 1, "bundle": "shop-1.bundle"}


def test_two_revisions_of_a_repository_will_do(cli: Cli, trees: Path) -> None:
    repository = trees / "repository"

    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=t", "-c", "user.email=t@t", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", "-C", repository, *identity, *arguments], check=True, capture_output=True)

    for name in ("old", "new"):
        shutil.copytree(trees / name, repository / "src", dirs_exist_ok=True)
        if name == "old":
            git("init", "-q")
        git("add", ".")
        git("commit", "-q", "-m", name)
    there = ["--repo", repository, "--root", "src", "--app", "shop.wsgi:app"]
    ran = cli("build", "--from", "HEAD~1", "--to", "HEAD", *there, *SHOP, "--json")
    assert ran.code == 0, ran.err
    assert ran.data["sources"] == ["shop/pricing.py"]
    ran = cli("plan", "--from", "v1", "--to", "HEAD", *there)
    assert ran.code == 31
    assert "'v1' is neither a folder nor a revision" in ran.err


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["--to", "new", "--app", "shop.wsgi:app", *SHOP], 64, "--from"),
        (["--from", "old", "--app", "shop.wsgi:app", *SHOP], 64, "--to"),
        (["--from", "old", "--to", "new", *SHOP], 64, "--app"),
        ([*TREES, *SHOP[2:]], 64, "--service"),
        ([*TREES, *SHOP[:4]], 64, "--release"),
        ([*TREES, *SHOP, "--set", "hold"], 64, "KEY=VALUE"),
        ([*TREES, *SHOP, "--set", "hold=long"], 64, "hold"),
        ([*TREES, *SHOP, "--http", "fetch it"], 64, "is no probe"),
        ([*TREES, *SHOP, "--expires", "0d"], 64, "between"),
        ([*TREES, *SHOP, "--service", "my shop"], 64, "is no name"),
        ([*TREES, *SHOP, "--check", "none.py"], 31, "no check none.py"),
        ([*TREES, *SHOP, "--check", "old/test_shop.py"], 31, "checks nothing"),
        ([*TREES, *SHOP, "--transformers", "none.py"], 31, "none.py"),
        ([*TREES, *SHOP, "--key", "none.key"], 30, "none.key"),
        ([*TREES, *SHOP, "--python", "/nonexistent/python"], 31, "does not answer"),
        (
            ["--from", "old", "--to", "new", "--app", "bank.wsgi:app", *SHOP],
            31,
            "bank.wsgi is not",
        ),
    ],
)
def test_what_makes_no_sense_builds_nothing(
    cli: Cli, trees: Path, arguments: list[str], code: int, text: str
) -> None:
    before = sorted(trees.rglob("*"))
    ran = cli("build", *arguments)
    assert (ran.code, ran.out) == (code, "")
    assert text in ran.err
    assert ran.err.count("\n") == 1
    assert sorted(trees.rglob("*")) == before


def test_a_plan_is_of_a_bundle_or_of_two_trees(cli: Cli, trees: Path) -> None:
    assert cli("plan").code == 64
    assert cli("plan", "x.bundle", *TREES).code == 64


def test_checks_of_one_name_are_told_apart(cli: Cli, trees: Path) -> None:
    probes = ["--http", "GET /", "--http", "/a?b=c -> 404", "--http", "GET /a"]
    ran = cli("build", *TREES, *SHOP, "--check", "check.py", "--check", "check.py", *probes, "--no-measure")
    assert ran.code == 0, ran.err
    release = bundle.inspect((trees / "shop-7.bundle").read_bytes()).release
    assert [check.name for check in release.checks] == ["check", "check-2", "GET", "GET-a", "GET-a-2"]
    assert [(check.method, check.path, check.status) for check in release.checks[2:]] == [
        ("GET", "/", 200),
        ("GET", "/a?b=c", 404),
        ("GET", "/a", 200),
    ]


def test_another_environment_s_interpreter_of_the_same_version_measures(cli: Cli, trees: Path) -> None:
    base = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    if not base.exists():
        pytest.skip("the interpreter that the environment was made of is not where it usually is")
    ran = cli("plan", *TREES, "--python", base)
    assert ran.code == 0, ran.err
    assert "Plan: 1 edit live" in ran.out
