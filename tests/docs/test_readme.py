"""What the README says can be typed does what it says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
BEFORE, AFTER = "def total():\n    return 1\n", "def total():\n    return 2\n"


def test_the_library_call_patches_and_is_undone(tmp_path: Path) -> None:
    for folder, text in (("src", BEFORE), ("src-as-it-runs", BEFORE), ("src-fixed", AFTER)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "shop.py").write_text(text)
    (snippet,) = re.findall(
        r"```python\n(import hotpatch\n.*?)```", (ROOT / "README.md").read_text(), re.DOTALL
    )
    seen = snippet.replace("outcome.undo", "print(shop.total())\noutcome.undo")
    code = f"import sys\nsys.path[:0] = ['src', {str(ROOT)!r}]\nimport shop\n{seen}\nprint(shop.total())\n"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    told, new, old = done.stdout.splitlines()
    assert told.startswith("Effect.LIVE ['shop.total: ") and (new, old) == ("2", "1"), done.stderr
