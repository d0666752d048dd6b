"""From two trees to what a release carries: which files are the program, which of them differ."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from hotpatch.bundle import change, program, trees
from hotpatch.bundle.trees import Tree
from hotpatch.errors import BuildFailed, PatchInvalid

from .forge import sha256


def test_a_program_is_what_its_application_imports() -> None:
    sources = {
        "shop/__init__.py": b"",
        "shop/wsgi.py": b"from . import views\nimport shop.models as m\n",
        "shop/views.py": b"def f():\n    from .lazy import thing\n",
        "shop/lazy.py": b"from ..other import x",
        "shop/models.py": b"import json, os.path",
        "shop/unused.py": b"",
        "tests/test_shop.py": b"import shop.unused",
        "setup.py": b"",
    }
    assert program.reached(sources, "shop.wsgi:app") == {
        "shop/__init__.py",
        "shop/wsgi.py",
        "shop/views.py",
        "shop/lazy.py",
        "shop/models.py",
    }


def test_names_imported_from_a_package_may_be_modules() -> None:
    sources = {"a.py": b"from p import q, r", "p/__init__.py": b"", "p/q.py": b"", "p/s.py": b""}
    assert program.reached(sources, "a:app") == {"a.py", "p/__init__.py", "p/q.py"}


def test_a_relative_import_in_a_package_is_relative_to_it() -> None:
    sources = {
        "p/__init__.py": b"from .q import x",
        "p/q.py": b"from .. import p\nfrom ..z import y",
        "q.py": b"",
    }
    assert program.reached(sources, "p") == {"p/__init__.py", "p/q.py"}


def test_modules_named_in_full_in_a_text_belong_to_the_program() -> None:
    sources = {
        "wsgi.py": b"APPS = ['shop.apps.Config', 'prose: nothing.of.it']\nload('plug.in_one:make')",
        "shop/__init__.py": b"",
        "shop/apps.py": b"",
        "plug/in_one.py": b"",
        "prose.py": b"",
    }
    assert program.reached(sources, "wsgi:app") == {
        "wsgi.py",
        "shop/__init__.py",
        "shop/apps.py",
        "plug/in_one.py",
    }


def test_a_module_that_does_not_compile_belongs_to_the_program_all_the_same() -> None:
    sources = {"wsgi.py": b"import broken", "broken.py": b"def ("}
    assert program.reached(sources, "wsgi:app") == {"wsgi.py", "broken.py"}


def test_further_modules_can_be_named() -> None:
    sources = {"wsgi.py": b"", "job.py": b"import job_parts", "job_parts.py": b""}
    assert program.reached(sources, "wsgi:app", ["job"]) == {"wsgi.py", "job.py", "job_parts.py"}


def test_an_application_that_is_not_there_is_said_so() -> None:
    with pytest.raises(BuildFailed, match=r"module shop\.wsgi is not in the tree"):
        program.reached({"wsgi.py": b""}, "shop.wsgi:app")


def test_a_change_carries_what_differs_and_the_base_of_all_the_program() -> None:
    old = Tree({"a.py": b"1", "b.py": b"2", "gone.py": b"3", "test_a.py": b"4"}, {"README.md": "x"})
    new = Tree({"a.py": b"1", "b.py": b"22", "new.py": b"5", "test_a.py": b"44"}, {"README.md": "y"})
    found = change.between(old, new, {"a.py", "b.py", "gone.py", "new.py"})
    assert found.sources == {"b.py": b"22", "gone.py": None, "new.py": b"5"}
    assert found.base == {"a.py": sha256(b"1"), "b.py": sha256(b"2"), "gone.py": sha256(b"3")}
    assert found.left_out == ("README.md", "test_a.py")


def test_data_files_that_differ_are_asked_for_as_the_new_version_has_them() -> None:
    old = Tree({"a.py": b"1"}, {"templates/page.html": "x", "same.json": "s", "gone.txt": "g"})
    new = Tree({"a.py": b"2"}, {"templates/page.html": "y", "same.json": "s", "more.txt": "m"})
    found = change.between(old, new, {"a.py"})
    assert found.data == {"templates/page.html": "y", "more.txt": "m"}
    assert found.gone == ("gone.txt",)
    assert found.left_out == ()


def test_data_files_that_the_author_calls_unread_are_left_out() -> None:
    old, new = Tree({"a.py": b"1"}, {}), Tree({"a.py": b"2"}, {"static/a.map": "x", "static/a.js": "y"})
    found = change.between(old, new, {"a.py"}, ["static/*.map"])
    assert (set(found.data), found.left_out) == ({"static/a.js"}, ("static/a.map",))


@pytest.mark.parametrize(
    "path",
    ["README.md", "CHANGES.rst", "LICENSE", "pyproject.toml", "requirements-dev.txt", "shop/py.typed",
     "a.pyi", "uv.lock", "Dockerfile", "docs/index.html", "tests/data/a.json", "shop/tests/a.json"],
)  # fmt: skip
def test_what_no_program_reads_is_not_asked_for(path: str) -> None:
    assert not change.may_be_read(path, {"shop/__init__.py", "shop/app.py"})


@pytest.mark.parametrize("path", ["docs/page.html", "data.txt", "readme/x.json", "shop.dist-info/METADATA"])
def test_in_doubt_a_program_may_read_a_file(path: str) -> None:
    assert change.may_be_read(path, {"docs/views.py", "shop.py"})


def test_no_difference_is_no_release() -> None:
    tree = Tree({"a.py": b""}, {})
    with pytest.raises(BuildFailed, match=r"nothing differs between the two trees$"):
        change.between(tree, tree, {"a.py"})


def test_a_difference_outside_the_program_is_no_release_and_is_named() -> None:
    with pytest.raises(BuildFailed, match=r"no part of the program: README, test_a\.py"):
        change.between(Tree({"test_a.py": b""}, {"README": "x"}), Tree({}, {}), {"a.py"})


def test_a_difference_in_data_files_alone_is_no_release_and_is_named() -> None:
    with pytest.raises(BuildFailed, match=r"no release carries data files: page\.html"):
        change.between(Tree({"a.py": b""}, {"page.html": "x"}), Tree({"a.py": b""}, {}), {"a.py"})


def test_a_path_that_a_bundle_can_not_carry_is_said_so() -> None:
    with pytest.raises(BuildFailed, match="has a character"):
        change.between(Tree({}, {}), Tree({"a:b.py": b""}, {}), {"a:b.py"})


@pytest.mark.parametrize(
    ("source", "where"),
    [(b"x = 1\ndef (:\n", "a.py, line 2: "), (b"return 1\n", "line 1: 'return' outside"), (b"x\0", "a.py")],
)
def test_a_source_that_does_not_compile_is_named_with_its_line(source: bytes, where: str) -> None:
    with pytest.raises(PatchInvalid, match=where):
        change.check_syntax({"gone.py": None, "a.py": source})


def test_reading_a_tree_passes_over_what_is_no_source(tmp_path: Path) -> None:
    for name in (
        "a.py",
        "p/b.py",
        "page.html",
        ".hidden.py",
        ".git/x.py",
        "__pycache__/c.py",
        "env/lib/d.py",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x = 1\n")
    (tmp_path / "env" / "pyvenv.cfg").write_text("")
    found = trees.read_tree(tmp_path)
    assert set(found.sources) == {"a.py", "p/b.py"}
    assert set(found.others) == {"page.html"}


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@t", "-c", "commit.gpgsign=false"]
    done = subprocess.run(
        ["git", "-C", str(folder), *identity, *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Two revisions of `src/app.py`, and a change that is in neither."""
    folder = tmp_path / "repo"
    (folder / "src").mkdir(parents=True)
    git(folder, "init", "-q", "-b", "main")
    for text in ("first", "second"):
        (folder / "src" / "app.py").write_text(f"NAME = '{text}'\n")
        git(folder, "add", ".")
        git(folder, "commit", "-q", "-m", text)
        git(folder, "tag", text)
    (folder / "src" / "app.py").write_text("NAME = 'working'\n")
    git(folder, "add", ".")
    return folder


