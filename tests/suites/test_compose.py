"""A suite that a person describes by a captions file, a folder of recordings and judges."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from evalkit.core.errors import UserError
from evalkit.embed.base import Features
from evalkit.suites.base import Suite
from evalkit.suites.brief import Brief
from evalkit.suites.keep import keep
from evalkit.suites.load import load_suite
from evalkit.suites.references import save_pair_reference, save_set_reference, set_from_features


def sounds(folder: Path, *names: str) -> Path:
    """A folder with a short sound of its own under each name."""
    folder.mkdir(exist_ok=True)
    for number, name in enumerate(names, start=1):
        samples = np.random.default_rng(number).normal(0, 0.1, 1600)
        soundfile.write(folder / name, samples, 16000)
    return folder


def captions(folder: Path, text: str = "id,caption\na,rain\nb,a dog\nc,wind\n") -> Path:
    path = folder / "captions.csv"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def _no_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVALKIT_HOME", str(tmp_path / "home"))


def told(suite: Suite) -> str:
    return "\n".join(suite.notes)


def test_recordings_named_by_ids_are_pairs(tmp_path: Path) -> None:
    suite = load_suite(Brief(captions(tmp_path), reference=str(sounds(tmp_path / "gt", "a.wav", "b.wav", "c.wav"))))
    assert [prompt.text for prompt in suite.prompts] == ["rain", "a dog", "wind"]
    assert "kl_passt" in suite.metrics and "paired by id with all 3" in told(suite)


def test_recordings_under_other_names_are_a_set_and_kl_is_left_out(tmp_path: Path) -> None:
    suite = load_suite(Brief(captions(tmp_path), reference=str(sounds(tmp_path / "gt", "x.wav", "y.wav", "z.wav"))))
    assert "as a set" in told(suite) and "fd_openl3" in suite.metrics
    assert "kl_passt" not in suite.metrics and "named by a prompt's id" in suite.left_out["kl_passt"]


def test_the_digest_is_of_what_is_said_not_of_where_it_lies(tmp_path: Path) -> None:
    """A baseline of yesterday must stay comparable after the files were moved, and not after a word was changed."""
    first = load_suite(Brief(captions(tmp_path), reference=sounds(tmp_path / "gt", "a.wav", "b.wav", "c.wav")))
    moved = tmp_path / "elsewhere"
    (tmp_path / "gt").rename(tmp_path / "renamed")
    moved.mkdir()
    again = load_suite(Brief(captions(moved), reference=tmp_path / "renamed"))
    other = load_suite(Brief(captions(moved, "id,caption\na,rain\nb,a cat\nc,wind\n"), reference=tmp_path / "renamed"))
    assert (first.name, first.digest) == (again.name, again.digest)
    assert first.digest != other.digest
    sounds(tmp_path / "renamed", "b.wav")
    assert load_suite(Brief(captions(tmp_path), reference=tmp_path / "renamed")).digest != first.digest


def test_some_recordings_pair_and_the_rest_is_named(tmp_path: Path) -> None:
    suite = load_suite(Brief(captions(tmp_path), reference=sounds(tmp_path / "gt", "a.wav", "b.wav", "x.wav")))
    assert "with 2 of the prompts; none for 'c'" in told(suite)
    assert suite.metrics["kl_passt"].excluded == {"c"}


def test_a_few_names_that_fit_by_accident_make_no_pairs(tmp_path: Path) -> None:
    suite = load_suite(Brief(captions(tmp_path), reference=sounds(tmp_path / "gt", "a.wav", "x.wav", "y.wav")))
    assert "kl_passt" not in suite.metrics and "only 1 of 3" in suite.left_out["kl_passt"]


def test_numbers_that_evalkit_gave_pair_with_nothing(tmp_path: Path) -> None:
    """`1.wav` of somebody's recordings is not the recording of the first line."""
    brief = Brief(captions(tmp_path, "caption\nrain\nwind\n"), reference=sounds(tmp_path / "gt", "1.wav", "2.wav"))
    suite = load_suite(brief)
    assert "kl_passt" not in suite.metrics and "--columns id=NAME" in suite.left_out["kl_passt"]
    own = Brief(captions(tmp_path, "id,caption\n1,rain\n2,wind\n"), reference=tmp_path / "gt")
    assert "kl_passt" in load_suite(own).metrics


def test_without_a_reference_what_needs_none_is_scored(tmp_path: Path) -> None:
    suite = load_suite(Brief(captions(tmp_path), seconds=0.1))
    assert {"clap_score", "is_passt", "duration_error", "bandwidth"} <= set(suite.metrics)
    assert "--reference" in suite.left_out["fd_openl3"] and "--reference" in suite.left_out["kl_passt"]


def test_without_lengths_no_duration_is_held_against_a_sound(tmp_path: Path) -> None:
    suite = load_suite(Brief(captions(tmp_path)))
    assert "duration_error" not in suite.metrics and "--seconds" in suite.left_out["duration_error"]


