"""Two clean starts, and a third to know what is never the same twice: the edit, measured."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from functools import cache
from pathlib import Path
from typing import Any, Final

from attrs import evolve, frozen

from hotpatch.errors import NotStarted, PatchInvalid, PatchRefused

from . import awake, hashes, restless
from .difference import Difference, derive, unchangeable
from .effects import containers_touched, witnessed
from .filled import filled
from .graph import Graph, place
from .heap import names_of
from .late import changed_modules, imports_of, late_modules, module_name, sources_below
from .libraries import counts, stored
from .match import Match
from .measurement import Measurement, Problem, Proof, this_python
from .noise import noise_between
from .planning import Foresee, explain_it
from .process_settings import FINALIZERS, settings_problems
from .prune import prune
from .reach import Reach
from .stale import recalled, remade
from .start import Start, Started, run
from .syntax_follow import dotted
from .syntax_units import Known

_WORD: Final = re.compile(rb"[A-Za-z_][A-Za-z0-9_.]*")
Sources = Mapping[str, tuple[str, bytes]]
Grader = Callable[[Difference, Graph, Graph], Foresee]
"""From the difference and the two starts, whole, to who tells how each edit will go in."""


def measure(old_root: str, new_root: str, start: Start, grader: Grader | None = None) -> Measurement:
    """Start the old and the new sources clean, and tell the difference.

    Takes as long as the program takes to start, and runs it: never in a serving process.  `grader` makes
    who tells how each edit will go in (`hotpatch.foreseen`).  Raises
    PatchInvalid if the new sources do not start, PatchRefused if the old ones do not or the starts can't
    be compared.
    """
    before, after = sources_below(old_root), sources_below(new_root)
    changed = changed_modules(before, after)
    late, reached = late_modules(before, after, start.app)
    if not start.modules:
        start = evolve(start, modules=late)
    read: Known = {}
    touched = sorted(set(containers_touched((before, after), reached, read)))
    texts = [text for _, text in (*before.values(), *after.values())]
    at = _starts(start, old_root, new_root, texts, touched)
    old, new, again = at.three
    _must_start(changed & before.keys(), old, new, new_root)
    effects = _of_process(at)
    seen, notes = witnessed(old, new, again)
    noisy = noise_between(new.graph, again.graph, new.host.memory)
    apart = restless.told_apart(old, new, noisy, at.old_again)
    noise = apart.noise(noisy)
    match = Match(old.graph, new.graph, noise)
    difference = derive(match)
    if sleeping := awake.sleepers(match, difference.replaced):
        became = _woken(at.start, old_root, old, [o for o, _ in sleeping])
        match.replaced |= {pair for pair in sleeping if pair[0] in became}
        difference = evolve(derive(match), awake=became)
    difference = _with_what_was_kept(match, difference)
    pruned = prune(difference)
    gone = tuple(
        sorted(n for n, file in old.local.items() if not Path(new_root, file).exists() and n not in new.local)
    )
    measured = Measurement(
        python=this_python(),
        source_root=str(Path(new_root).absolute()),
        app=start.app,
        opened=tuple(sorted({*old.opened, *new.opened})),
        difference=pruned,
        problems=(
            *seen,
            *effects,
            *(Problem("", "", why) for why in _compiled(old_root, new_root, old)),
            *(Problem("", "", why) for why in _other_names(old.graph, new.graph)),
            *(Problem("", "", why) for why in _imports_changed(before, after, changed, old, new)),
            *(Problem(old.graph.module(o), old.graph.path(o), why) for o, why in unchangeable(match)),
            *restless.problems(new, again, apart, noisy),
            *(Problem(name, "", why) for name, why in _bare_folders(gone, new)),
            *_hashed(at, pruned.new),
        ),
        notes=tuple(notes),
        sources=_sources(new_root, new.local, changed),
        files=new.local,
        reached=reached,
        gone=gone,
        stale_names=_stale_names(difference),
        proof=Proof(old.graph, new.graph, noise),
    )
    foresee = None if grader is None else grader(difference, old.graph, new.graph)
    loaded = {name for one in (old, new) for name in (*one.local, *map(module_name, one.local.values()))}
    kept = restless.places_kept(new, apart)
    sources = dict(before.values()), dict(after.values())
    explain_it(measured, *sources, loaded, foresee, read, kept, new.asked)
    return measured


@frozen
class _Starts:
    """The starts that are compared, and how others are made like them."""

    start: Start
    roots: tuple[str, str]
    names: Sequence[str]
    """What is looked at in libraries."""
    opened: tuple[str, ...] | None
    three: tuple[Started, Started, Started]
    """Of the old sources, of the new, and of the new again."""
    old_again: Callable[[], Started]
    """Of the old again, made when it is first asked for."""


def _starts(
    start: Start, old_root: str, new_root: str, texts: Sequence[bytes], touched: Sequence[str]
) -> _Starts:
    names, roots = stored(texts), [old_root, new_root, new_root]
    start, may_load = evolve(start, preload=_named(start.preload, texts)), start.preload
    opened: tuple[str, ...] | None = None
    old, new, again = run(start, roots, touched=touched, stored=names)
    if uneven := (old.outside.keys() ^ new.outside.keys()) & set(may_load):
        start = evolve(start, preload=(*start.preload, *sorted(uneven)))
        old, new, again = run(start, roots, touched=touched, stored=names)
    if old.opened != new.opened:
        opened = tuple(sorted({*old.opened, *new.opened}))
        old, new, again = run(start, roots, opened=opened, stored=names)
    as_before = old.opened
    old_again = cache(lambda: run(start, [old_root], opened=as_before, stored=names)[0])
    return _Starts(start, (old_root, new_root), names, opened, (old, new, again), old_again)


def _named(modules: Sequence[str], sources: Iterable[bytes]) -> tuple[str, ...]:
    """Those of these modules that the sources name anywhere: to load others takes its time, and describing
    what they hold as well."""
    words = {word.decode() for text in sources for word in _WORD.findall(text)}
    return tuple(name for name in modules if name in words)


def _of_process(at: _Starts) -> list[Problem]:
    """What the new start makes of its process that the old one did not; without what libraries do that are
    imported for the first time, and without the finalizers of those that no longer are: these stay here, for
    what they stay for does."""

    old, new, again = at.three
    counting = _counting(new.outside)

    def with_modules(modules: Sequence[str]) -> list[Problem]:
        roots = [at.roots[0], at.roots[1], at.roots[1]]
        one, two, three = run(at.start, roots, modules, at.opened, stored=at.names)
        return settings_problems(one, two, three, counting, at.old_again)

    found = settings_problems(old, new, again, counting, at.old_again)
    first, last = (sorted(set(a.outside) - set(b.outside)) for a, b in ((new, old), (old, new)))
    if found and first:
        found = with_modules(first)
    if last and any(problem.choice == FINALIZERS for problem in found):
        kept = {problem.choice for problem in with_modules([*first, *last])}
        found = [problem for problem in found if problem.choice != FINALIZERS or FINALIZERS in kept]
    return found


def _counting(files: Mapping[str, str]) -> Callable[[str], bool]:
    def counting(name: str) -> bool:
        module, _, place = name.partition(":")
        file = Path(files.get(module, ""))
        return file.suffix == ".py" and file.exists() and counts(file.read_bytes(), place.rpartition(".")[2])

    return counting


def _woken(start: Start, root: str, old: Started, sleeping: list[int]) -> Mapping[int, Any]:
    """What these objects are once they have been evaluated; nothing where that ends the process."""
    ways = [old.graph.way(o) for o in sleeping]
    try:
        (woken,) = run(start, [root], opened=old.opened, wake=ways)
    except PatchRefused:
        return {}
    return awake.became(Match(old.graph, woken.graph), sleeping)


def _with_what_was_kept(match: Match, difference: Difference) -> Difference:
    """What was made of what changes, and may have been kept since."""
    reach = Reach(match, (set(difference.visits) | difference.replaced) - difference.moved)
    return evolve(
        difference,
        recalled=recalled(match, difference, reach),
        filled=filled(match, reach),
        remade=remade(difference, reach),
    )


def _must_start(edited: Set[str], old: Started, new: Started, new_root: str) -> None:
    """`edited` are modules of the old sources; one that only the new ones have can't start from the old."""
    if old.problem:
        raise NotStarted(
            f"the program as it runs does not start clean, so nothing can be measured: {old.problem}"
        )
    if new.problem:
        raise PatchInvalid(f"the new sources do not start: {new.problem}")
    for name, why in new.failed.items():
        if name in old.loaded and _has_file(new_root, old.local.get(name, "")):
            raise PatchInvalid(f"{name} can't be imported any more: {why}")
    for name, why in old.failed.items():
        if name in edited:
            raise NotStarted(f"{name} changes and does not start clean, so it can't be measured: {why}")


