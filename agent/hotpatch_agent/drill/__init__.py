"""Drills: incidents rehearsed on the demo application, under load, with every request counted."""
