"""Django: URLs, templates and models follow the code.  In a process of its own: its settings are for ever."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

PROGRAM = {
    "shop_urls.py": """
        import re
        from django.http import HttpResponse
        from django.urls import include, path
        from django.utils.functional import SimpleLazyObject
        PATTERN = "a+"
        def compiled(): return re.compile(PATTERN)
        words = SimpleLazyObject(compiled)
        def later(pattern): return SimpleLazyObject(lambda: re.compile(pattern))
        others = later("a+")
        def front(request): return HttpResponse("front")
        def old(request): return HttpResponse("old")
        urlpatterns = [path("", front, name="front"), path("sub/", include("shop_sub"))]
    """,
    "shop_sub.py": """
        from django.http import HttpResponse
        from django.urls import path
        app_name = "sub"
        def one(request): return HttpResponse("one")
        urlpatterns = [path("one", one, name="one")]
    """,
    "shop_tags.py": """
        from django import template
        register = template.Library()
        @register.filter
        def mark(text): return text + "!"
    """,
}

SETUP = """
    import django
    from django.conf import settings
    pages = {"page": "{% load shop_tags %}{{ 'hi'|mark }}", "plain": "plain"}
    loaders = [("django.template.loaders.cached.Loader", [("django.template.loaders.locmem.Loader", pages)])]
    settings.configure(
        ROOT_URLCONF="shop_urls", ALLOWED_HOSTS=["*"], SECRET_KEY="x", USE_I18N=True,
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates",
                    "OPTIONS": {"loaders": loaders, "libraries": {"shop_tags": "shop_tags"}}}],
    )
    django.setup()
    from django.test import Client
    from django.urls import NoReverseMatch, path, reverse
    from django.template import engines
    from hotpatch.engine.commit import commit
    from hotpatch.ops import ABSENT, Op, SlotKind
    from hotpatch.refresh import begin
    from tests.refresh.programs import asked_for_ever, elements, item, new_code, new_global
    client = Client()
    def get(url): return client.get(url).content.decode()
    def apply(*ops):
        with begin(ops, root=ROOT) as round_:
            undo = commit(ops)
        assert round_.report.failures == (), round_.report.failures
        return undo
    assert get("/") == "front" and get("/sub/one") == "one"
    assert reverse("sub:one") == "/sub/one"
    import shop_urls, shop_sub, shop_tags
