"""Bytecode that lies beside the sources says nothing about what changed."""

from __future__ import annotations

import compileall

from hotpatch import patching

from .conftest import Program

FILES = {
    "sizes.py": "SIZES = [size for size in {8, 0}]\n",
    "shop.py": "from sizes import SIZES\n\ndef largest(): return SIZES[0]\n",
}


def test_a_set_whose_order_bytecode_changes_is_no_edit(program: Program) -> None:
    program.runs(FILES)
    shop, sizes = program.module("shop"), program.module("sizes")
    seen = list(sizes.SIZES)
    program.becomes({"shop.py": FILES["shop.py"].replace("[0]", "[1]")})
    assert compileall.compile_dir(program.after, quiet=1)
    outcome = patching.patch(program.before, program.after, root=program.root)
    assert outcome, outcome.reasons
    assert seen == sizes.SIZES
    assert shop.largest() == seen[1]
