"""An embedder of somebody's own, in a file: a new FD on the board under its own name, and what fails costs itself."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

Answer = tuple[int, str, str]

SUITE = """
name = "own"
title = "Seven prompts"
version = "1"
protocol = "own-1"
size = "mini"
licence = ""
citation = ""
[prompts]
file = "own.csv"
[reference]
audio = "real"
[metrics.duration_error]
weights = "sound"
"""
FD = '[metrics.fd_mine]\nlike = "fd_openl3"\nweights = "mine.py:Mine"\n'
EMBEDDER = '''"""Energy in eight bands, in decibels: an embedder of one's own."""

import numpy as np
from bands import energies

from evalkit.embed.base import EmbedderSpec


class Mine:
    spec = EmbedderSpec("my-bands", "bands", dimensions=8)

    def embed(self, clips):
        return [10 * np.log10(energies(clip.mono()) + 1e-8).astype(np.float32) for clip in clips]
'''
BANDS = """
import numpy as np
def energies(mono):
    rows = mono[: len(mono) // 512 * 512].reshape(-1, 512)
    return (np.abs(np.fft.rfft(rows)[:, 1:]) ** 2).reshape(len(rows), 8, -1).mean(2)
"""


@pytest.fixture
def run(evalkit: Callable[..., Answer], tmp_path: Path) -> Callable[..., Answer]:
    """`run(METRICS, words)` is `evalkit run` of the mock model in tmp_path, on a suite beside own recordings."""
    prompts = [f"p{place},a sound,0.3" for place in range(7)]
    (tmp_path / "suite").mkdir()
    (tmp_path / "suite" / "own.csv").write_text("\n".join(["id,prompt,seconds", *prompts]))
    (tmp_path / "suite" / "real").mkdir()
    for place in range(7):
        noise = np.random.default_rng(place).normal(0, 0.1, 4800)
        soundfile.write(tmp_path / "suite" / "real" / f"r{place}.wav", noise, 16000)
    (tmp_path / "suite" / "mine.py").write_text(EMBEDDER)
    (tmp_path / "suite" / "bands.py").write_text(BANDS)

    def call(metrics: str = FD, *words: str, model: str = "mock") -> Answer:
        (tmp_path / "suite" / "own.toml").write_text(SUITE + metrics)
        return evalkit("run", "--model", model, "--suite", "suite/own.toml", "--no-report", *words)

    return call


def answered(answer: Answer, code: int = 0) -> dict[str, Any]:
    assert answer[0] == code, answer[2]
    told: dict[str, Any] = json.loads(answer[1])
    return told


def test_an_embedder_of_25_lines_gives_a_new_fd_on_the_board(
    run: Callable[..., Answer], evalkit: Callable[..., Answer], tmp_path: Path
) -> None:
    """Must-show 6 of the extensions: named by itself, told before it is imported, known by its code."""
    assert len(EMBEDDER.splitlines()) <= 25
    answer = run(FD, "--json")
    told = answered(answer)
    score = told["scores"]["fd_mine"]
    assert score["value"] > 0 and score["low"] < score["value"] < score["high"] and score["n_reference"] == 7
    assert score["protocol"] == "own-1; fd_openl3 on mine.py:Mine" and score["direction"] == "lower"
    file = tmp_path / "suite" / "mine.py"
    assert f"names code, which is imported now: mine.py:Mine ({file})" in answer[2]
    entry = json.loads((tmp_path / told["run"] / "run.json").read_text())["metrics"]["fd_mine"]
    assert entry["embedder"] == "mine.py:Mine" and entry["weights"] == score["weights"] and entry["embedder_code"]
    assert evalkit("report", told["run"], "--out", "page.html")[0] == 0
    page = (tmp_path / "page.html").read_text()
    assert "fd_mine (as fd_openl3)" in page and "FD-OpenL3" not in page
    code, out, _ = evalkit("suites", "suite/own.toml")
    assert code == 0 and "as fd_openl3" in out and str(file) in out


def test_the_number_is_that_of_the_formula_on_these_features(run: Callable[..., Answer], tmp_path: Path) -> None:
    """Beside evalkit's own path: features by hand, the distance by scipy's matrix root."""
    from scipy.linalg import sqrtm

    from evalkit.audio.decode import decode

    told = answered(run(FD, "--json"))
    scope: dict[str, Any] = {}
    exec(BANDS, scope)

    def moments(folder: Path) -> tuple[Any, Any]:
        clips = [decode(path).mono() for path in sorted(folder.glob("*.wav"))]
        rows = np.concatenate([10 * np.log10(scope["energies"](clip) + 1e-8).astype(np.float32) for clip in clips])
        return rows.mean(0, dtype=np.float64), np.cov(rows.astype(np.float64), rowvar=False)

    (m, s), (mu, sigma) = moments(tmp_path / told["run"] / "audio"), moments(tmp_path / "suite" / "real")
    expected = ((m - mu) ** 2).sum() + np.trace(s + sigma - 2 * sqrtm(s @ sigma).real)
    assert told["scores"]["fd_mine"]["value"] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("file", ["mine.py", "bands.py"])
def test_a_corrected_embedder_is_computed_anew_from_the_same_sounds(
    file: str, run: Callable[..., Answer], tmp_path: Path
) -> None:
    first = answered(run(FD, "--json"))
    assert answered(run(FD, "--json"))["reused"]
    path = tmp_path / "suite" / file
    path.write_text(path.read_text().replace("1e-8", "1e-5").replace("mean(2)", "max(2)"))
    answer = run(FD, "--json")
    second = answered(answer)
    assert "the code of mine.py:Mine has changed: the same sounds are embedded again" in answer[2]
    assert second["run_id"] == first["run_id"] and not second["reused"]
    one, other = first["scores"], second["scores"]
    assert one["fd_mine"]["value"] != other["fd_mine"]["value"]
    assert one["fd_mine"]["weights"] != other["fd_mine"]["weights"], "never in one column"
    assert one["duration_error"] == other["duration_error"]


def test_two_embedders_stand_in_two_columns(
    run: Callable[..., Answer], evalkit: Callable[..., Answer], tmp_path: Path
) -> None:
    runs = [answered(run(FD, "--json", "--out", "one"))["run"]]
    (tmp_path / "suite" / "bands.py").write_text(BANDS.replace("mean(2)", "max(2)"))
    runs.append(answered(run(FD, "--json", "--out", "two", "--seed", "1"))["run"])
    code, out, err = evalkit("check", runs[0], "--baseline", "b.json", "--save")
    assert code == 0, err
    code, out, err = evalkit("check", runs[1], "--baseline", "b.json")
    assert code == 1 and "weights" in out + err, "the gate does not compare them"


BROKEN = {
    'spec = EmbedderSpec("my-bands", "bands", dimensions=8)': ("spec = {}", "its spec is a dict"),
    "dimensions=8": ("dimensions=7", "float32 (9, 8), expected float32 (frames, 7)"),
    "from bands": ("from nowhere", "No module named 'nowhere'"),
    "        return [": ("        return 1 / 0, [", "ZeroDivisionError: division by zero"),
    "import numpy as np": ("import sys\nsys.exit(3)", "sys.exit(3)"),
}


@pytest.mark.parametrize("change", BROKEN)
def test_one_that_fails_costs_its_metrics_alone(change: str, run: Callable[..., Answer], tmp_path: Path) -> None:
    path = tmp_path / "suite" / "mine.py"
    path.write_text(EMBEDDER.replace(change, BROKEN[change][0]))
    scores = answered(run(FD, "--json"), 1)["scores"]
    assert BROKEN[change][1] in scores["fd_mine"]["error"] and scores["fd_mine"]["value"] is None
    assert "mine.py" in scores["fd_mine"]["error"] and "\n" not in scores["fd_mine"]["error"]
    assert scores["duration_error"]["value"] == 0 and scores["fd_mine"]["n_failed"] == 7
    path.write_text(EMBEDDER)
    assert answered(run(FD, "--json"))["scores"]["fd_mine"]["value"] > 0, "and corrected, by the same command"


def test_a_sound_that_it_cannot_embed_costs_that_sound(run: Callable[..., Answer], tmp_path: Path) -> None:
    picky = "        if len(clips[0].samples[0]) < 3000: raise ValueError('too short')\n        return ["
    (tmp_path / "suite" / "mine.py").write_text(EMBEDDER.replace("        return [", picky))
    prompts = tmp_path / "suite" / "own.csv"
    prompts.write_text(prompts.read_text().replace("p3,a sound,0.3", "p3,a sound,0.1"))
    scores = answered(run(FD, "--json"), 0)["scores"]
    assert scores["fd_mine"]["n_failed"] == 1 and scores["fd_mine"]["n"] == 6
    assert any("'p3' could not be embedded" in each and "too short" in each for each in scores["fd_mine"]["warnings"])


@pytest.mark.parametrize(
    ("metrics", "told"),
    [
        (FD.replace("fd_mine", "fd_openl3").replace('like = "fd_openl3"\n', ""), 'like = "fd_openl3"'),
        (FD.replace("fd_mine", "fd_openl3"), "a metric of a new name"),
        (FD.replace("fd_mine", '"fd mine"'), "letters, digits, _ and -"),
        (FD.replace("fd_openl3", "duration_error"), "no metric can be like duration_error (these can be: "),
        (FD.replace("fd_openl3", "fd_opnl3"), "did you mean"),
        (FD.replace("mine.py:Mine", "mine.py:Mien"), "did you mean Mine"),
        (FD.replace("mine.py:Mine", "nowhere.py:Mine"), "nowhere.py: no such file"),
        (FD.replace("mine.py:Mine", "mine.py"), "suite/mine.py:Mine"),
        (FD.replace("mine.py:Mine", "mine:Mine"), "FILE.py:NAME"),
        ('[metrics.fd_openl3]\nweights = "passt-mini"\n', "fd_openl3 is of openl3, and passt-mini is of passt"),
        (FD.replace("fd_openl3", "clap_score"), "fd_mine compares with text, and mine.py:Mine reads none"),
        (FD + 'direction = "x"\n', "unknown key 'direction'"),
    ],
)
def test_what_would_stand_under_a_wrong_name_is_refused_before_any_work(
    metrics: str, told: str, run: Callable[..., Answer], tmp_path: Path
) -> None:
    code, _, err = run(metrics)
    assert code == 2 and told in err and err.count("Traceback") == 0
    assert not list(tmp_path.glob("runs/**/*.wav"))


def test_it_lies_beside_the_manifest_and_not_in_the_working_folder(run: Callable[..., Answer], tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(f"open({str(tmp_path / 'sprung')!r}, 'w')\n" + EMBEDDER)
    (tmp_path / "bands.py").write_text(f"open({str(tmp_path / 'sprung')!r}, 'w')\n" + BANDS)
    answered(run(FD, "--json"))
    assert not (tmp_path / "sprung").exists()


def test_looking_at_a_suite_imports_no_embedder(
    run: Callable[..., Answer], evalkit: Callable[..., Answer], tmp_path: Path
) -> None:
    run()
    (tmp_path / "suite" / "mine.py").write_text(f"open({str(tmp_path / 'sprung')!r}, 'w')\n" + EMBEDDER)
    for words in (
        ("suites", "suite/own.toml"),
        ("suites", "suite/own.toml", "--json"),
        ("fetch", "suite", "suite/own.toml"),
    ):
        assert evalkit(*words)[0] == 0
    assert evalkit("generate", "--model", "mock", "--suite", "suite/own.toml", "--seed", "5")[0] == 0
    assert not (tmp_path / "sprung").exists()


def test_one_of_an_installed_package_goes_by_its_name(
    run: Callable[..., Answer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Entry:
        name, value = "installed-bands", "installed_bands:Mine"

    monkeypatch.setattr("evalkit.core.registry.entry_points", lambda group: [Entry] if "embedders" in group else [])
    monkeypatch.syspath_prepend(tmp_path / "suite")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (tmp_path / "suite" / "installed_bands.py").write_text(EMBEDDER)
    answer = run(FD.replace("mine.py:Mine", "installed-bands"), "--json")
    assert answered(answer)["scores"]["fd_mine"]["protocol"] == "own-1; fd_openl3 on installed-bands"
    assert "names code" not in answer[2], "an installed package is the person's own choice"
    sys.modules.pop("installed_bands", None)
    sys.modules.pop("bands", None)


def test_a_metric_and_a_model_by_their_files(
    run: Callable[..., Answer], evalkit: Callable[..., Answer], tmp_path: Path
) -> None:
    fakes = Path(__file__).resolve().parents[1] / "fakes"
    for name in ("own_models.py", "own_metrics.py"):
        (tmp_path / "suite" / name).write_text((fakes / name).read_text())
    metric = '[metrics."own_metrics.py:GOOD"]\nweights = "sound"\n'
    answer = run(metric, "--json", model="suite/own_models.py:Base")
    assert answered(answer)["scores"]["own_metrics.py:GOOD"]["value"] is not None
    assert f"own_metrics.py:GOOD ({tmp_path / 'suite' / 'own_metrics.py'})" in answer[2]
    path = tmp_path / "suite" / "own_metrics.py"
    path.write_text(path.read_text().replace("each.sum()", "2 * each.sum()"))
    again = run(metric, "--json", model="suite/own_models.py:Base")
    assert "the code of own_metrics.py:GOOD has changed" in again[2] and not answered(again)["reused"]
    code, out, _ = evalkit("metrics", "suite/own_metrics.py:GOOD")
    assert code == 0 and "Metrics of somebody's own" in out


@pytest.mark.parametrize("judge", ["suite/mine.py:Mine", "mine:Mine"])
def test_it_judges_a_folder_without_any_manifest(
    judge: str, run: Callable[..., Answer], evalkit: Callable[..., Answer], tmp_path: Path
) -> None:
    for name, text in (("mine.py", EMBEDDER), ("bands.py", BANDS)):
        (tmp_path / name).write_text(text)
    prompts = "\n".join(["id,caption", *(f"r{place},a sound" for place in range(7))])
    (tmp_path / "captions.csv").write_text(prompts)
    words = ("score", "suite/real", "--prompts", "captions.csv", "--reference", "suite/real", "--json", "--no-report")
    scores = answered(evalkit(*words, "--judges", judge))["scores"]
    assert scores["fd_mine"]["value"] == pytest.approx(0, abs=1e-6)
    assert scores["fd_mine"]["protocol"].endswith(f"fd_openl3 on {judge}") and "fd_openl3" not in scores
    wrongs = {f"{judge},mine.py:Mine": "gives fd_mine, as", "mine.py:Nein": "has no attribute", "mine.py": "say what"}
    for wrong, told in wrongs.items():
        code, _, err = evalkit(*words, "--judges", wrong)
        assert code == 2 and told in err and "Traceback" not in err
