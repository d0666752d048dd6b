from pyramid.authentication import AuthTktCookieHelper
from pyramid.authorization import ACLHelper, Allow, Authenticated, Everyone
from pyramid.config import Configurator
from pyramid.csrf import get_csrf_token
from pyramid.httpexceptions import HTTPBadRequest, HTTPFound
from pyramid.response import Response
from pyramid.security import forget, remember
from pyramid.session import SignedCookieSessionFactory, JSONSerializer
from pyramid.view import exception_view_config, notfound_view_config, view_config, view_defaults

asked = {"count": 0}


class Root:
    __acl__ = [(Allow, Everyone, "read"), (Allow, Authenticated, "write")]

    def __init__(self, request):
        self.request = request


class Policy:
    def __init__(self):
        self.helper, self.acl = AuthTktCookieHelper("k" * 32, hashalg="sha512"), ACLHelper()

    def identity(self, request):
        found = self.helper.identify(request)
        return found and found["userid"]

    authenticated_userid = identity

    def permits(self, request, context, permission):
        who = self.identity(request)
        return self.acl.permits(context, [Everyone] + ([Authenticated, who] if who else []), permission)

    def remember(self, request, userid, **kw):
        return self.helper.remember(request, userid, **kw)

    def forget(self, request, **kw):
        return self.helper.forget(request, **kw)


@view_config(route_name="home", renderer="string")
def home(request):
    asked["count"] += 1
    return f"asked {asked['count']} {request.route_path('note', name='ä b')} {request.identity}"


@view_defaults(route_name="note", renderer="json")
class Notes:
    kept = {}

    def __init__(self, context, request):
        self.request, self.name = request, request.matchdict["name"]

    @view_config(request_method="GET", permission="read")
    def get(self):
        return {self.name: self.kept.get(self.name), "params": dict(self.request.params)}

    @view_config(request_method="PUT", permission="write")
    def put(self):
        self.kept[self.name] = self.request.json_body
        return Response(status=201)


@view_config(route_name="login")
def login(request):
    headers = remember(request, request.params["user"])
    request.session["seen"] = request.session.get("seen", 0) + 1
    return HTTPFound(request.route_url("home", _query={"a": "b c"}), headers=headers)


@view_config(route_name="session", renderer="string")
def seen(request):
    request.session.flash("x")
    request.session["seen"] = request.session.get("seen", 0) + 1
    return f"{request.session['seen']} {request.session.pop_flash()} {len(get_csrf_token(request))}"


@view_config(route_name="forget")
def leave(request):
    return HTTPFound("/", headers=forget(request))


@view_config(route_name="bad")
def bad(request):
    raise HTTPBadRequest("oh <b>")


@view_config(route_name="fail")
def fail(request):
    raise ValueError("oh")


@exception_view_config(ValueError, renderer="string")
def failed(error, request):
    request.response.status = 500
    return f"failed: {error}"


@notfound_view_config(append_slash=True, renderer="string")
def missing(request):
    request.response.status = 404
    return f"nothing at {request.path}"


def create():
    with Configurator(root_factory=Root, settings={"pyramid.reload_templates": False}) as config:
        config.set_security_policy(Policy())
        config.set_session_factory(SignedCookieSessionFactory("k", serializer=JSONSerializer()))
        for name, path in (("home", "/"), ("note", "/notes/{name:.*}"), ("login", "/login"), ("session", "/session"),
                           ("forget", "/forget"), ("bad", "/bad"), ("fail", "/fail"), ("slash", "/slash/")):
            config.add_route(name, path)
        config.add_static_view("static", "site_app:static")
        config.add_view(lambda request: Response("slash"), route_name="slash")
        config.scan("site_app")
        return config.make_wsgi_app()
