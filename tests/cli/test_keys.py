"""keygen, sign and verify: from a key to a bundle that a service would accept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hotpatch_agent.home import folder as homes

from hotpatch import bundle, trust
from tests.bundle.forge import OLD, honest_release

from .conftest import Cli


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The home of the service that the honest release is for, its sources beside it."""
    root = tmp_path / "src"
    (root / "shop").mkdir(parents=True)
    (root / "shop" / "pricing.py").write_bytes(OLD)
    (root / "shop" / "cart.py").write_bytes(b"cart = []\n")
    service = homes.Service("shop", "production", "shop.wsgi:app", str(root))
    return homes.create(tmp_path / "home", service).path


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """The honest release, unsigned, not measured, for any Python and any time."""
    path = tmp_path / "fix.bundle"
    path.write_bytes(bundle.build(honest_release(measurement=b"")))
    return path


def test_keygen_makes_a_pair_and_keeps_the_private_half_private(cli: Cli, tmp_path: Path) -> None:
    ran = cli("keygen", "alice.key", "--json")
    assert ran.code == 0
    assert (tmp_path / "alice.key").stat().st_mode & 0o777 == 0o600
    public = json.loads((tmp_path / "alice.pub").read_text())
    assert public["keyid"] == ran.data["keyid"]
    assert public["name"] == "alice"


def test_keygen_makes_a_trust_root(cli: Cli, home: Path) -> None:
    ran = cli("keygen", "alice.key", "--trust", home)
    assert ran.code == 0, ran.err
    assert "trusts 1 key, and a release needs 1 signature" in ran.out
    root = trust.read_root(home / "trust" / "root.json")
    assert (root.version, root.threshold) == (1, 1)


def test_a_trust_root_is_extended_only_with_its_root_key(cli: Cli, home: Path, tmp_path: Path) -> None:
    cli("keygen", "alice.key", "--trust", home)
    before = (home / "trust" / "root.json").read_bytes()
    for arguments in (["--trust", home], ["--trust", home, "--root-key", "bob.key"]):
        assert cli("keygen", "bob.key", *arguments).code == 30
        assert not (tmp_path / "bob.key").exists()
    assert (home / "trust" / "root.json").read_bytes() == before
    ran = cli("keygen", "bob.key", "--trust", home, "--root-key", "alice.key", "--threshold", 2, "--json")
    assert (ran.code, ran.data["version"], ran.data["threshold"], len(ran.data["keys"])) == (0, 2, 2, 2)
    assert (home / "trust" / "1.root.json").read_bytes() == before
    assert (home / "trust" / "2.root.json").exists()


def test_a_release_key_may_not_extend_the_trust_root(cli: Cli, home: Path) -> None:
    cli("keygen", "alice.key", "--trust", home)
    cli("keygen", "bob.key", "--trust", home, "--root-key", "alice.key")
    ran = cli("keygen", "eve.key", "--trust", home, "--root-key", "bob.key")
    assert ran.code == 30
    assert "bob" in ran.err
    assert "may not change the trust root" in ran.err


def test_somebody_else_s_public_key_can_be_trusted_from_the_start(cli: Cli, home: Path) -> None:
    cli("keygen", "bob.key")
    ran = cli("keygen", "alice.key", "--trust", home, "--add", "bob.pub", "--threshold", 2, "--json")
    assert (ran.code, ran.data["threshold"], len(ran.data["keys"])) == (0, 2, 2)


def test_a_trust_root_is_renewed_without_a_new_key(cli: Cli, home: Path) -> None:
    cli("keygen", "alice.key", "--trust", home, "--expires", "1d")
    before = trust.read_root(home / "trust" / "root.json").expires
    assert cli("keygen", "--trust", home, "--root-key", "alice.key", "--expires", "30d").code == 0
    assert (trust.read_root(home / "trust" / "root.json").expires - before).days == 29


def test_a_retired_key_s_releases_are_accepted_no_more(cli: Cli, home: Path, signed_release: Path) -> None:
    cli("keygen", "bob.key", "--trust", home, "--root-key", "alice.key")
    assert cli("verify", signed_release, "--home", home).code == 0
    ran = cli("keygen", "--retire", "alice.pub", "--trust", home, "--root-key", "alice.key", "--json")
    assert (ran.code, len(ran.data["keys"])) == (0, 1)
    assert cli("verify", signed_release, "--home", home).code == 16
    assert cli("keygen", "--retire", "alice.pub", "--trust", home, "--root-key", "alice.key").code == 30


def test_the_last_key_can_not_be_retired(cli: Cli, home: Path) -> None:
    cli("keygen", "alice.key", "--trust", home)
    ran = cli("keygen", "--retire", "alice.pub", "--trust", home, "--root-key", "alice.key")
    assert ran.code == 30
    assert trust.read_root(home / "trust" / "root.json").version == 1


def test_a_trust_root_needs_a_first_key(cli: Cli, home: Path) -> None:
    ran = cli("keygen", "--trust", home)
    assert ran.code == 30
    assert "name the KEY to begin with" in ran.err