"""


@pytest.fixture
def run(tmp_path: Path) -> object:
    for name, text in PROGRAM.items():
        (tmp_path / name).write_text(dedent(text))
    home = str(Path(__file__).parents[2])

    def in_process(code: str) -> None:
        head = f"import sys; ROOT = {str(tmp_path)!r}; sys.path[:0] = [ROOT, {home!r}]"
        source = "\n".join([head, dedent(SETUP), dedent(code)])
        done = subprocess.run(
            [sys.executable, "-c", source], capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr

    return in_process


def test_a_url_that_came_is_resolved_and_reversed(run: object) -> None:
    run(  # type: ignore[operator]
        """
        assert client.get("/old").status_code == 404
        new = [*shop_urls.urlpatterns, path("old", shop_urls.old, name="old")]
        undo = apply(elements(shop_urls.urlpatterns, new))
        assert get("/old") == "old" and reverse("old") == "/old"
        with begin(undo.ops, undo=True, root=ROOT):
            undo.revert()
        assert client.get("/old").status_code == 404
        try:
            reverse("old")
        except NoReverseMatch:
            pass
        else:
            raise AssertionError("still reversed")
        """
    )


def test_a_url_that_came_in_an_included_module_is_resolved_and_reversed(run: object) -> None:
    run(  # type: ignore[operator]
        """
        two = path("two", shop_sub.one, name="two")
        apply(new_global(shop_sub, "urlpatterns", [*shop_sub.urlpatterns, two]))
        assert get("/sub/two") == "one" and reverse("sub:two") == "/sub/two"
        assert reverse("sub:one") == "/sub/one"
        """
    )


def test_tables_of_all_languages_are_renewed(run: object) -> None:
    run(  # type: ignore[operator]
        """
        from django.utils.translation import override
        with override("de"):
            assert reverse("sub:one") == "/sub/one"
        two = path("two", shop_sub.one, name="two")
        apply(elements(shop_sub.urlpatterns, [*shop_sub.urlpatterns, two]))
        for language in ("de", "fr", "en-us"):
            with override(language):
                assert reverse("sub:two") == "/sub/two"
        """
    )


def test_a_pattern_that_nobody_has_asked_stays_as_it_is_after_a_start(run: object) -> None:
    run(  # type: ignore[operator]
        """
        from django.urls import include
        inner = [path("deep", shop_sub.one, name="deep")]
        came = [path("two", shop_sub.one, name="two"), path("in/", include((inner, "inner")))]
        every = [one for pattern in (*came, *inner) for one in (pattern, pattern.pattern)]
        def told(): return [dict(vars(one)) for one in every]
        before = told()
        apply(elements(shop_sub.urlpatterns, [*shop_sub.urlpatterns, *came]))
        assert told() == before
        assert reverse("sub:two") == "/sub/two" and reverse("sub:inner:deep") == "/sub/in/deep"
        assert get("/sub/in/deep") == "one" and get("/sub/two") == "one"
        """
    )


def test_namespaces_lead_to_the_resolvers_that_live(run: object) -> None:
    run(  # type: ignore[operator]
        """
        from django.urls import get_resolver, include
        inner = include(([path("deep", shop_sub.one, name="deep")], "inner"))
        outer = path("out/", include([path("in/", inner)]))
        apply(elements(shop_urls.urlpatterns, [*shop_urls.urlpatterns, outer]))
        assert reverse("inner:deep") == "/out/in/deep"
        live = {id(shop_urls.urlpatterns[1]), id(outer.url_patterns[0])}
        assert {id(below) for _, below in get_resolver().namespace_dict.values()} == live
        """
    )


def test_templates_are_compiled_again_where_tags_changed(run: object) -> None:
    run(  # type: ignore[operator]
        """
        def page(name): return engines["django"].get_template(name).render()
        kept = engines["django"].get_template("page").template
        assert page("page") == "hi!"
        apply(new_code(shop_urls.front, "def front(request): return HttpResponse('new')"))
        assert get("/") == "new"
        assert engines["django"].get_template("page").template is kept, "a view is nothing to a template"
        def mark(text): return text + "?"
        apply(item(shop_tags.register.filters, "mark", mark), new_global(shop_tags, "mark", mark))
        assert page("page") == "hi?"
        """
    )


def test_a_lazy_object_in_a_module_that_changed_is_not_woken(run: object) -> None:
    run(  # type: ignore[operator]
        """
        from django.utils.functional import SimpleLazyObject, empty
        late = SimpleLazyObject(dict)
        apply(new_global(shop_urls, "late", late))
        assert object.__getattribute__(late, "_wrapped") is empty
        """
    )


def test_what_a_lazy_object_has_computed_is_forgotten_where_its_source_changes(run: object) -> None:
    run(  # type: ignore[operator]
        """
        assert shop_urls.words.match("a") and shop_urls.others.match("a")
        kept = object.__getattribute__(shop_urls.others, "_wrapped")
        undo = apply(new_global(shop_urls, "PATTERN", "b+"))
        assert shop_urls.words.match("b") and not shop_urls.words.match("a")
        assert object.__getattribute__(shop_urls.others, "_wrapped") is kept, "nothing of it changed"
        (cell,) = object.__getattribute__(shop_urls.others, "_setupfunc").__closure__
        apply(Op(cell, SlotKind.CELL, None, cell.cell_contents, "c+", "a variable"))
        assert shop_urls.others.match("c") and not shop_urls.others.match("a")
        """
    )


def test_requests_go_on_while_tables_are_renewed(run: object) -> None:
    run(  # type: ignore[operator]
        """
        def ask():
            assert reverse("sub:one") == "/sub/one" and get("/sub/one") == "one"
        with asked_for_ever(ask):
            for number in range(30):
                more = [p for p in shop_sub.urlpatterns if p.name == "one"]
                more.append(path(f"n{number}", shop_sub.one, name=f"n{number}"))
                apply(elements(shop_sub.urlpatterns, more))
                assert reverse(f"sub:n{number}") == f"/sub/n{number}"
        """
    )


def test_a_django_that_is_imported_and_not_configured_is_left_alone(run: object, tmp_path: Path) -> None:
    code = "import django.apps\nfrom hotpatch.refresh import begin\nprint(begin(()).complete().failures)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.strip() == "()"


ROUTES = """
    from django.conf import settings
    if not settings.configured:
        settings.configure(ROOT_URLCONF="shop_routes", ALLOWED_HOSTS=["*"], SECRET_KEY="x")
    import django
    django.setup()
    from django.http import HttpResponse
    from django.urls import path, re_path, register_converter
    class Code:
        regex = "{code}"
        def to_python(self, value): return value
        def to_url(self, value): return value
    if "code" not in __import__("django.urls.converters", fromlist=["x"]).get_converters():
        register_converter(Code, "code")
    def show(request, what): return HttpResponse(repr(what))
    urlpatterns = [
        path("a/<{a}:what>/", show, name="a"),
        path("b/<int:what>/", show, name="b"),
        path("c/<code:what>/", show, name="c"),
        re_path("^d/(?P<what>{d})/$", show, name="d"),
    ]
