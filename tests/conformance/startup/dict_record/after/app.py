SESSIONS = {}


def login(user):
    SESSIONS[user] = {"user": user, "lang": "en"}


def who(user):
    return SESSIONS[user]["user"] + SESSIONS[user]["lang"]
