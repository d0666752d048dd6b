import os

import django
from django.conf import settings

DATA = os.environ.get("APPLICATION_DATA", "")
settings.configure(
    DEBUG=False, SECRET_KEY="k" * 50, ALLOWED_HOSTS=["*"], ROOT_URLCONF="site_app", USE_TZ=True,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "file:rest?mode=memory&cache=shared"}},
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "rest_framework", "rest_framework.authtoken"],
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True, "OPTIONS": {"context_processors": ["django.template.context_processors.request"]}}],
    CACHES={"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}},
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"], LOGGING_CONFIG=None,
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.BasicAuthentication", "rest_framework.authentication.TokenAuthentication"],
        "DEFAULT_THROTTLE_RATES": {"anon": "1000/hour"}, "PAGE_SIZE": 2,
        "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.PageNumberPagination",
        "DEFAULT_VERSIONING_CLASS": "rest_framework.versioning.AcceptHeaderVersioning",
    },
)
django.setup()

from django.contrib.auth.models import Group, User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.urls import include, path  # noqa: E402
from rest_framework import filters, generics, permissions, routers, serializers, throttling, viewsets  # noqa: E402
from rest_framework.decorators import action, api_view, throttle_classes  # noqa: E402
from rest_framework.exceptions import APIException  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.schemas import get_schema_view  # noqa: E402

asked = {"count": 0}


def ready():
    if not asked.get("ready"):
        call_command("migrate", verbosity=0)
        User.objects.create_superuser("ada", "ada@a.example", "b")
        for name in ("bob", "eve", "zoe"):
            User.objects.create_user(name, f"{name}@a.example", "x")
        asked["ready"] = True


class Person(serializers.ModelSerializer):
    class Meta:
        model = User
        fields = ["id", "username", "email", "first_name", "groups", "is_staff"]
        extra_kwargs = {"email": {"required": True}}


class Order(serializers.Serializer):
    number = serializers.IntegerField(min_value=1)
    when = serializers.DateField(required=False)
    kind = serializers.ChoiceField(choices=["a", "b"], default="a")
    price = serializers.DecimalField(max_digits=5, decimal_places=2)
    tags = serializers.ListField(child=serializers.CharField(max_length=3), required=False)
    extra = serializers.JSONField(required=False)

    def validate_number(self, value):
        if value == 13:
            raise serializers.ValidationError("not that one", code="luck")
        return value


class People(viewsets.ModelViewSet):
    queryset = User.objects.order_by("id")
    serializer_class = Person
    permission_classes = [permissions.IsAuthenticatedOrReadOnly]
    filter_backends = [filters.SearchFilter, filters.OrderingFilter]
    search_fields = ["username", "email"]
    ordering_fields = ["username"]

    def initial(self, request, *args, **kwargs):
        ready()
        asked["count"] += 1
        super().initial(request, *args, **kwargs)

    @action(detail=True, methods=["get"], url_path="said")
    def says(self, request, pk=None):
        return Response({"says": self.get_object().username, "count": asked["count"]})


class Groups(generics.ListCreateAPIView):
    queryset = Group.objects.all()

    class serializer_class(serializers.ModelSerializer):
        class Meta:
            model = Group
            fields = ["name"]


@api_view(["GET", "POST"])
@throttle_classes([throttling.AnonRateThrottle])
def orders(request):
    order = Order(data=request.data if request.method == "POST" else request.query_params)
    order.is_valid(raise_exception=True)
    return Response(order.data)


@api_view(["GET"])
def fail(request):
    raise APIException({"oh": ["no"]})


router = routers.DefaultRouter()
router.register("people", People)
urlpatterns = [
    path("", include(router.urls)), path("groups", Groups.as_view()), path("orders", orders), path("fail", fail),
    path("schema", get_schema_view(title="shop")),
]
application = get_wsgi_application()
