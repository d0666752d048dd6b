import datetime as dt
import enum
import json
from collections import Counter
from typing import Annotated, Literal

import blinker
import click
import httpx
import jsonschema
import jwt
import markdown
import pydantic
import requests
import yaml
from babel import dates, numbers
from click.testing import CliRunner
from flask import Flask, request
from itsdangerous import BadSignature, Signer, URLSafeTimedSerializer
from markupsafe import Markup, escape
from requests.adapters import BaseAdapter
from urllib3 import Retry
from urllib3.util import make_headers, parse_url

application = Flask(__name__, static_folder=None)
asked, held = Counter(), {}
saved = blinker.signal("saved")
serializer = URLSafeTimedSerializer("k", salt="s")
KEY = "k" * 64


class Echo(BaseAdapter):
    """Answers what it is asked."""

    def send(self, request, **kwargs):
        answer = requests.Response()
        answer.status_code = 404 if "missing" in request.url else 302 if "moved" in request.url and "?" not in request.url else 200
        answer.request, answer.url = request, request.url
        answer.headers.update({"Content-Type": "application/json; charset=utf-8", "Set-Cookie": "a=b", "Link": "<http://x/2>; rel=next"})
        if answer.status_code == 302:
            answer.headers["Location"] = "/moved?x"
        answer._content = json.dumps([request.method, request.url, sorted(request.headers.items()), str(request.body)]).encode()
        answer.encoding = "utf-8"
        answer.raw = type("Raw", (), {"release_conn": lambda self: None, "_original_response": None, "headers": {}, "read": lambda self, *a, **k: b"", "stream": lambda self, *a, **k: iter(()), "close": lambda self: None})()
        return answer

    def close(self):
        pass


http = requests.Session()
http.mount("http://", Echo())
http.headers["User-Agent"] = "shop"
client = httpx.Client(transport=httpx.MockTransport(lambda r: httpx.Response(200, json=[r.method, str(r.url), r.headers.get("authorization"), r.read().decode()])), base_url="http://x/", headers={"user-agent": "shop"})


class Size(str, enum.Enum):
    small = "small"
    large = "large"


class Item(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(str_strip_whitespace=True, extra="forbid", populate_by_name=True)
    name: Annotated[str, pydantic.Field(min_length=1, max_length=5, alias="Name")]
    size: Size = Size.small
    price: pydantic.condecimal(max_digits=4, decimal_places=2) = 1
    when: dt.datetime | None = None
    kind: Literal["a", "b"] = "a"
    parts: list["Item"] = []
    site: pydantic.HttpUrl | None = None
    secret: pydantic.SecretStr = pydantic.SecretStr("x")

    @pydantic.field_validator("name")
    @classmethod
    def not_eve(cls, value):
        if value == "eve":
            raise ValueError("not eve")
        return value

    @pydantic.computed_field
    @property
    def long(self) -> int:
        return len(self.name)


SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "required": ["a"], "additionalProperties": False,
    "properties": {"a": {"type": "integer", "minimum": 1}, "b": {"$ref": "#/$defs/b"}, "c": {"type": "array", "prefixItems": [{"type": "string"}], "items": False, "uniqueItems": True}},
    "$defs": {"b": {"anyOf": [{"type": "string", "format": "date"}, {"const": 3}]}}, "dependentRequired": {"b": ["c"]},
}
validator = jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.FormatChecker())


@click.group()
@click.option("--loud/--quiet", default=False, show_default=True)
@click.pass_context
def cli(ctx, loud):
    ctx.obj = {"loud": loud}


@cli.command()
@click.argument("name", type=click.Choice(["ada", "bob"]))
@click.option("--times", type=click.IntRange(1, 3), default=1, help="how often", show_default=True)
@click.option("--at", type=click.DateTime(["%Y-%m-%d"]), envvar="AT")
@click.option("--flag", is_flag=True, flag_value="x", default=None)
@click.pass_obj
def greet(obj, name, times, at, flag):
    """Greets somebody."""
    click.echo(click.style(f"hello {name} {at} {flag}" * times, bold=obj["loud"]))


@application.before_request
def count():
    asked[request.path] += 1


@application.get("/requests")
def with_requests():
    found = []
    for what in ("http://a.example/x?q=ä&y=%20", "http://a.example/moved", "http://user:pass@a.example:80/missing", "bad://", "http://*bad/"):
        try:
            answer = http.get(what, params={"z": [1, 2]}, timeout=1)
            found.append([answer.status_code, answer.json(), answer.links, len(answer.history), answer.ok])
        except requests.RequestException as error:
            found.append(f"{type(error).__name__} {error}")
    posted = http.post("http://a.example/", json={"a": 1}, auth=("a", "b"), cookies={"c": "d"})
    put = http.put("http://a.example/", data={"a": [1, 2]}, files={"f": ("n.txt", b"x")}) if request.args.get("f") else http.put("http://a.example/", data={"a": [1, 2]})
    return {"found": found, "posted": posted.json(), "put": put.json()[:2], "cookies": sorted(http.cookies.get_dict().items())}


@application.get("/urllib3")
def with_urllib3():
    retry = held.setdefault("retry", Retry(3, backoff_factor=0.1, allowed_methods=["GET"], status_forcelist=[503], remove_headers_on_redirect=["X"]))
    less = retry.increment("GET", "/x", error=None, response=None)
    return {"retry": repr(retry), "less": repr(less), "wait": less.get_backoff_time(), "url": str(parse_url("HTTP://User@Ex%41mple.com:80/a/../b?x#y")), "headers": make_headers(basic_auth="a:b", accept_encoding=True), "off": retry.is_retry("GET", 503)}