def features(number: int) -> list[Features]:
    rng = np.random.default_rng(number)
    return [rng.normal(size=(9, 4)).astype(np.float32) for _ in range(6)]


def test_statistics_of_a_set_are_no_pairs(tmp_path: Path) -> None:
    save_set_reference(tmp_path / "set.npz", set_from_features(features(0)))
    suite = load_suite(Brief(captions(tmp_path), reference=tmp_path / "set.npz"))
    assert "statistics of 6 clips in set.npz, as a set" in told(suite)
    assert {"fd_openl3", "kad_openl3"} <= set(suite.metrics) and "kl_passt" in suite.left_out


def test_statistics_of_stable_audio_metrics_have_no_count_and_no_clips(tmp_path: Path) -> None:
    rows = np.concatenate(features(0)).astype(np.float64)
    np.savez(tmp_path / "sam.npz", mu_ref=rows.mean(0), sigma_ref=np.cov(rows, rowvar=False))
    suite = load_suite(Brief(captions(tmp_path), reference=tmp_path / "sam.npz"))
    assert "fd_openl3" in suite.metrics and "kad_openl3" in suite.left_out
    assert "an unstated number of clips" in told(suite)


def test_a_file_of_rows_pairs_by_id_and_is_no_set(tmp_path: Path) -> None:
    save_pair_reference(tmp_path / "rows.npz", {key: features(0)[0][0] for key in "abc"})
    suite = load_suite(Brief(captions(tmp_path), reference=tmp_path / "rows.npz"))
    assert "kl_passt" in suite.metrics and "fd_openl3" in suite.left_out


def test_a_suite_lends_its_references_and_their_judges(tmp_path: Path) -> None:
    prompts = captions(tmp_path, "id,caption\nrain-1,rain\n")
    suite = load_suite(Brief(prompts, reference="mini"))
    assert suite.metrics["fd_openl3"].weights == "openl3-mini" and suite.size == "mini"
    assert suite.protocol == "evalkit-mini-1"
    with pytest.raises(UserError, match="--judges: the references of suite mini were made with openl3-mini"):
        load_suite(Brief(prompts, reference="mini", judges=("full",)))


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        load_suite(Brief(captions(tmp_path, "id,caption\na,\n"), reference="gone/", judges=("opnl3",)))
    assert all(part in str(caught.value) for part in ("line 2: 'caption' is empty", "gone/", "no judge", "opnl3"))


@pytest.mark.parametrize(
    ("judges", "size", "weights"),
    [
        (("mini",), "mini", "openl3-mini"),
        (("full",), "full", "openl3-env"),
        (("openl3-music", "passt"), "full", "openl3-music"),
        (("openl3-env", "clap-mini"), "mini", "openl3-env"),
    ],
)
def test_judges_by_set_or_by_name(tmp_path: Path, judges: tuple[str, ...], size: str, weights: str) -> None:
    suite = load_suite(Brief(captions(tmp_path), reference=sounds(tmp_path / "gt", "a.wav", "b.wav"), judges=judges))
    assert (suite.size, suite.metrics["fd_openl3"].weights) == (size, weights)
    families = {name.partition("-")[0] for name in judges}
    assert ("clap_score" in suite.metrics) == bool(families & {"clap", "mini", "full"})


@pytest.mark.parametrize(
    ("judges", "words"),
    [
        (("openl3-env", "openl3-music"), "both openl3"),
        (("passt", "passed"), "no judge is called 'passed'"),
        (("full", "passt"), "both passt"),
        (("mini", "full"), "both openl3"),
        (("stable-audio",), "no judge"),
        (("clap_tokenizer",), "no judge"),
    ],
)
def test_judges_that_are_none(tmp_path: Path, judges: tuple[str, ...], words: str) -> None:
    with pytest.raises(UserError, match=words):
        load_suite(Brief(captions(tmp_path), judges=judges))


def test_a_set_of_judges_stands_beside_an_embedder_of_ones_own(tmp_path: Path) -> None:
    """Its distance on one board with the three; a set among other names was no judge, with a hint that named it."""
    (tmp_path / "bands.py").touch()
    judges = ("mini", f"{tmp_path / 'bands.py'}:Bands")
    suite = load_suite(Brief(captions(tmp_path), reference=sounds(tmp_path / "gt", "a.wav", "b.wav"), judges=judges))
    assert suite.size == "mini" and {"fd_openl3", "kl_passt", "clap_score", "fd_bands"} <= set(suite.metrics)


