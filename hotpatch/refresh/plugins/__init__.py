"""The refresh plugins that come with hotpatch, one framework a module; each has its `HANDLER`.

A module here is imported only where its framework already is.
"""