def test_a_revision_is_written_out_as_it_was(repository: Path) -> None:
    with trees.opened("first", repository, "src", False) as root:
        assert trees.read_tree(root).sources == {"app.py": b"NAME = 'first'\n"}
    assert not root.exists()
    with trees.opened("HEAD", repository / "src", ".", False) as root:
        assert trees.read_tree(root).sources == {"app.py": b"NAME = 'second'\n"}
    with trees.opened("HEAD", repository, ".", False) as root:
        assert set(trees.read_tree(root).sources) == {"src/app.py"}


def test_opening_a_revision_leaves_the_repository_as_it_was(repository: Path) -> None:
    before = git(repository, "status", "--porcelain"), (repository / ".git" / "index").read_bytes()
    with trees.opened("first", repository, ".", False):
        pass
    assert (git(repository, "status", "--porcelain"), (repository / ".git" / "index").read_bytes()) == before


def test_a_folder_is_used_where_it_lies(repository: Path) -> None:
    with trees.opened(str(repository), Path("/nowhere"), "src", False) as root:
        assert root == (repository / "src").resolve()


def test_a_folder_that_a_program_will_be_started_in_is_copied(repository: Path) -> None:
    with trees.opened(str(repository / "src"), Path("/nowhere"), ".", True) as root:
        assert trees.read_tree(root) == trees.read_tree(repository / "src")
        (root / "written.by.it").touch()
    assert not root.exists()
    assert [path.name for path in (repository / "src").iterdir()] == ["app.py"]