def test_a_board_by_an_own_embedder_alone_is_no_full_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its figures are not those of papers; kept as a manifest in another folder it names the file from there."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "bands.py").write_text("class Bands: ...\n")
    gt = sounds(tmp_path / "gt", "a.wav", "b.wav")
    suite = load_suite(Brief(captions(tmp_path), reference=gt, judges=("code/bands.py:Bands",), name="banded"))
    assert suite.size == "own"
    (tmp_path / "away").mkdir()
    for folder in (tmp_path, tmp_path / "away"):
        manifest, _ = keep(suite, folder)
        kept = load_suite(str(manifest))
        assert kept.size == "own"
        place = Path(kept.metrics["fd_bands"].embedded_by.rpartition(":")[0])
        assert place.resolve() == (tmp_path / "code" / "bands.py").resolve()
        manifest.write_text(manifest.read_text().replace('size = "own"\n', ""))
        assert load_suite(str(manifest)).size == "own", "also where the manifest does not say"


@pytest.mark.parametrize("file", ["x.ogg", "x.csv", "x.wav", "x.json"])
def test_a_reference_that_is_none_is_refused_with_what_one_is(tmp_path: Path, file: str) -> None:
    (tmp_path / file).write_bytes(b"OggS, or whatever it is")
    with pytest.raises(UserError) as refused:
        load_suite(Brief(captions(tmp_path), reference=tmp_path / file))
    assert file in refused.value.message and "folder of recordings" in refused.value.hint


def test_full_judges_are_chosen_where_all_their_weights_are_here(tmp_path: Path) -> None:
    """Here by EVALKIT_HOME or by --weights, by a family's name too; one that is missing makes all of them minis."""
    folder = tmp_path / "home" / "weights"
    folder.mkdir(parents=True)
    for name in ("openl3_audio_mel256_env.h5", "630k-audioset-fusion-best.pt", "passt.pt"):
        (folder / name).touch()
    (folder / "roberta-base").mkdir()
    assert "MINI" in told(load_suite(Brief(captions(tmp_path))))
    assert load_suite(Brief(captions(tmp_path)), {"passt": folder / "passt.pt"}).size == "full"


def briefs(tmp_path: Path) -> dict[str, Brief]:
    """One of each kind of Brief, all under the name `kept`."""
    folder = tmp_path / "x"
    folder.mkdir()
    gt = sounds(folder / "gt", "a.wav", "b.wav", "q.wav")
    stats, rows = folder / "set.npz", folder / "sam.npz"
    save_set_reference(stats, set_from_features(features(0)))
    frames = np.concatenate(features(0)).astype(np.float64)
    np.savez(rows, mu_ref=frames.mean(0), sigma_ref=np.cov(frames, rowvar=False))
    plain = captions(folder)
    odd = folder / "odd.jsonl"
    odd.write_text(
        '{"id": "../x", "text": "\\"a\\" \\n b\\u007f", "seconds": 2, "labels": ["p", "q"], "group": "g"}\n', "utf-8"
    )
    return {
        "pairs": Brief(plain, reference=gt, name="kept"),
        "statistics": Brief(plain, reference=stats, seconds=3.0, name="kept"),
        "sam": Brief(plain, reference=rows, judges=("full",), name="kept"),
        "suite": Brief(plain, reference="mini", name="kept"),
        "odd": Brief(odd, name="kept"),
        "names": Brief("names", sounds=[gt], name="kept"),
    }


@pytest.mark.parametrize("kind", ["pairs", "statistics", "sam", "suite", "odd", "names"])
def test_a_suite_that_is_kept_is_the_same_suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Its digest is the run's, so that scores, baselines and boards of the two stand together; and it can be moved."""
    made = load_suite(briefs(tmp_path)[kind])
    monkeypatch.chdir(tmp_path)
    keep(made, Path())
    kept = load_suite("kept.toml")
    assert kept.digest == made.digest
    assert (kept.prompts, kept.left_out) == (made.prompts, made.left_out)
    assert {name: plan.weights for name, plan in kept.metrics.items()} == {
        name: plan.weights for name, plan in made.metrics.items()
    }
    with pytest.raises(UserError, match=r"kept\.toml: is there already"):
        keep(made, Path())
    if kind in ("pairs", "statistics"):
        (tmp_path / "y").mkdir()
        for path in (tmp_path / "kept.toml", tmp_path / "kept.jsonl", tmp_path / "x"):
            path.rename(tmp_path / "y" / path.name)
        assert load_suite(str(tmp_path / "y" / "kept.toml")).digest == made.digest


def test_a_name_that_is_a_suite_s_already_is_refused(tmp_path: Path) -> None:
    """Runs of the two would share a folder and a name, and not a digest."""
    with pytest.raises(UserError, match="there is a suite called mini already"):
        keep(load_suite(Brief(captions(tmp_path), name="mini")), tmp_path)


@pytest.mark.parametrize("name", ["../x", "a/b", ".x", "-x", "a\nb", "c:d"])
def test_a_name_that_is_no_file_s_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="name of its manifest"):
        keep(load_suite(Brief(captions(tmp_path), name=name)), tmp_path)
