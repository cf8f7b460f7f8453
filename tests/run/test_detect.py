"""`evalkit detect`: the variant that made a number is found among all of them.

The numbers are the original packages' own (tests/parity/oracle_detect.py), on sounds and networks made from seeds.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from evalkit.checkpoints.vggish_pca import read_pca
from evalkit.cli.main import build
from evalkit.core.errors import UserError
from evalkit.originals.seeded import torch_files
from evalkit.run.detect import Asked, Match, Tried, detect, named_sounds
from evalkit.run.progress import Silent

PARITY = Path(__file__).parents[1] / "parity"
sys.path.insert(0, str(PARITY))
import detect_cases as cases  # noqa: E402
from test_panns import front  # noqa: E402

GOLDEN: Mapping[str, Mapping[str, float]] = json.loads((PARITY / "golden" / "detect.json").read_text(encoding="utf-8"))
FAD = {
    "frechet-audio-distance": "frechet-audio-distance",
    "torchvggish": "torchvggish",
    "audioldm_eval 2023": "frechet-audio-distance",
    "audioldm_eval": "audioldm_eval",
    "av-benchmark": "av-benchmark",
    "stable-audio-tools": "stable-audio-tools",
}
"""{setting of the originals: the protocol that it is}."""


def asked(folder: Path, **sounds: float) -> Asked:
    cases.write_sounds(folder, **sounds)  # type: ignore[arg-type]
    cases.write_vggish(folder / "vggish")
    torch_files.write_vggish_pca(folder / "pca.pth", cases.VGGISH.features)
    ours, theirs = (named_sounds(folder / side) for side in cases.SIDES)
    weights = {"vggish": ("vggish", folder / "vggish")}
    return Asked("fad_vggish", ours, {"recordings": theirs}, weights, (), read_pca(folder / "pca.pth"))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("detect") / "quick"


@pytest.fixture(scope="module")
def quick(place: Path) -> Tried:
    """Mono sounds at the network's own rate, for which there is little to convert."""
    return detect(asked(place, **cases.QUICK), Silent())


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Tried:
    """Stereo sounds at another rate, longer than any crop, for which every choice matters."""
    return detect(asked(tmp_path_factory.mktemp("detect") / "whole"), Silent())


KL = {
    "audioldm_eval": ("1e-6", "reference||generated", "softmax"),
    "audioldm_eval, sigmoid": ("1e-6", "reference||generated", "sigmoid"),
    "audioldm_eval, the other direction": ("1e-6", "generated||reference", "softmax"),
    "av-benchmark": ("0", "reference||generated", "softmax"),
}
"""{setting: epsilon, direction and probabilities}."""


@pytest.fixture(scope="module")
def divergences(place: Path, quick: Tried) -> Tried:
    """Of the same sounds by Cnn14."""
    cases.write_panns(place / "panns", front(cases.PANNS))
    ours, theirs = (named_sounds(place / side) for side in cases.SIDES)
    weights = {"panns-16k": ("panns-16k", place / "panns")}
    return detect(Asked("kl_panns", ours, {"recordings": theirs}, weights), Silent())


def first_of(tried: Tried, published: float) -> list[Match]:
    groups = tried.ranked(published)
    offs = [min(each.off for each in group) for group in groups]
    assert offs == sorted(offs) and sum(map(len, groups)) == len(tried.matches)
    return groups[0]


@pytest.mark.parametrize(("setting", "protocol"), FAD.items())
def test_an_originals_number_is_found(quick: Tried, setting: str, protocol: str) -> None:
    """Among 2,304, where channels, converters and crops tell none apart."""
    found = first_of(quick, GOLDEN["quick"][f"fad_vggish {setting}"])
    assert len(quick.matches) >= 1000 and not quick.left_out
    assert found[0].off < 1e-4 and len({each.variant.rows for each in found}) == 1
    assert protocol in {name for each in found for name in each.variant.protocols}


@pytest.mark.parametrize(("setting", "formula"), KL.items())
def test_an_originals_divergence_is_found(divergences: Tried, setting: str, formula: tuple[str, ...]) -> None:
    """Direction, epsilon, and softmax or sigmoid, among 1,152."""
    found = first_of(divergences, GOLDEN["quick"][f"kl_panns {setting}"])
    assert found[0].off < 1e-4 and len(divergences.matches) >= 1000
    told = {(each.variant.formula["epsilon"], *list(each.variant.formula.values())[1:]) for each in found}
    assert formula in told and {each[1:] for each in told} == {formula[1:]}
    if "," not in setting:
        assert setting in {name for each in found for name in each.variant.protocols}


