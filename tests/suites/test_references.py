"""Reference files are read without pickle, checked, and written the same way every time."""

import io
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from evalkit.core.errors import UserError
from evalkit.suites import references
from evalkit.suites.base import MetricPlan


def plan(path: Path | None) -> MetricPlan:
    return MetricPlan("fd_openl3", "openl3-mini", path)


def some_set() -> references.SetReference:
    rows = np.random.default_rng(0).normal(size=(20, 3))
    return references.set_from_features([rows[:12].astype(np.float32), rows[12:].astype(np.float32)])


def test_a_set_comes_back_as_it_was_written(tmp_path: Path) -> None:
    made = some_set()
    assert (made.frames, made.clips) == (20, 2)
    references.save_set_reference(tmp_path / "a.npz", made)
    read = references.set_reference(plan(tmp_path / "a.npz"))
    np.testing.assert_array_equal(read.mean, made.mean)
    np.testing.assert_array_equal(read.covariance, made.covariance)
    assert (read.frames, read.clips) == (20, 2)


def test_pairs_come_back_whatever_their_ids(tmp_path: Path) -> None:
    rows = {"../x": np.ones(2, np.float32), "naïve-雨": np.zeros(2, np.float32)}
    references.save_pair_reference(tmp_path / "p.npz", rows)
    read = references.pair_reference(plan(tmp_path / "p.npz"))
    assert read.keys() == rows.keys()
    np.testing.assert_array_equal(read["../x"], rows["../x"])


def test_bytes_are_accepted_as_ids(tmp_path: Path) -> None:
    np.savez(tmp_path / "p.npz", ids=np.array(["é".encode(), b"b"]), rows=np.eye(2, dtype=np.float32))
    assert list(references.pair_reference(plan(tmp_path / "p.npz"))) == ["é", "b"]


def test_equal_content_gives_equal_bytes(tmp_path: Path) -> None:
    """Otherwise a suite's digest would change each time its references are made again."""
    for name in ("a.npz", "b.npz"):
        references.save_set_reference(tmp_path / name, some_set())
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_a_pickle_inside_is_never_run(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (tmp_path / "pwned",))

    np.savez(tmp_path / "p.npz", ids=np.array([Evil()], dtype=object), rows=np.eye(1, dtype=np.float32))
    with pytest.raises(UserError, match=r"p\.npz: cannot be read"):
        references.pair_reference(plan(tmp_path / "p.npz"))
    assert not (tmp_path / "pwned").exists()


def _npz(**arrays: object) -> bytes:
    target = io.BytesIO()
    np.savez(target, **{name: np.asarray(array) for name, array in arrays.items()})
    return target.getvalue()


GOOD = {"mean": np.zeros(2), "covariance": np.eye(2), "frames": 5, "clips": 2}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"not a zip", "cannot be read"),
        (b"", "cannot be read"),
        (_npz(**GOOD)[:200], "cannot be read"),
        (_npz(mean=np.zeros(2)), "is not a reference file of this kind: .*covariance"),
        (_npz(**{**GOOD, "mean": np.array([np.nan, 0])}), "mean is not made of finite numbers"),
        (_npz(**{**GOOD, "covariance": np.eye(3)}), "do not belong together"),
        (_npz(**{**GOOD, "frames": 0}), "frames is not a count"),
        (_npz(**{**GOOD, "clips": 2.5}), "clips is not a count"),
    ],
)
def test_a_bad_set_file_is_named(tmp_path: Path, data: bytes, words: str) -> None:
    (tmp_path / "r.npz").write_bytes(data)
    with pytest.raises(UserError, match=words):
        references.set_reference(plan(tmp_path / "r.npz"))


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"ids": ["a", "a"], "rows": np.eye(2, dtype=np.float32)}, "an id is there twice"),
        ({"ids": ["a"], "rows": np.eye(2, dtype=np.float32)}, "do not belong together"),
        ({"ids": [1, 2], "rows": np.eye(2, dtype=np.float32)}, "ids is not a list of text"),
        ({"ids": [b"\xff"], "rows": np.eye(1, dtype=np.float32)}, "ids is not a list of text"),
        ({"ids": ["a"], "rows": np.array([[np.inf]], dtype=np.float32)}, "rows is not made of finite"),
    ],
)
def test_a_bad_pair_file_is_named(tmp_path: Path, arrays: dict[str, object], words: str) -> None:
    (tmp_path / "r.npz").write_bytes(_npz(**arrays))
    with pytest.raises(UserError, match=words):
        references.pair_reference(plan(tmp_path / "r.npz"))


