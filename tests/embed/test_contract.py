"""An embedder of somebody's own is looked at: what is wrong with it is one line, before it is kept in a cache."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalkit.audio.clip import Clip
from evalkit.core.errors import UserError
from evalkit.core.plugins import BrokenPlugin
from evalkit.embed.base import EmbedderSpec, TextEmbedder
from evalkit.embed.contract import build, checked
from evalkit.embed.load import embedder_code, load_embedder

SPEC = EmbedderSpec("own", "bands", 2)
CLIPS = [Clip(np.zeros((1, 8), np.float32), 8000, "0" * 64)] * 2
GOOD = [np.ones((3, 2), np.float32), np.ones((1, 2), np.float32)]


class Own:
    def __init__(self, answer: Callable[[], Any] = lambda: GOOD, spec: Any = SPEC) -> None:
        self.spec, self._answer = spec, answer

    def embed(self, clips: object) -> Any:
        return self._answer()


class Reads(Own):
    def embed_text(self, texts: object) -> Any:
        return self._answer()


def test_a_good_answer_passes() -> None:
    embedder = checked(Own(), "own", "code")
    assert [each.tolist() for each in embedder.embed(CLIPS)] == [each.tolist() for each in GOOD]
    assert not isinstance(embedder, TextEmbedder) and isinstance(checked(Reads(), "own", "code"), TextEmbedder)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (lambda: None, "embed() returned None, expected a list of one array per clip"),
        (lambda: GOOD[:1], "1 arrays for 2 clips"),
        (lambda: [*GOOD, *GOOD], "4 arrays for 2 clips"),
        (lambda: [[[1.0, 2.0]]] * 2, "a list, expected a numpy array"),
        (lambda: [each.astype(np.float64) for each in GOOD], "float64 (3, 2), expected float32 (frames, 2)"),
        (lambda: [each[0] for each in GOOD], "float32 (2,)"),
        (lambda: [each[:0] for each in GOOD], "float32 (0, 2)"),
        (lambda: [each[:, :1] for each in GOOD], "float32 (3, 1)"),
        (lambda: [np.full((1, 2), np.nan, np.float32)] * 2, "NaN or infinity"),
        (lambda: 1 / 0, "embed() failed: ZeroDivisionError: division by zero (" + __file__),
        (lambda: sys.exit(0), "it calls sys.exit(0)"),
    ],
)
def test_what_is_no_feature_is_one_line(answer: Callable[[], Any], told: str) -> None:
    with pytest.raises(BrokenPlugin) as raised:
        checked(Own(answer), "own", "code").embed(CLIPS)
    assert told in str(raised.value) and "'own'" in str(raised.value) and "\n" not in str(raised.value)


def test_what_is_no_text_feature_is_one_line() -> None:
    rows = np.ones((2, 2), np.float32)
    text = checked(Reads(lambda: rows), "own", "code")
    assert isinstance(text, TextEmbedder) and text.embed_text(["a", "b"]).shape == (2, 2)
    for wrong, told in ((rows[:1], "1 rows for 2 texts"), (None, "None, expected"), (rows * np.inf, "NaN or infinity")):
        broken = checked(Reads(lambda wrong=wrong: wrong), "own", "code")  # type: ignore[misc]
        assert isinstance(broken, TextEmbedder)
        with pytest.raises(BrokenPlugin, match="embed_text") as raised:
            broken.embed_text(["a", "b"])
        assert told in str(raised.value)


def test_a_buffer_that_is_used_again_changes_no_feature() -> None:
    """Features are held until all sounds are embedded; one array filled anew would make all of them the last."""
    buffer = np.zeros((1, 2), np.float32)

    def answer() -> Any:
        buffer[:] += 1
        return [buffer, buffer]

    embedder = checked(Own(answer), "own", "code")
    first = embedder.embed(CLIPS)
    embedder.embed(CLIPS)
    assert first[0].tolist() == [[1.0, 1.0]]


def test_every_field_of_a_spec_is_looked_at() -> None:
    for field in fields(EmbedderSpec):
        with pytest.raises(BrokenPlugin, match=field.name):
            checked(Own(spec=replace(SPEC, **{field.name: object()})), "own", "code")
    for wrong, told in ((Own(spec=None), "has no `spec`"), (Own(spec={"name": "x"}), "its spec is a dict")):
        with pytest.raises(BrokenPlugin, match=told):
            checked(wrong, "own", "code")
    with pytest.raises(BrokenPlugin, match="has no embed"):
        checked(type("Bare", (), {"spec": SPEC})(), "own", "code")


def test_code_weights_and_settings_are_part_of_who_it_is() -> None:
    """Of its cache key, and of the column in which its numbers stand."""
    specs = [SPEC, replace(SPEC, weights="ab" * 32), replace(SPEC, settings={"hop": 3}), replace(SPEC, family="other")]
    made = [checked(Own(spec=spec), "own", code).spec for spec in specs for code in ("one", "two")]
    assert len({spec.key for spec in made}) == len({spec.weights for spec in made}) == 8


def test_it_is_told_what_it_has_an_argument_for(tmp_path: Path) -> None:
    seen: list[object] = []
    build(lambda: seen.append("nothing"), "own", "cuda", None)
    build(lambda device, weights=None: seen.append((device, weights)), "own", "cuda", tmp_path)
    assert seen == ["nothing", ("cuda", tmp_path)]
    with pytest.raises(UserError, match="this embedder does not take it"):
        build(lambda: None, "own", "cpu", tmp_path)
    with pytest.raises(UserError, match="not a class or function"):
        build(SPEC, "own", "cpu", None)  # type: ignore[arg-type]
    with pytest.raises(BrokenPlugin, match="missing 1 required"):
        build(lambda other: None, "own", "cpu", None)


def test_by_a_file_it_is_loaded_with_its_code(tmp_path: Path) -> None:
    text = "import numpy as np\nfrom evalkit.embed.base import EmbedderSpec\nclass Mine:\n"
    text += "    spec = EmbedderSpec('mine', 'bands', 1)\n    def embed(self, clips):\n"
    text += "        return [np.full((1, 1), clip.samples.max() + 0, np.float32) for clip in clips]\n"
    (tmp_path / "mine.py").write_text(text)
    name = f"{tmp_path / 'mine.py'}:Mine"
    first, code = load_embedder(name).spec, embedder_code(name)
    (tmp_path / "mine.py").write_text(text.replace("+ 0", "+ 1"))
    second = load_embedder(name)
    assert second.spec.key != first.key and embedder_code(name) != code
    assert second.embed(CLIPS[:1])[0].tolist() == [[1.0]]
