import os
from pathlib import Path

from isso import config, make_app

folder = Path(os.environ["APPLICATION_DATA"], str(os.getpid()))
folder.mkdir(parents=True, exist_ok=True)
settings = config.load(config.default_file())
settings.set("general", "dbpath", str(folder / "comments.db"))
settings.set("general", "host", "http://localhost/")
settings.set("moderation", "enabled", "false")
settings.set("guard", "enabled", "false")
settings.set("hash", "salt", "salt")
application = make_app(settings, threading=True)