@pytest.mark.parametrize(
    ("named", "below", "text"),
    [
        ("third", ".", "neither a folder nor a revision"),
        ("--help", ".", "neither a folder nor a revision"),
        ("first", "lib", "has no folder lib"),
        ("first", "../..", "outside the repository"),
    ],
)
def test_a_tree_that_is_not_there_is_said_so(repository: Path, named: str, below: str, text: str) -> None:
    with pytest.raises(BuildFailed, match=text), trees.opened(named, repository, below, False):
        pass


def test_a_revision_needs_a_repository(tmp_path: Path) -> None:
    with pytest.raises(BuildFailed, match="no git repository"), trees.opened("HEAD", tmp_path, ".", False):
        pass


def test_what_imports_a_changed_module_depends_on_it_near_or_far() -> None:
    sources = {
        "wsgi.py": b"import a, other",
        "a.py": b"def late():\n    import b",
        "b.py": b"from c import x",
        "c.py": b"",
        "other.py": b"",
        "unreached.py": b"import c",
    }
    assert program.dependents(sources, "wsgi", (), {"c.py"}) == ("a", "b", "c", "wsgi")
    assert program.dependents(sources, "wsgi", (), {"unreached.py"}) == ()


def test_whoever_runs_may_have_values_of_a_module_that_is_named_in_a_text() -> None:
    sources = {
        "wsgi.py": b"import views\nSETTINGS = 'site.settings'",
        "views.py": b"from library import settings",
        "site/settings.py": b"from site.common import *",
        "site/common.py": b"import site.paths",
        "site/paths.py": b"",
        "unreached.py": b"",
    }
    everything = ("site.common", "site.paths", "site.settings", "views", "wsgi")
    assert program.dependents(sources, "wsgi", (), {"site/settings.py"}) == everything
    assert program.dependents(sources, "wsgi", (), {"site/common.py"}) == everything
    assert "views" not in program.dependents(sources, "wsgi", (), {"site/paths.py"})
