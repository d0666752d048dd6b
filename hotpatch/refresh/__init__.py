"""What a program computed at run time from code that changed: told to those who can bring it up to date.

Code is not all that a fix changes.  A cache holds answers of the old function, a template engine holds
compiled templates, a router holds tables.  Whoever keeps such a thing registers what to do about it:

```python
from hotpatch import refresh

refresh.register("prices", forget=lambda update: price_cache.clear(), rebuild=lambda update: warm_up())
```

Around every commit and every undo runs one round:

| step | when | may refuse |
| --- | --- | --- |
| `before` | before the change, when nothing has changed yet | a commit, by raising; never an undo |
| `forget` | after it: drop what old code computed | no |
| `rebuild` | when all handlers have forgotten: compute anew what shouldn't wait for the first request | no |
| `after` | last, in reverse order; also when the change did not happen | no |

`before` and `after` are a pair (halt something, let it go on): `after` runs for whoever's `before` ran,
whatever came of the change; `update.outcome` says what did.  `forget` and `rebuild` are a pair as well, and
run only if the change took effect.  A callback that raises where it can't refuse is reported, and keeps
nobody else from their turn.  In a rehearsal the round runs in the child, and a failure there speaks against
the release.

Callbacks get an `Update`: which functions, classes and names change, and in which direction.  They run in
the serving process, in whichever thread commits, while requests go on: take no lock that a request may hold
for long, and put a new table in place with one assignment.  A function that is registered and changes
itself runs its old code in `before` and its new code afterwards.

Handlers for `functools` caches, Jinja, Django, Flask, Starlette and pydantic come with hotpatch
(`plugins`); others are found by the entry point group `hotpatch.refresh` (`discover`).  What a plugin needs
of what the program holds it names (`Handler.looks_for`), and asks for by `Update.held`.
What it compiles into classes it names too (`Handler.remakes`): that can't be compared with a fresh start's.
"""

from hotpatch.refresh.discover import plugins as load_plugins
from hotpatch.refresh.discover import remade
from hotpatch.refresh.leads import Leads
from hotpatch.refresh.registry import Handler, Registration, Step, add, collecting, register, registered
from hotpatch.refresh.rounds import Failure, Report, Round, begin
from hotpatch.refresh.search import instances
from hotpatch.refresh.update import Outcome, Update

__all__ = [
    "Failure",
    "Handler",
    "Leads",
    "Outcome",
    "Registration",
    "Report",
    "Round",
    "Step",
    "Update",
    "add",
    "begin",
    "collecting",
    "instances",
    "load_plugins",
    "register",
    "registered",
    "remade",
]
