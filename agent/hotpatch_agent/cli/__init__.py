"""The command line: `hotpatch COMMAND`.

One module a command, each with an object named `command`; `main` finds them by name, `command` gives them
their common shape and `terminal` their voice.
"""
