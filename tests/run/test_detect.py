"""`evalkit detect`: the variant that made a number is found among all of them."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import save_file
from typer.testing import CliRunner

from evalkit.audio.decode import decode
from evalkit.audio.preparation import Preparation
from evalkit.cli.main import build
from evalkit.core.errors import UserError
from evalkit.nets.vggish import VGGish, VGGishConfig
from evalkit.run.detect import Match, detect, named_sounds
from evalkit.run.progress import Silent

TINY = VGGishConfig(width=2, hidden=4, features=3)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sounds, recordings and a network: stereo of two different channels, off their middle, of 9 s at 22,050 Hz."""
    folder = tmp_path_factory.mktemp("detect")
    torch.manual_seed(2)
    net = VGGish(TINY)
    (folder / "w").mkdir()
    save_file({key: each.contiguous() for key, each in net.state_dict().items()}, folder / "w" / "model.safetensors")
    (folder / "w" / "config.json").write_text(json.dumps(asdict(TINY)))
    for number, side in enumerate(("ours", "theirs")):
        (folder / side).mkdir()
        for name in "ab":
            draw = np.random.default_rng([number, ord(name)])
            envelope = 1.2 + np.sin(np.linspace(0, 9 + number, 9 * 22050))[:, None]
            sound = 0.05 * draw.normal(0, 1, (9 * 22050, 2)) * envelope * (1.0, 0.4) + 0.02
            soundfile.write(folder / side / f"{name}.wav", sound, 22050, subtype="FLOAT")
    return folder


@pytest.fixture(scope="module")
def net() -> VGGish:
    torch.manual_seed(2)
    return VGGish(TINY).eval()


def number(place: Path, net: VGGish, fed: Preparation, ddof: int) -> float:
    """A FAD by plain steps: rows of the network, means and covariances, an eigenvalue for the root."""
    sides = []
    for side in ("ours", "theirs"):
        clips = [decode(path) for path in sorted((place / side).glob("*.wav"))]
        with torch.no_grad():
            rows = [net(torch.from_numpy(fed(clip))[None])[0].double().numpy() for clip in clips]
        both = np.concatenate(rows)
        sides.append((both.mean(axis=0), np.cov(both, rowvar=False, ddof=ddof)))
    (m, s), (n, t) = sides
    root = np.sqrt(np.linalg.eigvals(s @ t).astype(complex)).real.sum()
    return float(((m - n) ** 2).sum() + np.trace(s) + np.trace(t) - 2 * root)


@pytest.fixture(scope="module")
def matches(place: Path) -> list[Match]:
    sides = [named_sounds(place / side, None) for side in ("ours", "theirs")]
    return detect("fad_vggish", 0.0, sides[0], sides[1], {"vggish": place / "w"}, Silent())


SETTINGS = (
    (Preparation(16000, channels="first", without_mean=True, shortest=32000), 1),
    (Preparation(16000, without_mean=True, converter="torchaudio.transforms", longest=8.0, shortest=32000), 1),
    (Preparation(16000, converter="soxr", peak="before", shortest=32000), 0),
)


@pytest.mark.parametrize(("fed", "ddof"), SETTINGS, ids=["audioldm_eval", "av-benchmark", "peak, ddof 0"])
def test_the_variant_that_made_a_number_is_found(
    place: Path, net: VGGish, matches: list[Match], fed: Preparation, ddof: int
) -> None:
    """Among 192; where others give the very same (a 9-s sound cut to 10 s), it is among these."""
    wanted = number(place, net, fed, ddof)
    assert len(matches) == 192 and [each.off for each in matches] == sorted(each.off for each in matches)
    nearest = min(abs(each.value - wanted) for each in matches)
    assert nearest < 1e-4 * wanted
    nearest_ones = [each.variant for each in matches if abs(each.value - wanted) <= nearest + 1e-6 * wanted]
    assert len(nearest_ones) < 20
    assert any(each.fed == fed and each.formula["ddof"] == str(ddof) for each in nearest_ones)


@pytest.mark.slow
def test_the_verb_ranks_them_and_says_what_is_none(place: Path) -> None:
    words = ["detect", str(place / "ours"), "--published", "1e6", "--metric", "fad_vggish"]
    more = ["--reference", str(place / "theirs"), f"--weights=vggish={place / 'w'}", "--limit", "1"]
    done = CliRunner().invoke(build(("detect", "score")), [*words, *more], catch_exceptions=False)
    assert done.exit_code == 0 and "192 variants were tried" in done.stdout and "none is within 1 %" in done.stdout
    for wrong, told in ((words, "compared with what"), ([*words[:-1], "kl_passt", *more], "known variants")):
        with pytest.raises(UserError, match=told):
            CliRunner().invoke(build(("detect", "score")), wrong, catch_exceptions=False)
