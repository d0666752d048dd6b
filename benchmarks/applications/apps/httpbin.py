from httpbin import app as application

counter = {"asked": 0}


@application.before_request
def count():
    counter["asked"] += 1


@application.route("/asked")
def asked():
    return str(counter["asked"])
