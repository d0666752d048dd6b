"""Data files that a release was measured with, on real gunicorn: they have to be in place."""

from __future__ import annotations

from pathlib import Path

from hotpatch_agent.home import facts

from tests.agent.pushing import Pusher, settled
from tests.agent.shop import APP, bodies, make

OLD = {
    **APP,
    "shop.py": """
from pathlib import Path

def answer(path):
    return "old " + Path(__file__).with_name("page.txt").read_text()
""",
    "page.txt": "before",
}
NEW = {**OLD, "shop.py": OLD["shop.py"].replace("old ", "new "), "page.txt": "after"}


def test_a_release_is_refused_until_the_data_files_it_was_measured_with_are_there(
    tmp_path: Path,
) -> None:
    pusher = Pusher(tmp_path)
    with make(pusher, workers=2, files=OLD) as service:
        settled(pusher, service, 2)
        fact = pusher.push(OLD, NEW)
        assert isinstance(fact, facts.Refused)
        assert "page.txt" in fact.problem.text
        assert set(bodies(service, 10)) == {"old before"}
        (service.root / "page.txt").write_text(NEW["page.txt"])
        assert isinstance(pusher.push(OLD, NEW), facts.Settled)
        assert set(bodies(service, 10)) == {"new after"}