@pytest.mark.parametrize("metric", ["fd_panns", "is_panns", "kl_panns"])
def test_an_originals_numbers_on_cnn14_are_found(tmp_path: Path, metric: str) -> None:
    """FD, IS of ten parts and KL by audioldm-eval's own functions, on twelve sounds."""
    cases.write_sounds(tmp_path, **cases.MANY)  # type: ignore[arg-type]
    cases.write_panns(tmp_path / "panns", front(cases.PANNS))
    ours, theirs = (named_sounds(tmp_path / side) for side in cases.SIDES)
    recordings = {} if metric == "is_panns" else {"recordings": theirs}
    tried = detect(Asked(metric, ours, recordings, {"panns-16k": ("panns-16k", tmp_path / "panns")}), Silent())
    found = first_of(tried, GOLDEN["many"][f"{metric} audioldm_eval"])
    assert found[0].off < 1e-4
    assert "audioldm_eval" in {name for each in found for name in each.variant.protocols}


@pytest.mark.slow
@pytest.mark.parametrize(("setting", "protocol"), FAD.items())
def test_it_is_the_only_one_where_every_choice_matters(whole: Tried, setting: str, protocol: str) -> None:
    """But for the two forms of torchaudio's converter, which differ in the last digits of float32."""
    found = first_of(whole, GOLDEN["whole"][f"fad_vggish {setting}"])
    assert found[0].off < 1e-4 and found[0].variant.protocols == (protocol,) and len(found) <= 2


@pytest.mark.slow
def test_the_verb_ranks_them(place: Path, quick: Tried) -> None:
    number = GOLDEN["quick"]["fad_vggish torchvggish"]
    words = ["detect", str(place / "generated"), "--published", str(number), "--metric", "fad_vggish", "--json"]
    more = ["--reference", str(place / "recordings"), f"--weights=vggish={place / 'vggish'}"]
    pca = f"--weights=vggish_pca={place / 'pca.pth'}"
    done = CliRunner().invoke(build(("detect", "score")), [*words, *more, pca, "--limit", "2"], catch_exceptions=False)
    told = json.loads(done.stdout)
    assert done.exit_code == 0 and told["tried"] == 2 * len(quick.matches) and told["left_out"] == {}
    assert told["variants"][0]["protocols"] == ["torchvggish"] and told["variants"][0]["sounds"] == "all"
    done = CliRunner().invoke(
        build(("detect", "score")), [*words[:3], "1e6", *words[4:6], *more], catch_exceptions=False
    )
    assert "none is within 1 %" in done.stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "compared with what"),
        (("--metric", "fad_vggis"), "did you mean fad_vggish"),
        (("--metric", "aesthetics_quality"), "its variants are not known"),
        (("--metric", "clap_score"), "compared with which prompts"),
        (("--prompts", "captions.csv"), "compares with no prompts"),
        (("--loudness", "23"), "between -70 and 0 LUFS"),
        (("--metric", "fd_openl3", "--loudness", "-23"), "hears no level"),
        (("--loudness", "nan"), "between -70 and 0 LUFS"),
        (("--published", "nan"), "is no number"),
        (("--published", "inf"), "is no number"),
        (("--published", "4,4.7"), "is no number"),
        (("--published", "-1.5"), "fad_vggish is 0 at the least"),
        (("--metric", "clap_score", "--published", "41.2"), "1 at the most"),
        (("--limit", "0"), "at least 1"),
        (("--weights", "panns-16k=."), "no weights file of this metric"),
        (("--reference", "nowhere"), "nowhere"),
        (("--reference", ".", "--suite", "mini"), "both say"),
    ],
)
def test_what_cannot_be_is_said_before_any_work(tmp_path: Path, words: tuple[str, ...], told: str) -> None:
    first = ["detect", str(tmp_path), "--published", "4.47", "--metric", "fad_vggish"]
    with pytest.raises(UserError) as error:
        CliRunner().invoke(build(("detect", "score")), [*first, *words], catch_exceptions=False)
    assert told in str(error.value)


def test_a_sound_that_cannot_be_read_is_left_out_and_told(tmp_path: Path) -> None:
    given = asked(tmp_path / "a", **{**cases.QUICK, "clips": 2, "seconds": 1.1})
    (tmp_path / "a" / "generated" / "00.wav").write_bytes(b"RIFF")
    tried = detect(given, Silent())
    assert [Path(file).name for file in tried.left_out] == ["00.wav"]
    shared = {each.variant.sounds for each in tried.matches}
    assert shared == {"all", "all of both sides"}


def test_the_pca_rounds_as_the_original_does(tmp_path: Path) -> None:
    """torchvggish's own expression, on the file as it is published: NumPy arrays in a pickle."""
    torch_files.write_vggish_pca(tmp_path / "pca.pth", 8)
    pca, rows = read_pca(tmp_path / "pca.pth"), np.random.default_rng(1).normal(0, 1, (5, 8)).astype(np.float32)
    wanted = np.round((np.clip((pca.matrix @ (rows.T - pca.means[:, None])).T, -2, 2) + 2) * (255 / 4))
    assert np.array_equal(pca.quantised(rows), wanted) and 0 <= wanted.min() < wanted.max() <= 255
