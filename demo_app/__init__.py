"""A shop: the demo application, with warm state that nobody wants to lose to a restart.

Run it by `DEMO_DATA=/some/folder gunicorn demo_app.wsgi:app`.  It knows nothing of hotpatch but one
optional question (`version.running_release`).  The faults planted in it, and their fixes, are in `patches/`.
"""
