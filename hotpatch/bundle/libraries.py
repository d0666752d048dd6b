"""Modules that templates ask for: Django's template libraries, `{% load NAME %}`.

No source imports them.  They are found by their name, in a folder `templatetags` of any package.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from hotpatch.bundle.program import module_paths
from hotpatch.bundle.trees import Tree

FOLDER: Final = "templatetags"
MOST_BYTES: Final = 1_000_000
"""A file that is longer is no template."""
_LOAD: Final = re.compile(rb"\{%-?\s*load\s+(?:[\w\s.]+\sfrom\s+)?([\w\s.]+?)\s*-?%\}")


def loaded_by_templates(root: Path, tree: Tree) -> tuple[str, ...]:
    """The names of those modules of the tree below `root`."""
    places = {
        name: name.rpartition(".")[2]
        for name, path in module_paths(tree.sources).items()
        if path.split("/")[-2:-1] == [FOLDER]
    }
    if not places:
        return ()
    wanted = {word for path in tree.others for word in _words(root / path)}
    return tuple(name for name, last in places.items() if last in wanted)


def _words(file: Path) -> set[str]:
    if file.stat().st_size > MOST_BYTES:
        return set()
    return {word.decode() for names in _LOAD.findall(file.read_bytes()) for word in names.split()}
