import datetime as dt
from collections import Counter
from enum import Enum

import marshmallow as ma
from flask import Flask, request
from flask.views import MethodView
from flask_smorest import Api, Blueprint, Page, abort
from webargs.flaskparser import use_kwargs

asked, notes = Counter(), {}
application = Flask(__name__, static_folder=None)
application.config.update(API_TITLE="shop", API_VERSION="v1", OPENAPI_VERSION="3.0.3", OPENAPI_URL_PREFIX="/doc")
api = Api(application)
blueprint = Blueprint("notes", "notes", url_prefix="/notes", description="notes")


class Size(Enum):
    SMALL = 1
    LARGE = 2


class Tag(ma.Schema):
    name = ma.fields.String(required=True, validate=ma.validate.Length(max=5))


class Note(ma.Schema):
    class Meta:
        ordered = True

    text = ma.fields.String(required=True, validate=ma.validate.Length(min=1))
    size = ma.fields.Enum(Size, load_default=Size.SMALL)
    when = ma.fields.DateTime(load_default=dt.datetime(2020, 1, 2), format="iso")
    day = ma.fields.Date()
    price = ma.fields.Decimal(places=2, as_string=True)
    site = ma.fields.Url()
    mail = ma.fields.Email()
    where = ma.fields.IP()
    took = ma.fields.TimeDelta(precision="milliseconds")
    tags = ma.fields.List(ma.fields.Nested(Tag))
    more = ma.fields.Dict(keys=ma.fields.String(), values=ma.fields.Integer())
    number = ma.fields.Integer(strict=True, validate=ma.validate.Range(min=0, max_inclusive=False, max=10))
    kind = ma.fields.String(validate=ma.validate.OneOf(["a", "b"]))
    seen = ma.fields.Function(lambda note: asked["notes"], dump_only=True)

    @ma.validates_schema
    def agree(self, data, **kwargs):
        if data.get("number") == 7:
            raise ma.ValidationError("not 7", "number")

    @ma.post_load
    def tidy(self, data, **kwargs):
        return {**data, "text": data["text"].strip()}


class Query(ma.Schema):
    q = ma.fields.List(ma.fields.Integer())
    flag = ma.fields.Boolean(load_default=False)


@blueprint.route("/")
class Notes(MethodView):
    @blueprint.arguments(Query, location="query")
    @blueprint.response(200, Note(many=True))
    @blueprint.paginate(Page)
    def get(self, args):
        """List notes

        ---
        All of them.
        """
        asked["notes"] += 1
        return [notes[name] for name in sorted(notes)]


@blueprint.route("/<name>")
class One(MethodView):
    @blueprint.etag
    @blueprint.response(200, Note)
    def get(self, name):
        return notes.get(name) or abort(404, message=f"no {name}")

    @blueprint.arguments(Note)
    @blueprint.response(201, Note)
    def put(self, data, name):
        notes[name] = data
        return data

    @blueprint.response(204)
    def delete(self, name):
        notes.pop(name, None)


api.register_blueprint(blueprint)


@application.get("/args")
@use_kwargs({"a": ma.fields.Integer(required=True), "b": ma.fields.DelimitedList(ma.fields.String()) if hasattr(ma.fields, "DelimitedList") else ma.fields.String()}, location="query")
def args(a, b=None):
    return {"a": a, "b": b}


@application.post("/load")
def load():
    try:
        return {"loaded": str(sorted(Note(unknown=ma.EXCLUDE, partial=True).load(request.get_json()).items()))}
    except ma.ValidationError as error:
        return {"errors": error.normalized_messages()}, 422


@application.get("/made")
def made():
    schema = ma.Schema.from_dict({"x": ma.fields.Integer(data_key="y"), "z": ma.fields.Pluck(Tag, "name")})()
    return {"made": schema.dump({"x": 1, "z": {"name": "n"}}), "fields": str(schema.fields["x"])}
