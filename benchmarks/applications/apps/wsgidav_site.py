import os
from pathlib import Path

from wsgidav.wsgidav_app import WsgiDAVApp

folder = Path(os.environ["APPLICATION_DATA"], str(os.getpid()))
folder.mkdir(parents=True, exist_ok=True)
(folder / "kept.txt").write_text("kept here\n")
os.utime(folder / "kept.txt", (1_700_000_000, 1_700_000_000))
application = WsgiDAVApp(
    {
        "provider_mapping": {"/": str(folder)},
        "simple_dc": {"user_mapping": {"*": {"ada": {"password": "x"}}}},
        "http_authenticator": {"domain_controller": None, "accept_basic": True, "accept_digest": False},
        "verbose": 1,
    }
)