def test_statistics_of_stable_audio_metrics_are_read_by_path_once_their_clips_are_stated(tmp_path: Path) -> None:
    made = some_set()
    np.savez(tmp_path / "sam.npz", mu_ref=made.mean.astype(np.float32), sigma_ref=made.covariance)
    with pytest.raises(UserError, match=r"mu_ref and sigma_ref.*count = \.\.\. beside"):
        references.set_reference(plan(tmp_path / "sam.npz"))
    read = references.set_reference(replace(plan(tmp_path / "sam.npz"), count=25))
    assert (read.clips, read.frames, read.rows) == (25, 0, None)
    np.testing.assert_array_equal(read.covariance, made.covariance)
    references.save_set_reference(tmp_path / "own.npz", made)
    with pytest.raises(UserError, match=r"own.npz: is of 2 clips, the manifest states 3"):
        references.set_reference(replace(plan(tmp_path / "own.npz"), count=3))


@pytest.mark.parametrize("name", ["pairs.pkl", "pairs.pt"])
def test_probabilities_are_read_by_path(name: str, tmp_path: Path) -> None:
    table = {str(place): torch.full((527,), 1 / 527) for place in range(3)}
    (tmp_path / "pairs.pkl").write_bytes(pickle.dumps(table, protocol=5))
    torch.save(table, tmp_path / "pairs.pt")
    found = references.pair_reference(replace(plan(tmp_path / name), excluded=frozenset({"1"})))
    assert list(found) == ["0", "2"]
    assert found["0"].shape == (527,)


def test_no_reference_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="names no reference file"):
        references.set_reference(plan(None))
    with pytest.raises(UserError, match=r"gone\.npz: no such reference file"):
        references.pair_reference(plan(tmp_path / "gone.npz"))


def test_one_frame_is_no_set() -> None:
    with pytest.raises(UserError, match="at least two frames, it has 1"):
        references.set_from_features([np.zeros((1, 4), np.float32)])
    with pytest.raises(UserError, match="it has 0"):
        references.set_from_features([])


def test_references_made_from_audio_keep_one_row_per_clip(tmp_path: Path) -> None:
    """KAD, density and coverage need the clips themselves; a file from before they were kept has none."""
    made = some_set()
    assert made.rows is not None
    assert made.rows.shape == (2, 3)
    np.testing.assert_allclose(12 / 20 * made.rows[0] + 8 / 20 * made.rows[1], made.mean, rtol=1e-5)
    references.save_set_reference(tmp_path / "a.npz", made)
    read = references.set_reference(plan(tmp_path / "a.npz"))
    assert read.rows is not None
    assert read.rows.dtype == np.float32
    np.testing.assert_array_equal(read.rows, made.rows)
    references.save_set_reference(tmp_path / "old.npz", replace(made, rows=None))
    assert references.set_reference(plan(tmp_path / "old.npz")).rows is None


def test_of_very_many_clips_the_same_choice_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(references, "MOST_ROWS", 10)
    features = [np.full((2, 3), i, np.float32) + np.eye(2, 3, dtype=np.float32) for i in range(50)]
    first, again = (references.set_from_features(features) for _ in range(2))
    assert first.rows is not None
    assert again.rows is not None
    np.testing.assert_array_equal(first.rows, again.rows)
    assert len({int(row[0]) for row in first.rows}) == 10
    assert first.clips == 50


@pytest.mark.parametrize("rows", [np.zeros((2, 4), "f4"), np.zeros((3, 3), "f4"), np.zeros((0, 3), "f4"),
                                  np.full((2, 3), np.nan, "f4"), np.array([["a"] * 3] * 2)])  # fmt: skip
def test_rows_that_do_not_belong_are_refused(tmp_path: Path, rows: np.ndarray) -> None:
    made = some_set()
    kept = {"mean": made.mean, "covariance": made.covariance, "frames": np.int64(20), "clips": np.int64(2)}
    np.savez(tmp_path / "a.npz", rows=rows, **kept)
    with pytest.raises(UserError, match=r"a\.npz: rows"):
        references.set_reference(plan(tmp_path / "a.npz"))
