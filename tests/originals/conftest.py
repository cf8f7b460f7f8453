"""A stub of an original: evalkit's own OpenL3, in another process, with one thing of it replaced."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import evalkit
from evalkit.originals import compare
from evalkit.originals.base import Original

STUB = """
import sys
sys.path.insert(0, {root!r})
from pathlib import Path
from evalkit.embed import openl3
from evalkit.originals import answers
from evalkit.originals.clips import Sound

class Stub:
    def __init__(self, embedder):
        self.embedder, self.sounds = embedder, []

    def clip(self, told):
        self.sounds.append(Sound(str(len(self.sounds)), Path(told["path"]), told["caption"], 1.0))
        return {{}}

    def together(self, found):
        said = answers.ours(self.embedder, self.sounds)
        arrays = {{f"{{name}}-{{place}}": row for name, rows in said.clips.items() for place, row in enumerate(rows)}}
        arrays.update(said.together)
        {answer}
        return arrays

def build(job, load_at_peak):
    {before}
    embedder = openl3.load("openl3-env", Path(job["weights"]))
    net = embedder._net
    {after}
    return Stub(embedder)
"""


@pytest.fixture
def stub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`stub(before=…, after=…, answer=…)` puts such an original in the place of all."""

    def put(before: str = "pass", after: str = "pass", answer: str = "pass") -> None:
        folder = tmp_path / "stub"
        folder.mkdir()
        root = str(Path(evalkit.__file__).parent.parent)
        text = STUB.format(root=root, before=before, after=after, answer=answer)
        (folder / "original.py").write_text(text)
        monkeypatch.setattr(compare, "ORIGINALS", (Original("stub", ("openl3-env",), (".h5", ".gz"), folder),))

    return put
