"""The card is put together from what was measured, one row per mini, and says nothing of other weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from evalkit.core.errors import UserError
from evalkit.generators.base import GENERATORS
from evalkit.mini.card import __main__ as card
from evalkit.mini.card import files as card_files
from evalkit.mini.card import text as card_text
from evalkit.mini.card.measures import Score
from evalkit.mini.card.models import generate_suite, generator_minis
from evalkit.suites.load import load_suite


@pytest.fixture
def figures() -> card_text.Figures:
    return card.assembled(card_files.MEASURED)


def test_the_models_that_ship_are_the_cards() -> None:
    """No list of the card's own, which the next mini would be missing from."""
    assert "stable-audio-mini" in generator_minis()
    assert not {"passt-mini", "mock", "stable-audio"} & set(generator_minis())


def test_what_was_kept_is_what_was_measured(figures: card_text.Figures, tmp_path: Path) -> None:
    model = figures.models["stable-audio-mini"]
    card_files.save(tmp_path, card_files.JUDGES, figures.judges)
    card_files.save(tmp_path, "stable-audio-mini", model)
    assert card_files.load_judges(tmp_path) == figures.judges
    assert card_files.load_model(tmp_path, "stable-audio-mini") == model
    assert card_files.load_model(tmp_path, "another") is None
    assert [name for name, _ in figures.judges.ladder][:2] == [f"recordings + noise, {snr} dB SNR" for snr in (30, 20)]


def test_no_figure_is_of_weights_that_are_no_longer_shipped(figures: card_text.Figures) -> None:
    for name, model in figures.models.items():
        advice = f"measure it: python -m evalkit.mini.card --data DATA/esc10 --model {name}"
        assert GENERATORS.load(name)().spec.weights == model.weights, advice


def test_the_committed_card_has_the_figures_that_were_kept(figures: card_text.Figures) -> None:
    lines = card.CARD.read_text(encoding="utf-8").splitlines()
    for line in card_text.markdown(figures).splitlines():
        if line.startswith(tuple(f"| {name} | " for name in figures.models)):
            assert line in lines, "put the card together again: python -m evalkit.mini.card"


def test_every_mini_has_its_row_and_one_that_was_not_measured_says_so(
    figures: card_text.Figures, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(card_text, "generator_minis", lambda: ["stable-audio-mini", "clap-mini", "passt-mini"])
    measured = figures.models["stable-audio-mini"]
    worse = replace(measured.sounds.scores["fd_openl3"], value=100.0, low=90.04, high=110.0)
    sounds = replace(measured.sounds, scores={**measured.sounds.scores, "fd_openl3": worse})
    models = {"stable-audio-mini": measured, "clap-mini": replace(measured, sounds=sounds, autoencoder={})}
    text = card_text.markdown(replace(figures, models=models))
    assert "| clap-mini | 100.0 [90.0, 110.0] | " in text
    assert "| passt-mini | not measured | " in text
    assert "| class | the reference's own recordings | stable-audio-mini | clap-mini |" in text
    assert "| class (clips) | stable-audio-mini |\n" in text, "one that has no autoencoder to measure has no column"


def test_the_difference_from_white_noise_is_paired(figures: card_text.Figures) -> None:
    """Both sides leave the same prompts out; what the prompts alone decide must not widen it."""
    noise = figures.judges.noise.scores["fd_openl3"]
    shifted = Score(noise.value - 50, None, None, tuple(value - 50 for value in noise.leave_outs))
    model = figures.models["stable-audio-mini"]
    sounds = replace(model.sounds, scores={**model.sounds.scores, "fd_openl3": shifted})
    text = card_text.markdown(replace(figures, models={"stable-audio-mini": replace(model, sounds=sounds)}))
    assert "- stable-audio-mini: FD-OpenL3 is -50.0 [-50.0, -50.0] from that of white noise" in text


def test_a_name_that_is_no_generator_mini_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["card", "--data", "x", "--model", "stable-audio-mni"])
    with pytest.raises(UserError, match="did you mean stable-audio-mini"):
        card.main()


def test_sounds_are_those_of_a_run() -> None:
    """Figures of other seeds or options than `evalkit run` takes could not be had again by anyone."""
    from evalkit.core.ids import item_seed

    generator = GENERATORS.load("mock")()
    suite = load_suite("mini")
    clips, seconds = generate_suite(generator, suite)
    last = suite.prompts[-1]
    options = generator.spec.presets[generator.spec.default_preset]
    alone = generator.generate([last.text], [last.seconds], [item_seed(0, last.id, 0)], options)
    assert len(clips) == len(suite.prompts) and 0 < seconds < 60
    assert clips[-1].samples.tobytes() == alone.audio[0].tobytes()
