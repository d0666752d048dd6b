import bottle
from bottle import Bottle, HTTPError, abort, redirect, request, response, static_file, template

application = Bottle()
notes, asked = {}, {"count": 0}


@application.hook("before_request")
def count():
    asked["count"] += 1


@application.hook("after_request")
def mark():
    response.headers["X-Seen-By"] = str(asked["count"])


def shouting(callback):
    def wrapper(*args, **kwargs):
        answer = callback(*args, **kwargs)
        return answer.upper() if isinstance(answer, str) and request.query.shout else answer

    return wrapper


application.install(shouting)


@application.get("/")
def home():
    return template("<b>{{name}}</b> % if 1:\n{{!raw}}\n% for i in range(2):\n{{i}}\n% end", name="<x>", raw="<i>")


@application.put("/notes/<name:re:[a-z]+>")
def put(name):
    notes[name] = request.json
    response.status = 201
    return notes[name]


@application.get("/notes/<name>")
def get(name):
    return {name: notes[name]} if name in notes else abort(404, f"no {name}")


@application.route("/form", method=["GET", "POST"])
def form():
    return {"forms": dict(request.forms), "query": dict(request.query), "url": request.url, "auth": request.auth}


@application.get("/sum/<a:int>/<b:float>")
def add(a, b):
    return str(a + b)


@application.get("/file/<path:path>")
def file(path):
    return static_file(path, root="/nowhere")


@application.get("/cookie")
def cookie():
    seen = int(request.get_cookie("seen", 0, secret="k")) + 1
    response.set_cookie("seen", str(seen), secret="k", path="/")
    return f"seen {seen}"


@application.get("/go")
def go():
    redirect("/form?x=1")


@application.get("/rows")
def rows():
    yield "a"
    yield "b"


@application.get("/fail")
def fail():
    raise KeyError("oh")


@application.error(404)
def missing(error):
    return f"nothing: {error.body}"


@application.get("/rules")
def rules():
    return "\n".join(f"{route.method} {route.rule}" for route in application.routes)


@application.get("/url")
def url():
    return application.get_url("/sum/<a:int>/<b:float>", a=1, b=2.5) + str(bottle.makelist("x")) + repr(HTTPError(400, "x"))
