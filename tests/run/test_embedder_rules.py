"""Each rule finds the embedder that breaks it, and evalkit's own keep them all."""

from __future__ import annotations

import io
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalkit.core.errors import UserError
from evalkit.embed.base import EmbedderSpec
from evalkit.embed.contract import checked
from evalkit.run.embedder_rules import RULES, check_embedder, check_rules

SKELETON = f"{Path(__file__).resolve().parents[2] / 'evalkit' / 'skeletons' / 'embedder.py'}:Mine"


class Own:
    """Level and peak of each clip."""

    spec = EmbedderSpec("own", "own", 2)

    def embed(self, clips: Sequence[Any]) -> list[Any]:
        return [self.one(clip.samples) for clip in clips]

    def one(self, samples: Any) -> Any:
        return np.array([[samples.std(), np.abs(samples).max()]], np.float32)

    def embed_text(self, texts: Sequence[str]) -> Any:
        return np.array([[len(text), 1] for text in texts], np.float32)


class Wide(Own):
    def one(self, samples: Any) -> Any:
        return super().one(samples).repeat(2, axis=1)


class Drifts(Own):
    calls = 0

    def one(self, samples: Any) -> Any:
        self.calls += 1
        return super().one(samples) + np.float32(self.calls * 1e-3)


class Neighbours(Own):
    """As a batch norm that was left in training does."""

    def embed(self, clips: Sequence[Any]) -> list[Any]:
        rows = super().embed(clips)
        return [row - np.mean(rows, axis=0, dtype=np.float32) for row in rows]


class First(Own):
    """Takes what it finds in the first clip for all of them."""

    def embed(self, clips: Sequence[Any]) -> list[Any]:
        return [row * (1 + np.float32(clips[0].samples.shape[1] < 50000)) for row in super().embed(clips)]


class Mono(Own):
    def one(self, samples: Any) -> Any:
        assert len(samples) == 2, "stereo alone"
        return super().one(samples)


class InPlace(Own):
    def one(self, samples: Any) -> Any:
        samples /= np.float32(max(np.abs(samples).max(), 1e-9))
        return super().one(samples)


class Words(Own):
    def embed_text(self, texts: Sequence[str]) -> Any:
        return np.array([[len(texts), 1] for _ in texts], np.float32)


class Pickles(Own):
    def __init__(self) -> None:
        pickle.load(io.BytesIO(pickle.dumps(Path("x"))))


@pytest.mark.parametrize(
    ("rule", "kind", "told"),
    [
        ("form", Wide, "float32 (1, 4), expected float32 (frames, 2)"),
        ("repeats", Drifts, "other features"),
        ("neighbours", Neighbours, "alone and in a batch"),
        ("order", First, "in another order"),
        ("kinds", Mono, "mono: embedder 'own': embed() failed: AssertionError: stereo alone"),
        ("inputs", InPlace, "it changes the clips"),
        ("text", Words, "texts alone and together"),
    ],
)
def test_what_breaks_a_rule_is_found(rule: str, kind: type[Own], told: str) -> None:
    found = {each.rule: each for each in check_rules(checked(kind(), "own", "code"))}
    assert found[rule].ok is False and told in found[rule].detail
    assert tuple(found) == RULES


def test_a_pickle_is_seen_wherever_it_is_opened(tmp_path: Path) -> None:
    """Also the one that numpy or torch opens inside: Python tells of each class that an unpickler looks up."""
    (tmp_path / "rows.npy").write_bytes(_pickled())
    text = Path(SKELETON.rpartition(":")[0]).read_text()
    load = "    rows = np.load(__file__.replace('mine.py', 'rows.npy'), allow_pickle=True)\n"
    (tmp_path / "mine.py").write_text(text.replace("    spec =", load + "    spec ="))
    found = {each.rule: each for each in check_embedder(f"{tmp_path / 'mine.py'}:Mine", "cpu", {})}
    assert found["pickle"].ok is False and "unpickles" in found["pickle"].detail
    assert [each.rule for each in found.values() if each.ok is False] == ["pickle"]


def _pickled() -> bytes:
    data = io.BytesIO()
    np.save(data, np.array([Path("x")], dtype=object), allow_pickle=True)
    return data.getvalue()


@pytest.mark.parametrize("name", ["sound", "openl3-mini", "passt-mini", "clap-mini", SKELETON])
def test_evalkits_own_keep_them_all(name: str) -> None:
    found = check_embedder(name, "cpu", {})
    assert [each for each in found if each.ok is False] == []
    assert {each.rule for each in found if each.ok is None} <= {"text"}


def test_what_cannot_be_tried_is_told(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("1 / 0\n")
    found = check_embedder(f"{tmp_path / 'mine.py'}:Mine", "cpu", {})
    assert found[0].ok is False and "ZeroDivisionError" in found[0].detail
    assert tuple(each.rule for each in found) == RULES and all(each.ok is None for each in found[1:])
    with pytest.raises(UserError, match="did you mean openl3-mini"):
        check_embedder("openl3-mimi", "cpu", {})
