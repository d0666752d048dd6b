import os
from pathlib import Path

from radicale import Application, config

folder = Path(os.environ["APPLICATION_DATA"], str(os.getpid()))
folder.mkdir(parents=True, exist_ok=True)
configuration = config.load()
configuration.update(
    {"storage": {"filesystem_folder": str(folder)}, "auth": {"type": "none"}, "web": {"type": "internal"}},
    "site",
    privileged=True,
)
application = Application(configuration)
