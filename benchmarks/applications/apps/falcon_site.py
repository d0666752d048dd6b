import falcon

notes, asked = {}, {"count": 0}


class Counting:
    def process_request(self, req, resp):
        asked["count"] += 1
        req.context.number = asked["count"]

    def process_response(self, req, resp, resource, req_succeeded):
        resp.set_header("X-Seen-By", f"{req.context.number} {req_succeeded}")


def must_be_small(req, resp, resource, params):
    if (req.content_length or 0) > 100:
        raise falcon.HTTPPayloadTooLarge(title="large", description="too large")


class Note:
    @falcon.before(must_be_small)
    def on_put(self, req, resp, name):
        notes[name] = req.get_media()
        resp.status = falcon.HTTP_201
        resp.location = f"/notes/{name}"

    def on_get(self, req, resp, name):
        if name not in notes:
            raise falcon.HTTPNotFound(description=f"no {name}")
        resp.media = {name: notes[name]}
        resp.cache_control = ["no-cache"]

    def on_delete(self, req, resp, name):
        notes.pop(name, None)
        resp.status = falcon.HTTP_204


class Query:
    def on_get(self, req, resp):
        resp.media = {
            "int": req.get_param_as_int("n", min_value=0, default=7),
            "bool": req.get_param_as_bool("b"),
            "list": req.get_param_as_list("l"),
            "url": req.url, "relative": req.relative_uri, "prefix": req.prefix, "accept": req.accept,
            "prefers": req.client_prefers(["application/json", "text/html"]),
            "cookies": req.cookies, "forwarded": req.forwarded_host, "range": req.range,
        }
        resp.set_cookie("seen", "1", max_age=10, secure=False)

    def on_post(self, req, resp):
        resp.text = repr(req.get_media(default_when_empty=None))


class Broken:
    def on_get(self, req, resp):
        raise ValueError("oh")


def create():
    app = falcon.App(middleware=[Counting()], cors_enable=True)
    app.add_route("/notes/{name}", Note())
    app.add_route("/query", Query())
    app.add_route("/sum/{a:int}/{b:int}", Sum())
    app.add_route("/at/{when:dt}", Sum(), suffix="when")
    app.add_route("/broken", Broken())
    app.add_sink(lambda req, resp, rest: setattr(resp, "text", f"sink {rest}"), r"/sink/(?P<rest>.+)")
    app.add_error_handler(ZeroDivisionError, lambda req, resp, ex, params: setattr(resp, "text", f"zero {params}"))
    return app


class Sum:
    def on_get(self, req, resp, a, b):
        resp.text = str(a // b)

    def on_get_when(self, req, resp, when):
        resp.text = when.isoformat()


application = create()
