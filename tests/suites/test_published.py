"""The suites of the Stable Audio papers: pinned files, the papers' counts, and references that are read safely."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from evalkit_mirror import Published, publish

from evalkit.core.errors import UserError
from evalkit.core.resources import resource
from evalkit.fetch.digests import blob_id
from evalkit.fetch.home import evalkit_home
from evalkit.fetch.sources import GitSource, place
from evalkit.metrics.base import MetricInputs
from evalkit.metrics.fd_openl3 import METRIC as FD
from evalkit.suites.counts import count, disagreements
from evalkit.suites.load import load_outline, load_suite
from evalkit.suites.obtain import obtain
from evalkit.suites.pinned import pinned_files, require_references
from evalkit.suites.references import pair_reference, set_reference

SUITES = ("audiocaps", "musiccaps", "musiccaps-nosinging", "song-describer", "song-describer-nosinging")

COUNTS = {
    "audiocaps": (4875, 975, 881, 4405),
    "musiccaps": (5521, 5521, 5434, 5434),
    "musiccaps-nosinging": (2218, 2218, 2184, 2184),
    "song-describer": (1106, 706, 706, 1106),
    "song-describer-nosinging": (586, 446, 446, 586),
}
"""Prompts, clips, reference clips, prompts scored by KL, as the files under `load/` of stable-audio-metrics at fd55536
have them; MusicCaps' reference clips by the names of its statistics."""


