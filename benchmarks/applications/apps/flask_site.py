import json
from collections import Counter

import click
from flask import (
    Blueprint, Flask, Response, abort, flash, get_flashed_messages, g, jsonify, make_response, redirect,
    render_template_string, request, send_file, session, signals, stream_with_context, url_for,
)
from flask.views import MethodView, View
from werkzeug.exceptions import HTTPException
from werkzeug.routing import BaseConverter, Rule
from werkzeug.security import check_password_hash, generate_password_hash
from werkzeug.utils import secure_filename

asked, notes, held = Counter(), {}, {}


class Colour(BaseConverter):
    regex = "red|green|blue"

    def to_url(self, value):
        return super().to_url(value.lower())


class Notes(MethodView):
    init_every_request = False

    def get(self, name=None):
        if name is None:
            return jsonify(sorted(notes))
        return jsonify({name: notes.get(name) or abort(404, f"no {name}")})

    def put(self, name):
        notes[name] = request.get_json()
        return jsonify(notes[name]), 201

    def delete(self, name):
        notes.pop(name, None)
        return "", 204


class Page(View):
    methods = ["GET", "POST"]

    def __init__(self, template):
        self.template = template

    def dispatch_request(self, **values):
        return render_template_string(self.template, form=request.values, **values)


admin = Blueprint("admin", __name__, url_prefix="/admin")


@admin.before_request
def guard():
    if session.get("user") != "ada":
        abort(403)


@admin.get("/")
def index():
    return f"welcome {session['user']} {g.number}"


@admin.errorhandler(403)
def refused(error):
    return f"not you: {error.description}", 403


def create_app():
    app = Flask(__name__, static_folder=None)
    app.config.update(SECRET_KEY="k", MAX_CONTENT_LENGTH=1000, SESSION_COOKIE_SAMESITE="Lax")
    app.url_map.converters["colour"] = Colour
    app.register_blueprint(admin)
    app.add_url_rule("/notes", view_func=Notes.as_view("notes"))
    app.add_url_rule("/notes/<name>", view_func=Notes.as_view("note"))
    page = "{% macro row(x) %}<b>{{ x|shout }}</b>{% endmacro %}{% for k, v in form|dictsort %}{{ row(k) }}={{ v }};{% endfor %}"
    app.add_url_rule("/page", view_func=Page.as_view("page", template=page))

    @app.template_filter()
    def shout(text):
        return text.upper() + "!"

    @app.context_processor
    def common():
        return {"site": "shop"}

    @app.before_request
    def count():
        asked[request.endpoint] += 1
        g.number = sum(asked.values())

    @app.after_request
    def mark(response):
        response.headers["X-Seen-By"] = str(g.number)
        return response

    @app.errorhandler(HTTPException)
    def failed(error):
        return jsonify(code=error.code, name=error.name, text=error.description), error.code

    @app.get("/")
    def home():
        return render_template_string(
            "<a href={{ url_for('colour', name='red') }}>{{ site }}</a> {{ {'b': 1, '<': 2}|tojson }} "
            "{{ {'class': 'a b', 'x y': None}|xmlattr }} {{ 'http://a.example/x see'|urlize }} {{ [3, 1]|sort|join(',') }}"
        )

    @app.get("/colour/<colour:name>")
    def colour(name):
        return url_for("colour", name=name, _external=True, q="ä &")

    @app.post("/login")
    def login():
        session["user"] = request.form["user"]
        session.permanent = True
        flash(f"hello {session['user']}")
        return redirect(url_for("who"))

    @app.get("/who")
    def who():
        session["seen"] = session.get("seen", 0) + 1
        return f"{session.get('user')} {session['seen']} {get_flashed_messages()}"

    @app.get("/stream")
    def stream():
        def rows():
            for number in range(3):
                yield f"{request.args.get('q')} {number}\n"

        return Response(stream_with_context(rows()), mimetype="text/plain")

    @app.post("/upload")
    def upload():
        return jsonify({name: [secure_filename(f.filename), len(f.read())] for name, f in request.files.items()})

    @app.get("/file")
    def file():
        import io

        return send_file(io.BytesIO(b"0123456789"), mimetype="text/plain", download_name="ä.txt", conditional=True)

    @app.get("/password")
    def password():
        held.setdefault("hash", generate_password_hash("x", "pbkdf2:sha256:10"))
        return jsonify(check_password_hash(held["hash"], "x"), check_password_hash(held["hash"], "y"))

    @app.get("/accept")
    def accept():
        best = request.accept_mimetypes.best_match(["text/html", "application/json"])
        response = make_response(f"{best} {request.accept_languages} {request.cache_control} {request.authorization}")
        response.set_etag("x")
        response.vary.add("Accept")
        return response.make_conditional(request)

    @app.get("/url")
    def url():
        return f"{request.url} {request.base_url} {request.full_path} {dict(request.args)} {request.range} {request.host_url}"

    @app.get("/rules")
    def rules():
        return "\n".join(f"{rule} {sorted(rule.methods)} {rule.endpoint}" for rule in app.url_map.iter_rules())

    @app.get("/fail")
    def fail():
        raise KeyError("oh")

    @app.get("/kept")
    def kept():
        held.setdefault("rule", Rule("/x/<int:y>", endpoint="x"))
        held.setdefault("adapter", app.url_map.bind("example.com"))
        return f"{held['rule']!r} {held['adapter'].match('/who')} {held['adapter'].build('who')}"

    @app.cli.command()
    @click.option("--name", default="x")
    def greet(name):
        click.echo(f"hello {name}")

    @app.get("/command")
    def command():
        return app.test_cli_runner().invoke(args=["greet", "--name", "ada"]).output

    @app.get("/signal")
    def signal():
        if "template" not in held:
            held["template"] = []
            held["receiver"] = lambda sender, template, context, **_: held["template"].append(len(context))
            signals.template_rendered.connect(held["receiver"], app)
        render_template_string("x")
        return json.dumps(len(held["template"]))

    return app
