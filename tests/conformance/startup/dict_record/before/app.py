SESSIONS = {}


def login(user):
    SESSIONS[user] = {"user": user}


def who(user):
    return SESSIONS[user]["user"]