def _has_file(root: str, file: str) -> bool:
    """Is the module still there, as a file or turned into a package?"""
    path = Path(root, file)
    return path.exists() or path.with_suffix("").joinpath("__init__.py").exists()


def _other_names(old: Graph, new: Graph) -> Iterator[str]:
    """Modules that stand under several names, and under others than before: by which of them the others come
    to hold a module follows the order of imports, which a process has behind it."""
    before, after = _names_of_modules(old), _names_of_modules(new)
    for name in sorted(before.keys() | after.keys()):
        was, now = before.get(name, frozenset({name})), after.get(name, frozenset({name}))
        if was != now and len(was | now) > 1:
            yield (
                f"the module {name} comes to stand in sys.modules as {', '.join(sorted(now))}, "
                f"and stands there as {', '.join(sorted(was))}: who holds it follows the order of imports"
            )


def _doubled(graph: Graph) -> str:
    """A package that stands under two names, and has one part under both, loaded once for each: the one that
    came last is the package's."""
    names = _names_of_modules(graph)
    for name, group in names.items():
        package, _, part = name.rpartition(".")
        for other in names.get(package, frozenset[str]()) - {package}:
            if f"{other}.{part}" in names and f"{other}.{part}" not in group:
                return package
    return ""


def _imports_changed(
    before: Sources, after: Sources, changed: frozenset[str], old: Started, new: Started
) -> Iterator[str]:
    doubled = _doubled(old.graph) or _doubled(new.graph)
    for name in sorted(changed) if doubled else ():
        if imports_of(before.get(name)) != imports_of(after.get(name)):
            yield (
                f"{name} imports otherwise, and the package {doubled} stands under two names: which of its "
                "parts it has follows the order of imports"
            )


