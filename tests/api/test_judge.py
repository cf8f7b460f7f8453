"""`evalkit.Judge`: the numbers of `score` on files, in a loop that notices nothing of it."""

from __future__ import annotations

import math
import random
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

import evalkit

RATE = 16_000
SOUNDS = 9


def tone(number: int, seconds: float = 4.0, channels: int = 2) -> np.ndarray:
    """A tone with noise, unlike the others, (channels, samples) float32."""
    draws = np.random.default_rng(number)
    time = np.arange(round(seconds * RATE)) / RATE
    sound = 0.3 * np.sin(2 * np.pi * (200 + 60 * number) * time) + draws.normal(
        0, 0.02 * (1 + number), (channels, len(time))
    )
    return np.clip(sound, -0.99, 0.99).astype(np.float32)


def sounds_of(prompts: Any) -> dict[str, np.ndarray]:
    """One for each prompt, some of them bad: silent, NaN, short, empty, mono."""
    sounds = {prompt.id: tone(number, prompt.seconds) for number, prompt in enumerate(prompts)}
    second, third, fourth, fifth, sixth = list(sounds)[1:6]
    sounds[second] = np.zeros_like(sounds[second])
    sounds[third] = sounds[third].copy()
    sounds[third][0, 100] = math.nan
    sounds[fourth] = sounds[fourth][:, : RATE // 2]
    sounds[fifth] = sounds[fifth][:, :0]
    sounds[sixth] = sounds[sixth][:1]
    return sounds


def near(here: float | None, there: float | None) -> bool:
    """Equal to 1e-6, or not there on either side."""
    return here == there or (None not in (here, there) and math.isclose(here, there, rel_tol=1e-6, abs_tol=1e-6))


def test_it_equals_score_on_files(tmp_path: Path) -> None:
    """All metrics of the mini suite, with failed sounds, a missing one, and in another order: to 1e-6."""
    judge = evalkit.Judge("mini", limit=SOUNDS, device="cpu")
    sounds = sounds_of(judge.prompts)
    del sounds[judge.prompts[-1].id]
    (tmp_path / "sounds").mkdir()
    for name, sound in sounds.items():
        soundfile.write(tmp_path / "sounds" / f"{name}.wav", sound.T, RATE, subtype="FLOAT")
    for name in reversed(sounds):
        judge.update(name, torch.from_numpy(sounds[name]).requires_grad_(), RATE)
    found, files = judge.compute(), evalkit.score(tmp_path / "sounds", limit=SOUNDS, device="cpu")
    assert list(found.scores) == list(files.scores) and len(found.scores) > 12
    for name, here in found.scores.items():
        there = files.scores[name]
        for field in ("value", "low", "high", "se"):
            assert near(getattr(here, field), getattr(there, field)), (name, field)
        assert (here.n, here.n_failed, here.n_reference, here.protocol, here.weights, here.warnings) == (
            there.n, there.n_failed, there.n_reference, there.protocol, there.weights, there.warnings
        )  # fmt: skip
    assert found.folder is None and found.failures.keys() == files.failures.keys() and len(found.failures) == 4
    assert judge.failures == {name: files.failures[name] for name in judge.failures} and len(judge.failures) == 3
    by_prompt = {item.id: item for item in files.samples}
    for item in found.samples:
        there_too = by_prompt[item.id]
        assert (item.failed, item.verdicts, item.frames, item.channels) == (
            there_too.failed, there_too.verdicts, there_too.frames, there_too.channels
        )  # fmt: skip
        assert item.scores.keys() == there_too.scores.keys()
        assert all(near(value, there_too.scores[name]) for name, value in item.scores.items())


@pytest.fixture(scope="module")
def judge() -> evalkit.Judge:
    return evalkit.Judge("mini", limit=4, device="cpu")


@pytest.fixture(autouse=True)
def _anew(request: pytest.FixtureRequest) -> None:
    if "judge" in request.fixturenames:
        request.getfixturevalue("judge").reset()


def draws() -> list[float]:
    return [torch.rand(1).item(), random.random(), float(np.random.rand())]  # noqa: NPY002


def seed() -> None:
    torch.manual_seed(7)
    random.seed(7)
    np.random.seed(7)  # noqa: NPY002


def values(run: evalkit.Run) -> dict[str, float | None]:
    return {name: each.value for name, each in run.scores.items()}


def test_a_training_draws_what_it_would_have_drawn() -> None:
    seed()
    wanted = draws()
    seed()
    judge = evalkit.Judge("mini", limit=2, device="cpu")
    for number, prompt in enumerate(judge.prompts):
        judge.update(prompt.id, tone(number), RATE)
    judge.compute()
    assert draws() == wanted


def test_the_terms_of_a_training_decide_nothing_and_stay(judge: evalkit.Judge) -> None:
    """Autocast to bfloat16, a default of float64, fewer digits in products, gradients on: the same figures."""
    for number, prompt in enumerate(judge.prompts):
        judge.update(prompt.id, tone(number), RATE)
    plain = values(judge.compute())
    judge.reset()
    torch.set_default_dtype(torch.float64)
    torch.set_float32_matmul_precision("medium")
    try:
        with torch.autocast("cpu", dtype=torch.bfloat16), torch.enable_grad():
            for number, prompt in enumerate(judge.prompts):
                judge.update(prompt.id, torch.from_numpy(tone(number)), RATE)
            within = values(judge.compute())
            assert torch.is_autocast_enabled("cpu") and torch.is_grad_enabled()
        assert torch.get_default_dtype() == torch.float64 and torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_default_dtype(torch.float32)
        torch.set_float32_matmul_precision("highest")
    assert within == plain


def test_it_works_in_another_thread(judge: evalkit.Judge) -> None:
    """A loop that scores while it trains on: in a thread, under inference mode, the same figures."""
    found: list[dict[str, float | None]] = []

    def work() -> None:
        with torch.inference_mode():
            for number, prompt in enumerate(judge.prompts):
                judge.update(prompt.id, torch.from_numpy(tone(number)), RATE)
            found.append(values(judge.compute()))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    judge.reset()
    for number, prompt in enumerate(judge.prompts):
        judge.update(prompt.id, tone(number), RATE)
    assert found == [values(judge.compute())]


def test_more_may_be_taken_after_a_look(judge: evalkit.Judge) -> None:
    names = [prompt.id for prompt in judge.prompts]
    for number, name in enumerate(names[:2]):
        judge.update(name, tone(number), RATE)
    assert judge.compute().scores["clap_score"].n == 2
    for number, name in enumerate(names[2:], start=2):
        judge.update(name, tone(number), RATE)
    whole = judge.compute()
    assert whole.scores["clap_score"].n == 4 and not whole.failures
    judge.reset()
    assert judge.compute().scores["clap_score"].n == 0 and not judge.failures


def test_what_cannot_be_meant_is_refused_by_name(judge: evalkit.Judge) -> None:
    name = judge.prompts[0].id
    judge.update(name, tone(0), RATE)
    for arguments, words in (
        ((name, tone(0), RATE), "taken already .*reset"),
        ((name[:-1], tone(0), RATE), "no prompt of suite mini is called .*did you mean baby-cry"),
        ((judge.prompts[1].id, tone(0), 0), "rate is 0"),
        ((judge.prompts[1].id, tone(0), 44100.5), "rate is 44100.5"),
        ((judge.prompts[1].id, (tone(0) * 2**15).astype(np.int16), RATE), "int16, not floats"),
        ((judge.prompts[1].id, np.zeros((100, 200), np.float32), RATE), "cannot be told from its samples"),
        ((judge.prompts[1].id, np.zeros((1, 2, 20), np.float32), RATE), "has shape"),
        ((judge.prompts[1].id, tone(0), RATE, 1), "a prompt has 1 sound here"),
    ):
        with pytest.raises(evalkit.UserError, match=words):
            judge.update(*arguments)
    assert judge.compute().scores["clap_score"].n == 1, "a refused sound leaves nothing behind"
    with pytest.raises(evalkit.UserError, match="in memory"):
        judge.compute().report()


def test_several_sounds_of_a_prompt() -> None:
    judge = evalkit.Judge("mini", limit=2, samples=2, device="cpu")
    for number, (prompt, sample) in enumerate((p, s) for p in judge.prompts for s in (0, 1)):
        judge.update(prompt.id, tone(number), RATE, sample)
    run = judge.compute()
    assert run.scores["clap_score"].n == 4 and len(run.samples) == 4


def resident() -> int:
    """Bytes of memory that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


SOUND_ALONE = """
name = "facts"
title = "Facts of the sound"
version = "1"
protocol = "facts-1"
size = "mini"
licence = ""
citation = ""
[prompts]
file = "prompts.csv"
[metrics.silence_share]
weights = "sound"
"""


def memory_of(judge: evalkit.Judge, clips: int, seconds: float, first: int) -> tuple[int, int]:
    """Bytes that the process holds more after `clips` clips than after the `first`, and more after `compute`."""
    early = 0
    for number in range(clips):
        judge.update(f"p{number}", tone(number % 50, seconds), RATE)
        if number + 1 == first:
            early = resident()
    late = resident()
    run = judge.compute()
    assert len(run.samples) == clips and not run.failures
    return late - early, resident() - late


def test_sounds_are_not_kept(tmp_path: Path) -> None:
    """80 clips of 1.3 MB would be 102 MB."""
    rows = [f"p{number},sound {number},10" for number in range(100)]
    (tmp_path / "prompts.csv").write_text("\n".join(["id,prompt,seconds", *rows]))
    (tmp_path / "facts.toml").write_text(SOUND_ALONE)
    grown, _ = memory_of(evalkit.Judge(str(tmp_path / "facts.toml"), device="cpu"), 100, 10.0, first=20)
    assert grown < 30e6, f"{grown / 1e6:.1f} MB more"


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_memory_is_flat_over_five_thousand_clips() -> None:
    """4,500 clips of 64 KB would be 288 MB; what is kept of them in memory is their rows."""
    judge = evalkit.Judge(prompts={f"p{i}": f"sound {i}" for i in range(5000)}, judges="mini", device="cpu")
    grown, computing = memory_of(judge, 5000, 0.5, first=500)
    print(f"{grown / 1e6:.1f} MB more from clip 500 to 5000, {computing / 1e6:.1f} MB more to compute")
    assert grown < 40e6 and computing < 250e6
