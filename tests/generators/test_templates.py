"""What stands before a prompt: the fields that a model was trained on, once each, and never what it cannot take."""

from __future__ import annotations

import pytest

from evalkit.core.errors import UserError
from evalkit.generators.base import GENERATORS, GeneratorSpec
from evalkit.generators.contract import checked_spec
from evalkit.generators.load import load_generator
from evalkit.generators.templates import template_note, templated
from evalkit.run.options import by_content, choose_options, model_options

MUSIC = {"TrackType": "Music", "VocalType": "Instrumental"}
SPEC = GeneratorSpec(
    "own", "own", 16000, 1, 5.0, presets={"card": {"steps": 3, "prompt_template": "music"}, "bare": {"steps": 3}},
    default_preset="card", templates={"music": MUSIC, "sfx": {"TrackType": "SFX"}},
)  # fmt: skip
PLAIN = GeneratorSpec("plain", "own", 16000, 1, 5.0, presets={"card": {"steps": 3}}, default_preset="card")


@pytest.mark.parametrize(
    ("prompt", "told"),
    [
        ("slow jazz", "TrackType: Music, VocalType: Instrumental, slow jazz"),
        ("", "TrackType: Music, VocalType: Instrumental"),
        ("tracktype : Instrument, a cello", "VocalType: Instrumental, tracktype : Instrument, a cello"),
        ("SubTrackType: x", "TrackType: Music, VocalType: Instrumental, SubTrackType: x"),
        ("VocalType: Choir, TrackType: Music, hymn", "VocalType: Choir, TrackType: Music, hymn"),
    ],
)
def test_a_field_is_said_once_and_the_prompts_own_stands(prompt: str, told: str) -> None:
    assert templated(MUSIC, prompt) == told
    assert templated({}, prompt) == prompt


def test_a_preset_names_its_own_and_whoever_asks_another() -> None:
    assert choose_options(SPEC, None, {})[1] == {"steps": 3, "prompt_template": "music"}
    assert choose_options(SPEC, "bare", {})[1] == {"steps": 3, "prompt_template": "none"}
    chosen = choose_options(SPEC, None, {"prompt_template": "sfx"})[1]
    assert by_content(SPEC, chosen)["prompt_template"] == {"TrackType": "SFX"}
    assert model_options(SPEC, chosen) == {"steps": 3}, "the network has no such option"


def test_none_is_what_every_model_takes_and_changes_no_run() -> None:
    """`--model one,other --prompt-template none` is a comparison without templates."""
    assert choose_options(PLAIN, None, {"prompt_template": "none"}) == choose_options(PLAIN, None, {})
    assert by_content(SPEC, choose_options(SPEC, None, {"prompt_template": "none"})[1])["prompt_template"] == {}


@pytest.mark.parametrize(
    ("spec", "name", "told"),
    [
        (SPEC, "musik", "no prompt template of own is called 'musik' (did you mean music?)"),
        (SPEC, ["music"], "no prompt template of own is called \"['music']\""),
        (SPEC, 3, "no prompt template of own is called '3' (known: music, none, sfx)"),
        (PLAIN, "music", "plain has no prompt templates, its prompts go in as they are (leave it out"),
    ],
)
def test_what_a_model_cannot_take_is_one_line(spec: GeneratorSpec, name: object, told: str) -> None:
    with pytest.raises(UserError) as refused:
        choose_options(spec, None, {"prompt_template": name})
    assert told in f"{refused.value.message} ({refused.value.hint})"


def test_an_option_of_a_models_own_that_is_called_so_is_its_own() -> None:
    own = GeneratorSpec("own", "own", 16000, 1, 5.0, further={"prompt_template": "{}"})
    assert choose_options(own, None, {"prompt_template": "a {}"})[1] == {"prompt_template": "a {}"}
    assert model_options(own, {"prompt_template": "a {}"}) == {"prompt_template": "a {}"}


def test_a_preset_that_names_no_template_of_its_model_is_a_broken_spec() -> None:
    class Broken:
        spec = GeneratorSpec("b", "b", 8000, 1, 1.0, presets={"card": {"prompt_template": "x"}}, templates={"none": {}})

    with pytest.raises(UserError, match=r"no template; presets\['card'\] names a prompt_template that is none of its"):
        checked_spec(Broken(), "b")  # type: ignore[arg-type]


def test_what_was_put_before_the_prompts_is_told() -> None:
    """Also where nothing was, of a model that knows of templates."""
    card = choose_options(SPEC, None, {})[1]
    told = template_note(SPEC, card, ["jazz", "TrackType: Instrument, a cello"])
    assert '"TrackType: Music, VocalType: Instrumental, PROMPT"' in told and "1 of 2 prompts says a field" in told
    assert "music, sfx" in template_note(SPEC, {"prompt_template": "none"}, ["jazz"])
    assert template_note(PLAIN, {}, ["jazz"]) == ""


def test_stable_audio_3_is_asked_as_its_guide_says() -> None:
    """The small models make one kind of sound each; medium makes both, so nothing is taken for granted."""
    named = {"small-music": "music", "small-sfx": "sfx", "medium": "none"}
    for name in GENERATORS.names():
        if name.startswith(("stable-audio-3-sm", "stable-audio-3-medium")):
            spec = load_generator(name, {}).spec
            kind = name.removeprefix("stable-audio-3-").removesuffix("-base")
            assert {choose_options(spec, preset, {})[1]["prompt_template"] for preset in spec.presets} == {named[kind]}
            assert spec.templates["sfx"] == {"TrackType": "SFX"} and spec.templates["music"] == MUSIC