def _names_of_modules(graph: Graph) -> dict[str, frozenset[str]]:
    names: dict[int, set[str]] = {}
    for name, i in graph.roots.items():
        if graph.kind(i) == "module":
            names.setdefault(i, set()).add(name)
    return {name: frozenset(group) for group in names.values() for name in group}


def _bare_folders(gone: Iterable[str], new: Started) -> Iterator[tuple[str, str]]:
    """Packages that lose their `__init__.py` and have modules still: a start makes them of the folder."""
    for package in gone:
        if any(name.startswith(f"{package}.") for name in new.local):
            yield package, f"the package {package} loses its __init__.py, and would be another module object"


def _compiled(old_root: str, new_root: str, old: Started) -> Iterator[str]:
    """Extension modules of the program whose file is another one: what is in them can't be looked into, and
    a process loads a library once."""
    for name, file in sorted(old.local.items()):
        if file.endswith((".py", ".pyc")):
            continue
        before, after = Path(old_root, file), Path(new_root, file)
        if not after.exists():
            yield f"the extension module {name} ({file}) goes, and a process can't unload a library"
        elif before.read_bytes() != after.read_bytes():
            yield f"the extension module {name} ({file}) becomes another, and a process can't load it again"


def _hashed(at: _Starts, come: Graph) -> Iterator[Problem]:
    """What comes and was made of a text's hash."""
    if not hashes.numbers(come):
        return
    _, new, again = at.three
    (otherwise,) = run(at.start.hashing_otherwise, [at.roots[1]], opened=new.opened)
    for i in sorted(hashes.made_of_hashes(come, again.graph, otherwise.graph)):
        at_place = place(new.graph, i)
        why = (
            f"{dotted(at_place)} is made of a text's hash, and texts have other hashes here than where the "
            "release was measured: set PYTHONHASHSEED for the service, and measure the release with it"
        )
        yield Problem(*at_place, why, unless=(new.hashing,))


def _sources(root: str, files: Mapping[str, str], changed: frozenset[str]) -> dict[str, str]:
    return {
        name: Path(root, file).read_text("utf-8", "surrogateescape")
        for name, file in files.items()
        if name in changed
    }


def _stale_names(difference: Difference) -> frozenset[str]:
    """What a cache that a function has made may lead to; nothing where no function makes any, for to find
    them takes a look at the whole heap."""
    if not any(_makes_caches(difference.new, i, used) for i, _, used in difference.new.functions()):
        return frozenset()
    return names_of(
        difference.new,
        frozenset(p for p in difference.visits if p not in difference.moved),
    )


def _makes_caches(graph: Graph, function: int, used: frozenset[str]) -> bool:
    root = graph.roots.get(graph.nodes[function][1][0])
    by_name = "cache" in used and root is not None and ("name", "cache") in graph.kids(root)
    return by_name or not used.isdisjoint(("lru_cache", "functools"))