def test_a_passphrase_comes_from_the_environment_where_nobody_can_be_asked(
    cli: Cli, release: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOTPATCH_PASSPHRASE", "secret")
    assert cli("keygen", "alice.key", "--passphrase").code == 0
    assert cli("sign", release, "--key", "alice.key").code == 0
    monkeypatch.setenv("HOTPATCH_PASSPHRASE", "wrong")
    assert cli("sign", release, "--key", "alice.key").code == 30
    monkeypatch.delenv("HOTPATCH_PASSPHRASE")
    monkeypatch.setattr("sys.stdin", open("/dev/null"))  # noqa: SIM115 - pytest puts its own stdin back
    ran = cli("sign", release, "--key", "alice.key")
    assert ran.code == 30
    assert "HOTPATCH_PASSPHRASE" in ran.err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ([], 64),
        (["--add", "x.pub"], 64),
        (["a.key", "--threshold", "2"], 64),
        (["a.key", "--trust", "nowhere"], 10),
        (["a.key", "--trust", ".", "--expires", "soon"], 64),
        (["--trust", ".", "--add", "none.pub"], 30),
        (["none/a.key"], 30),
    ],
)
def test_what_makes_no_sense_makes_no_key(cli: Cli, tmp_path: Path, arguments: list[str], code: int) -> None:
    assert cli("keygen", *arguments).code == code
    assert list(tmp_path.iterdir()) == []


def test_signing_writes_in_place_or_elsewhere(cli: Cli, release: Path, tmp_path: Path) -> None:
    unsigned = release.read_bytes()
    cli("keygen", "alice.key")
    cli("keygen", "bob.key")
    ran = cli("sign", release, "--key", "alice.key", "-o", "signed.bundle")
    assert (ran.code, release.read_bytes()) == (0, unsigned)
    assert "bears 1 signature now: release 5 of shop" in ran.out
    ran = cli("sign", "signed.bundle", "--key", "alice.key", "--key", "bob.key", "--json")
    assert (ran.code, len(ran.data["keys"])) == (0, 2)
    assert len(bundle.inspect((tmp_path / "signed.bundle").read_bytes()).keys) == 2


def test_nothing_is_signed_that_is_no_bundle(cli: Cli, tmp_path: Path) -> None:
    cli("keygen", "alice.key")
    (tmp_path / "x.bundle").write_text("hello")
    assert cli("sign", "x.bundle", "--key", "alice.key").code == 12
    assert (tmp_path / "x.bundle").read_text() == "hello"


def rules(data: dict[str, object]) -> dict[str, object]:
    listed = data["rules"]
    assert isinstance(listed, list)
    return {rule["rule"]: rule["holds"] for rule in listed}


@pytest.fixture
def signed_release(cli: Cli, home: Path, release: Path, tmp_path: Path) -> Path:
    """As `release`, still unexpired, signed by the key that `home` trusts."""
    from datetime import UTC, datetime, timedelta

    now = datetime.now(UTC).replace(microsecond=0)
    built = bundle.build(honest_release(measurement=b"", created=now, expires=now + timedelta(days=1)))
    release.write_bytes(built)
    cli("keygen", "alice.key", "--trust", home)
    assert cli("sign", release, "--key", "alice.key").code == 0
    return release


def test_verify_says_that_a_service_would_accept(cli: Cli, home: Path, signed_release: Path) -> None:
    ran = cli("verify", signed_release, "--home", home)
    assert ran.code == 0, ran.out
    assert ran.out.splitlines()[-1] == f"{signed_release} would be accepted by this service."
    assert [line.split()[1] for line in ran.out.splitlines()[:-1]] == ["ok"] * 12
    assert cli("verify", signed_release, "--home", home, "--json").data["accepted"] is True


def test_verify_names_every_rule_that_does_not_hold_and_exits_with_the_first(
    cli: Cli, home: Path, signed_release: Path
) -> None:
    (home.parent / "src" / "shop" / "pricing.py").write_text("def price():\n    return 7\n")
    other = home.parent / "other.bundle"
    other.write_bytes(bundle.build(honest_release(measurement=b"", service="bank")))
    ran = cli("verify", other, "--home", home, "--json")
    assert ran.code == 15
    told = rules(ran.data)
    assert {name for name, holds in told.items() if holds is False} == {"signatures", "service", "base"}
    ran = cli("verify", signed_release, "--home", home)
    assert ran.code == 20
    assert "shop.pricing differs" in ran.out


def test_verify_without_a_home_names_what_it_could_not_ask(
    cli: Cli, home: Path, signed_release: Path
) -> None:
    root = home / "trust" / "root.json"
    ran = cli("verify", signed_release, "--trust-root", root, "--json")
    assert (ran.code, ran.data["accepted"]) == (0, False)
    told = rules(ran.data)
    assert {name for name, holds in told.items() if holds is None} == {"service", "version", "python", "base"}
    options = ["--service", "shop", "--environment", "production", "--sources", home.parent / "src"]
    told = rules(cli("verify", signed_release, "--trust-root", root, *options, "--json").data)
    assert {name for name, holds in told.items() if holds is None} == {"version", "python"}


def test_verify_needs_to_know_whom_to_trust(cli: Cli, release: Path) -> None:
    assert cli("verify", release).code == 64
    assert cli("verify", release, "--trust-root", "none.json").code == 30


@pytest.mark.parametrize("command", ["show", "sign", "verify", "plan"])
def test_a_bundle_that_is_not_there_is_said_so(cli: Cli, home: Path, command: str) -> None:
    cli("keygen", "alice.key", "--trust", home)
    extra = {"sign": ["--key", "alice.key"], "verify": ["--home", home]}.get(command, [])
    ran = cli(command, "none.bundle", *extra)
    assert (ran.code, ran.out) == (12, "")
    assert "there is no bundle none.bundle" in ran.err


def test_a_folder_that_is_no_home_is_said_so(cli: Cli, release: Path, tmp_path: Path) -> None:
    assert cli("verify", release, "--home", tmp_path / "none").code == 10
    (tmp_path / "empty").mkdir()
    assert cli("verify", release, "--home", tmp_path / "empty").code == 11
