"""An order is shown to its customer alone."""


def check_only_its_customer_sees_an_order():
    from demo_app.wsgi import app  # the shop itself, whatever serves it
    from werkzeug.test import Client

    client = Client(app)
    assert client.get("/orders/1").status_code == 401
    assert client.get("/orders/1", headers={"X-Customer": "port-amber-02"}).status_code == 404
    answer = client.get("/orders/1", headers={"X-Customer": "port-amber-01"})
    assert answer.status_code == 200 and answer.get_json()["customer"]["id"] == 1
