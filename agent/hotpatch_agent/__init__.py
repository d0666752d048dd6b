"""The agent: hot patches for gunicorn services.  Use it by `gunicorn -c python:hotpatch_agent.gunicorn`."""
