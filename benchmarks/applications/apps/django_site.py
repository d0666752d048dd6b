import os

import django
from django.conf import settings

DATA = os.environ.get("APPLICATION_DATA", "")
settings.configure(
    DEBUG=False, SECRET_KEY="k" * 50, ALLOWED_HOSTS=["*"], ROOT_URLCONF="site_app", USE_TZ=True,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "file:site?mode=memory&cache=shared"}},
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "django.contrib.messages", "django.contrib.admin"],
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware", "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware", "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware", "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ],
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True, "OPTIONS": {"context_processors": [
        "django.template.context_processors.request", "django.contrib.auth.context_processors.auth",
        "django.contrib.messages.context_processors.messages"]}}],
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
    CACHES={"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}},
    LOGGING_CONFIG=None,
)
django.setup()

from django import forms  # noqa: E402
from django.contrib import admin  # noqa: E402
from django.contrib.auth import authenticate, login  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.core.cache import cache  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.paginator import Paginator  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.http import Http404, HttpResponse, JsonResponse, StreamingHttpResponse  # noqa: E402
from django.shortcuts import get_object_or_404, redirect  # noqa: E402
from django.template import engines  # noqa: E402
from django.urls import include, path, re_path, reverse  # noqa: E402
from django.views import View  # noqa: E402
from django.views.decorators.csrf import csrf_exempt  # noqa: E402
from django.views.generic import ListView, TemplateView  # noqa: E402

asked = {"count": 0}


class Person(forms.Form):
    name = forms.CharField(max_length=5)
    mail = forms.EmailField(required=False)
    age = forms.IntegerField(min_value=0, required=False)
    site = forms.URLField(required=False)


def ready():
    if not asked.get("ready"):
        call_command("migrate", verbosity=0)
        User.objects.create_superuser("ada", "ada@a.example", "x")
        asked["ready"] = True


def home(request):
    ready()
    asked["count"] += 1
    template = engines["django"].from_string(
        "{% load humanize_missing %}" if request.GET.get("bad") else
        "{{ n }} {{ text|truncatewords_html:2 }} {{ text|urlize }} {{ d|dictsort:'a' }} {% url 'user' 'ada' %} {{ 'a b'|slugify }} {{ 1234.5|floatformat:2 }}"
    )
    return HttpResponse(template.render({"n": asked["count"], "text": "see <b>http://a.example and more</b>", "d": [{"a": 2}, {"a": 1}]}, request))


@csrf_exempt
def form(request):
    person = Person(request.POST or None)
    return JsonResponse({"valid": person.is_valid(), "errors": person.errors.get_json_data(), "html": person.as_p()})


@csrf_exempt
def enter(request):
    ready()
    user = authenticate(request, username=request.POST["user"], password=request.POST["password"])
    if user is None:
        raise Http404("nobody")
    login(request, user)
    return redirect("who")


def who(request):
    request.session["seen"] = request.session.get("seen", 0) + 1
    return JsonResponse({"user": str(request.user), "seen": request.session["seen"]})


def user(request, name):
    ready()
    found = get_object_or_404(User, username=name)
    return JsonResponse({"name": found.username, "staff": found.is_staff, "url": reverse("user", args=[name])})


class Pages(View):
    def get(self, request, number):
        page = Paginator(range(25), 10).get_page(number)
        return JsonResponse({"items": list(page), "next": page.has_next(), "cached": cache.get_or_set("x", number)})


class Users(ListView):
    queryset = User.objects.filter(username__icontains="a").order_by("-id")

    def render_to_response(self, context, **kwargs):
        return HttpResponse(", ".join(f"{u.pk} {u}" for u in context["object_list"]))


def rows(request):
    return StreamingHttpResponse(f"{n}\n" for n in range(3))


def fail(request):
    raise ValueError("oh")


urlpatterns = [
    path("", home), path("form", form), path("login", enter), path("who", who, name="who"), path("user/<slug:name>", user, name="user"),
    path("pages/<int:number>", Pages.as_view()), path("users", Users.as_view()), path("rows", rows), path("fail", fail),
    re_path(r"^re/(?P<year>[0-9]{4})/$", lambda request, year: HttpResponse(year)), path("admin/", admin.site.urls),
]
application = get_wsgi_application()