class Silent:
    """A meter that tells nobody."""

    def start(self, name: str, total: int | None, done: int) -> None: ...
    def advance(self, count: int) -> None: ...
    def finish(self) -> None: ...
    def note(self, text: str) -> None: ...


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("EVALKIT_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def published(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Published, str]:
    """A small published suite in a mirror folder, and the path of its manifest."""
    files = publish(dimensions=8)
    monkeypatch.setenv("EVALKIT_MIRROR", str(files.mirror(tmp_path / "mirror")))
    return files, str(files.manifest(tmp_path))


def fetched(name: str) -> None:
    list(obtain(load_outline(name), Silent()))


@pytest.mark.parametrize(("name", "scored"), [("audiocaps", 881), ("song-describer", 706), ("musiccaps", 5434)])
def test_one_caption_per_clip_is_counted_before_it_is_fetched(
    name: str, scored: int, home: Path, tmp_path: Path
) -> None:
    """Who plans one generation per clip must not read 4,875."""
    manifest = (resource("prompts") / f"{name}.toml").read_text(encoding="utf-8")
    path = tmp_path / "first.toml"
    path.write_text(manifest.replace("[prompts]", '[prompts]\ncaptions = "first"', 1), encoding="utf-8")
    outline = load_outline(str(path))
    counts = count(outline, None)
    assert counts.prompts == outline.stated == counts.sources == COUNTS[name][1]
    assert counts.scored["kl_passt"] == scored


@pytest.mark.parametrize("name", SUITES)
def test_a_suite_can_be_listed_before_it_is_fetched(name: str, home: Path) -> None:
    outline = load_outline(name)
    counts = count(outline, None)
    assert (counts.prompts, counts.sources, counts.reference_clips, counts.scored["kl_passt"]) == COUNTS[name]
    assert {"prompts", "sources"} <= counts.stated
    assert counts.sources - len(outline.absent) == counts.reference_clips
    assert (outline.protocol, outline.size) == ("stable-audio-metrics", "full")
    assert outline.metrics["fd_openl3"].weights == ("openl3-env" if name == "audiocaps" else "openl3-music")
    with pytest.raises(UserError, match=f"not fetched yet.*evalkit fetch suite {name}"):
        load_suite(name)


@pytest.mark.parametrize("name", SUITES)
def test_the_pins_are_those_of_the_issue(name: str) -> None:
    """One letter wrong, and nobody could ever fetch the suite."""
    known = {
        "audiocaps-test.csv": "aa65f39a8205413bba7a5295a2aa92f97420fe8a",
        "musiccaps-public.csv": "962c0a8ef340a3f08a77d5d4f121257776252d82",
        "musiccaps-public-nosinging.csv": "be7d3d801d2e88cd17a0df4f70208ed57e180f0c",
        "song_describer.csv": "df18f76553288fe844ab71b081082fe0a40aa12c",
        "song_describer-nosinging.csv": "39d941e570861a0977935492a8f89c997ca22f70",
        "openl3_fd/audiocaps-test": "c12504b94af506c1271f0302fe5d3e196c187307",
        "openl3_fd/musiccaps-public": "b3e74439565c25dfe3a6e44f0ba8b0cdba9c5a92",
        "openl3_fd/musiccaps-public-nosinging": "06604c61ac8580f46312741bdb9638668adfdaca",
        "openl3_fd/song_describer": "2951c6888bedee2333ba2debdd839a7d1a9e573c",
        "openl3_fd/song_describer-nosinging": "701c0f11e3c64250e075490e3cc12a8fee2fbef6",
        "passt_kld/audiocaps-test": "0549158953ce3f31203d3dfe81095da6b8f3fba4",
        "passt_kld/musiccaps-public": "c2645d22d6fb487b471e044884253947ee603f61",
        "passt_kld/musiccaps-public-nosinging": "c91ecc8f72535a9b964dccca8a77737ce2ef04d7",
        "passt_kld/song_describer": "e396c4e927e56bcb309d5271343d49be81aa82fe",
        "passt_kld/song_describer-nosinging": "30af86ef34462ef676d187cef4ef0c17ae47431b",
    }
    for file in pinned_files(load_outline(name)):
        source = file.source
        assert isinstance(source, GitSource)
        assert (source.repo, source.commit[:7]) == ("Stability-AI/stable-audio-metrics", "fd55536")
        assert known[source.path.removeprefix("load/").partition("__")[0]] == source.blob


@pytest.mark.parametrize("name", SUITES)
def test_the_counts_of_the_real_prompt_files(name: str, home: Path, stable_audio_metrics: Path) -> None:
    """Counted from the files themselves, by the exclusions of the manifest; nothing of it is taken on trust."""
    outline = load_outline(name)
    for file in pinned_files(outline):
        assert isinstance(file.source, GitSource)
        here = stable_audio_metrics.parent / file.source.path
        if here.is_file():
            assert blob_id(here) == file.source.blob
            file.path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(here, file.path)
    suite = load_suite(name)
    counts = count(outline, suite)
    assert (counts.prompts, counts.sources, counts.reference_clips, counts.scored["kl_passt"]) == COUNTS[name]
    assert not counts.stated & {"prompts", "sources", "kl_passt"}
    assert disagreements(outline, suite) == []
    assert len({prompt.seconds for prompt in suite.prompts}) == 1
    assert suite.digest == load_suite(name).digest


def test_a_manifest_that_copies_the_source_and_asks_for_other_seconds(
    home: Path, tmp_path: Path, stable_audio_metrics: Path
) -> None:
    """The stated way to Stable Audio 2's lengths."""
    manifest = (resource("prompts") / "song-describer.toml").read_text()
    own = tmp_path / "long.toml"
    own.write_text(manifest.replace("seconds = 47", "seconds = 190").replace('describer"\n', 'describer-190"\n'))
    (file, *_) = pinned_files(load_outline(str(own)))
    file.path.parent.mkdir(parents=True)
    shutil.copy(stable_audio_metrics / "song_describer.csv", file.path)
    long, usual = load_suite(str(own)), load_suite("song-describer")
    assert {prompt.seconds for prompt in long.prompts} == {190.0}
    assert long.name == "song-describer-190"
    assert long.digest != usual.digest


def test_everything_is_fetched_converted_and_counted(published: tuple[Published, str], home: Path) -> None:
    _, manifest = published
    fetched(manifest)
    outline, suite = load_outline(manifest), load_suite(manifest)
    counts = count(outline, suite)
    assert (counts.prompts, counts.sources, counts.reference_clips, counts.scored) == (12, 6, 5, {"kl_passt": 10})
    assert disagreements(outline, suite) == []
    require_references(suite)
    rows = pair_reference(suite.metrics["kl_passt"])
    assert len(rows) == 10
    assert all(isinstance(key, str) and row.shape == (527,) for key, row in rows.items())
    assert [path.suffix for path in (home / "references").iterdir()] == [".npz"]


def test_the_digest_says_what_the_suite_is_and_not_where_its_files_lie(
    published: tuple[Published, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, manifest = published
    fetched(manifest)
    first = load_suite(manifest).digest
    monkeypatch.setenv("EVALKIT_HOME", str(tmp_path / "elsewhere"))
    outline = load_outline(manifest)
    assert outline.pinned is not None
    outline.pinned.path.parent.mkdir(parents=True)
    outline.pinned.path.write_bytes(files.files["load/t.csv"])
    assert load_suite(manifest).digest == first, "with or without its references, in whichever folder"
    files.files["load/t.pkl"] = files.files["load/t.pkl"].replace(b"K\x64", b"K\x65")
    assert load_suite(str(files.manifest(tmp_path))).digest != first


def test_references_that_are_not_here_are_told_before_any_work(published: tuple[Published, str]) -> None:
    _, manifest = published
    outline = load_outline(manifest)
    fetched(manifest)
    pinned_files(outline)[1].path.unlink()
    with pytest.raises(UserError, match=r"needs t\.npz, which is not fetched yet.*evalkit fetch suite"):
        require_references(load_suite(manifest))


@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_file_that_was_changed_since_is_never_used(published: tuple[Published, str], which: int) -> None:
    _, manifest = published
    fetched(manifest)
    path = pinned_files(load_outline(manifest))[which].path
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(UserError, match="was changed or damaged"):
        require_references(load_suite(manifest))
    fetched(manifest)
    require_references(load_suite(manifest))


def test_another_probability_file_is_never_met_by_an_old_conversion(
    published: tuple[Published, str], tmp_path: Path
) -> None:
    files, manifest = published
    fetched(manifest)
    before = pair_reference(load_suite(manifest).metrics["kl_passt"])
    other = publish(dimensions=4).files["load/t.pkl"]
    assert other != files.files["load/t.pkl"]
    files.files["load/t.pkl"] = other
    files.mirror(tmp_path / "mirror")
    manifest = str(files.manifest(tmp_path))
    fetched(manifest)
    after = pair_reference(load_suite(manifest).metrics["kl_passt"])
    assert not np.array_equal(before["100"], after["100"])


def test_a_hostile_probability_file_is_refused_even_where_the_manifest_pins_it(
    published: tuple[Published, str], tmp_path: Path
) -> None:
    files, _ = published
    files.files["load/t.pkl"] = b"\x80\x04cposix\nsystem\n\x8c\x04true\x85R."
    files.mirror(tmp_path / "mirror")
    with pytest.raises(UserError, match=r"it asks for 'posix\.system'"):
        fetched(str(files.manifest(tmp_path)))
    assert not (evalkit_home() / "references").exists()


def test_other_numbers_than_stated_are_refused(published: tuple[Published, str], tmp_path: Path) -> None:
    files, _ = published
    manifest = files.manifest(tmp_path, count=13)
    fetched(str(manifest))
    with pytest.raises(UserError, match=r"twelve\.toml, line 14: .* states 13 prompts, and .*t\.csv holds 12"):
        load_suite(str(manifest))
    manifest = files.manifest(tmp_path)
    manifest.write_text(manifest.read_text().replace('["yt5"]', '["yt5", "yt9"]'))
    with pytest.raises(UserError, match="no_reference names 'yt9'"):
        load_suite(str(manifest))


def test_references_with_other_counts_than_stated_are_told(published: tuple[Published, str], tmp_path: Path) -> None:
    _, path = published
    Path(path).write_text(Path(path).read_text().replace("count = 10", "count = 11"))
    fetched(path)
    assert disagreements(load_outline(path), load_suite(path)) == [
        "kl_passt: 10 prompts have a reference, the manifest states 11"
    ]


def test_prompts_of_an_absent_recording_are_outside_of_the_paired_metric(published: tuple[Published, str]) -> None:
    """Also where the file has a row for them, or the folder of reference audio a sound."""
    _, path = published
    Path(path).write_text(Path(path).read_text().replace('["yt5"]', '["yt5", "yt4"]'))
    fetched(path)
    suite = load_suite(path)
    plan = suite.metrics["kl_passt"]
    assert plan.excluded == {"140", "141", "150", "151"}
    assert len(pair_reference(plan)) == 8


def test_shipped_moments_make_a_reference_without_a_number_of_frames(published: tuple[Published, str]) -> None:
    """Neither the reading nor the metric may invent one, or stumble over its absence."""
    _, manifest = published
    fetched(manifest)
    reference = set_reference(load_suite(manifest).metrics["fd_openl3"])
    assert (reference.frames, reference.clips) == (0, 5)
    assert reference.mean.dtype == reference.covariance.dtype == np.float64
    draw = np.random.default_rng(1)
    clips = [draw.normal(size=(30, 8)).astype(np.float32) for _ in range(12)]
    ids = [str(index) for index in range(12)]
    result = FD.compute(MetricInputs(ids=ids, groups=ids, features=clips, set_reference=reference))
    assert result.n_reference == 5
    assert 0 < result.value < 5
    assert not any("reference covariance" in warning for warning in result.warnings)


def test_a_rank_deficient_shipped_covariance_is_told_without_a_number_of_frames(home: Path) -> None:
    from evalkit.metrics.base import SetReference

    covariance = np.diag([1.0, 1.0, 0.0, 0.0])
    reference = SetReference(np.zeros(4), covariance, frames=0, clips=3)
    clips = [np.random.default_rng(2).normal(size=(9, 4)).astype(np.float32) for _ in range(3)]
    result = FD.compute(MetricInputs(["a", "b", "c"], ["a", "b", "c"], clips, set_reference=reference))
    (told,) = [warning for warning in result.warnings if "reference covariance" in warning]
    assert told == "the reference covariance has rank 2 of 4"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('form = "mu_sigma"', 'form = "musigma"', "did you mean mu_sigma"),
        ('form = "mu_sigma"\ncount = 5', 'form = "mu_sigma"', "has no count"),
        ("count = 12", 'count = "12"', "'count' is '12', expected a whole number"),
        ("groups = 6", "groups = -6", "'groups' is -6, expected a whole number"),
        ('["yt5"]', '"yt5"', "'no_reference' is 'yt5', expected a list of sources"),
        ('path = "load/t.csv"\n', "", "has the keys"),
        ("[prompts.source]", 'file = "t.csv"\n[prompts.source]', "both file and source"),
        ('path = "load/t.csv"', 'path = "../t.csv"', r"line \d+: \[prompts\.source\]: the path of a source"),
        (
            "[metrics.kl_passt.reference]",
            "[metrics.kl_passt.reference.source]",
            "unknown key 'source' in .metrics.kl_passt.reference",
        ),
    ],
)
def test_a_bad_pinned_manifest_is_one_line(published: tuple[Published, str], old: str, new: str, words: str) -> None:
    _, path = published
    text = Path(path).read_text()
    assert old in text
    Path(path).write_text(text.replace(old, new, 1))
    with pytest.raises(UserError, match=words) as caught:
        load_outline(path)
    assert str(path) in str(caught.value) or "did you mean" in words


def test_no_two_files_of_a_suite_share_a_place() -> None:
    for name in SUITES:
        places = [place(file.source) for file in pinned_files(load_outline(name))]
        assert len(set(places)) == len(places) == 3