"""
BEFORE = {"a": "int", "code": "[a-c]+", "d": "[a-c]+"}


@pytest.mark.parametrize(
    ("what", "url"),
    [({"a": "str"}, "/a/x/"), ({"code": "[a-z]+"}, "/c/x/"), ({"d": "[a-z]+"}, "/d/x/")],
    ids=["its converter", "its converter's expression", "its own expression"],
)
def test_a_route_that_was_asked_and_changes_is_matched_as_it_is_now(
    tmp_path: Path, what: dict[str, str], url: str
) -> None:
    for folder, words in (("old", BEFORE), ("live", BEFORE), ("new", {**BEFORE, **what})):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "shop_routes.py").write_text(dedent(ROUTES).format(**words))
    code = f"""
        import sys
        sys.path.insert(0, "live")
        import shop_routes, hotpatch
        from django.test import Client
        def get(url):
            response = Client().get(url)
            return response.status_code, response.content.decode()
        assert [get(at)[1] for at in ("/a/1/", "/b/1/", "/c/a/", "/d/a/")] == ["1", "1", "'a'", "'a'"]
        assert get({url!r})[0] == 404
        outcome = hotpatch.patch("old", "new", root="live")
        assert outcome, outcome.reasons
        assert get({url!r}) == (200, "'x'")
        assert get("/b/1/") == (200, "1") and get("/b/x/")[0] == 404
        outcome.undo.revert()
        assert get({url!r})[0] == 404 and get("/a/1/") == (200, "1")
    """
    home = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", dedent(code)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False, cwd=tmp_path, env=home
    )
    assert done.returncode == 0, done.stderr


PAGES = """
    import os
    from django.conf import settings
    import django
    os.environ["DJANGO_SETTINGS_MODULE"] = "shop_settings"
    django.setup()
    from django.core.handlers.wsgi import WSGIHandler
    app = WSGIHandler()
    import shop_pages
"""


def test_a_module_reads_the_settings_that_it_did_not_know(tmp_path: Path) -> None:
    """They have been asked for more since the start; that is no other value, but the one object that all
    have."""
    pages = (
        "from django.http import HttpResponse\nfrom django.urls import path\n{}"
        "def page(request): return HttpResponse({})\nurlpatterns = [path('', page)]\n"
    )
    files = {
        "main.py": dedent(PAGES),
        "shop_settings.py": "ROOT_URLCONF, ALLOWED_HOSTS, SECRET_KEY, SIZE = 'shop_pages', ['*'], 'x', 5\n",
    }
    new = pages.format(
        "from django.conf import settings\nSIZE = settings.SIZE\n", "f'{SIZE} {settings.SIZE}'"
    )
    for folder, text in (("old", pages.format("", "'none'")), ("new", new)):
        (tmp_path / folder).mkdir()
        for name, source in (files | {"shop_pages.py": text}).items():
            (tmp_path / folder / name).write_text(source)
    shutil.copytree(tmp_path / "old", tmp_path / "run")
    code = """
        import sys
        sys.path[:0] = ["run"]
        import main
        from django.test import Client
        assert Client().get("/").content == b"none"
        import hotpatch
        outcome = hotpatch.patch("old", "new", root="run", modules=["main"])
        assert outcome, outcome.reasons
        from django.conf import settings
        assert Client().get("/").content == b"5 5"
        assert sys.modules["shop_pages"].settings is settings
    """
    home = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-c", dedent(code)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=tmp_path,
        env=home,
    )
    assert done.returncode == 0, done.stderr