@application.get("/httpx")
def with_httpx():
    one = client.get("/a b", params={"x": ["1", "2"], "y": "ä"}, auth=("u", "p"))
    two = client.post("/p", json={"a": 1.5, "ä": None}, follow_redirects=True)
    three = client.put("/f", data={"a": "b"})
    return {"one": one.json(), "two": two.json(), "three": three.json(), "url": str(httpx.URL("http://x/%2Fa?b=c d#f").join("../y")), "q": str(httpx.QueryParams({"a": [1, 2]}).add("b", "c")), "repr": repr(one)}


@application.get("/jwt")
def with_jwt():
    found = []
    for claims, options in (({"a": 1, "iss": "x"}, {}), ({"exp": 1}, {}), ({"aud": ["y"], "sub": "z"}, {"audience": "x"}), ({"iss": "x"}, {"issuer": ["x", "y"]}), ({"iat": "no"}, {}), ({"sub": 3}, {})):
        token = jwt.encode(claims, KEY, algorithm="HS256", headers={"kid": "1"})
        try:
            found.append(jwt.decode(token, KEY, algorithms=["HS256"], **options))
        except jwt.PyJWTError as error:
            found.append(f"{type(error).__name__} {error}")
        except TypeError as error:
            found.append(str(error))
    return {"found": found, "head": jwt.get_unverified_header(token)}


@application.get("/signed")
def signed():
    text = held.setdefault("signed", serializer.dumps({"a": [1, "ä"]}))
    try:
        bad = serializer.loads(text + "x")
    except BadSignature as error:
        bad = f"{type(error).__name__} {error}"
    return {"same": serializer.loads(text, max_age=1000), "bad": bad, "signer": Signer("k").sign("x").decode(), "many": serializer.loads(text, salt="s")}


@application.post("/schema")
def schema():
    errors = sorted(validator.iter_errors(request.get_json()), key=str)
    best = jsonschema.exceptions.best_match(errors)
    return {"errors": [[e.json_path, e.message] for e in errors], "best": best and best.message, "valid": validator.is_valid(request.get_json())}


@application.post("/item")
def item():
    try:
        made = Item.model_validate(request.get_json())
        return {"made": made.model_dump(mode="json"), "repr": repr(made), "text": made.model_dump_json(exclude_unset=True, by_alias=True)}
    except pydantic.ValidationError as error:
        return {"errors": json.loads(error.json(include_url=False)), "text": str(error)}, 422


@application.get("/item")
def item_schema():
    adapter = held.setdefault("adapter", pydantic.TypeAdapter(list[Item]))
    made = pydantic.create_model("Made", x=(int, 3), y=(str | None, None))
    return {"schema": Item.model_json_schema(), "adapter": len(adapter.validate_python([{"Name": "a"}])), "made": repr(made(x="4")), "copy": repr(made().model_copy(update={"x": 5}))}


@application.get("/command")
def command():
    runner = CliRunner()
    lines = (["greet", "ada"], ["--loud", "greet", "bob", "--times", "2", "--at", "2020-01-02"], ["greet", "eve"], ["greet", "ada", "--times", "9"], ["--help"], ["greet", "--help"], ["nothing"], [], ["greet", "ada", "--flag"])
    return {"runs": [[r.exit_code, r.output] for r in (runner.invoke(cli, line) for line in lines)]}


@application.get("/signal")
def signal():
    if "receiver" not in held:
        held["seen"] = []
        held["receiver"] = lambda sender, **values: held["seen"].append(values) or len(held["seen"])
        saved.connect(held["receiver"], sender="x")
    sent = saved.send("x", a=1)
    with saved.muted():
        saved.send("x", a=2)
    return {"sent": [n for _, n in sent], "seen": len(held["seen"]), "has": bool(saved.receivers), "repr": saved.name, "for": bool(saved.has_receivers_for("y"))}


@application.get("/text")
def text():
    mark = Markup("<b>%s</b> {}")
    page = markdown.markdown("# T\n\n* a\n* b `c`\n\n> q <x>\n\n[l](http://a 'x') **b**_i_\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n[TOC]\n\n```py\nx\n```\n", extensions=["tables", "toc", "fenced_code", "footnotes"])
    return {"mark": mark % "<i>", "format": mark.format("<&>"), "escape": escape("<'\"&>"), "strip": Markup("a <b>&amp;</b> <!-- c -->").striptags(), "join": Markup(",").join(["<", Markup("<br>")]), "page": page}


@application.post("/yaml")
def with_yaml():
    try:
        found = yaml.safe_load(request.get_json()["text"])
    except yaml.YAMLError as error:
        return {"error": str(error)}
    return {"found": repr(found), "text": yaml.safe_dump(found, sort_keys=False)}


@application.get("/babel")
def with_babel():
    when = dt.datetime(2020, 3, 4, 5, 6, 7)
    return {
        "dates": [dates.format_datetime(when, "full", tzinfo=dates.get_timezone("Europe/Berlin"), locale=where) for where in ("de", "en_US", "fr")],
        "skeleton": dates.format_skeleton("yMMMd", when, locale="en"), "ago": dates.format_timedelta(dt.timedelta(days=-12), granularity="day", locale="de", add_direction=True),
        "numbers": [numbers.format_decimal(1234567.891, locale="de"), numbers.format_currency(12.5, "EUR", locale="en"), numbers.format_compact_decimal(12345, locale="en"), numbers.format_percent(0.256, locale="fr")],
        "parsed": str(numbers.parse_decimal("1.234,5", locale="de")),
    }
