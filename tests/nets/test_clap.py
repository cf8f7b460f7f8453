"""CLAP's front end and towers: what would make a CLAP score wrong or different from run to run."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from transformers import ClapConfig, ClapFeatureExtractor

from evalkit.nets.clap import (
    Clap,
    ClapText,
    FrontEnd,
    crop_input,
    crop_start,
    crop_starts,
    fusion_input,
    hidden_states,
    int16_round_trip,
    log_mel,
    repeat_pad,
    tower_input,
)

FULL = {
    "sampling_rate": 48000,
    "fft_window_size": 1024,
    "hop_length": 480,
    "feature_size": 64,
    "frequency_min": 50,
    "frequency_max": 14000,
    "max_length_s": 10,
    "nb_max_samples": 480000,
    "truncation": "fusion",
    "padding": "repeatpad",
    "top_db": None,
}
"""The numbers that laion/clap-htsat-fused publishes."""

SMALL = {
    **FULL,
    "sampling_rate": 8000,
    "hop_length": 160,
    "frequency_max": 4000,
    "nb_max_samples": 8000,
    "max_length_s": 1,
}


def noise(samples: int, seed: int = 0) -> Tensor:
    return 0.1 * torch.randn(samples, generator=torch.Generator().manual_seed(seed))


def extractor(config: dict[str, object]) -> ClapFeatureExtractor:
    names = set(config) - {"nb_max_samples"}
    return ClapFeatureExtractor(**{name: config[name] for name in names})


def tiny() -> ClapConfig:
    text = {"vocab_size": 300, "hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2}
    audio = {
        "spec_size": 128,
        "window_size": 4,
        "patch_embeds_hidden_size": 8,
        "hidden_size": 64,
        "depths": [1, 1, 1, 1],
        "num_attention_heads": [1, 1, 2, 2],
        "enable_fusion": True,
        "fusion_type": "aff_2d",
    }
    text |= {"intermediate_size": 32, "max_position_embeddings": 79}
    return ClapConfig(text_config=text, audio_config=audio, projection_dim=16)


@pytest.mark.parametrize("seconds", [0.3, 4.0, 10.0])
def test_mel_of_a_short_clip_is_transformers(seconds: float) -> None:
    """Another mel (scale, norm, window, padding, repeats) would move every CLAP score."""
    samples = noise(round(48000 * seconds))
    mel, longer = fusion_input(samples, FrontEnd.from_config(FULL), seed=0)
    theirs = extractor(FULL)(samples.numpy(), sampling_rate=48000, return_tensors="pt")["input_features"][0]
    assert mel.shape == (4, 1001, 64)
    assert not longer
    torch.testing.assert_close(mel, theirs.float(), atol=2e-3, rtol=0)


def test_shrunk_copy_of_a_long_clip_is_transformers() -> None:
    """The whole-clip picture of a long sound is shrunk bilinearly, without antialiasing."""
    front = FrontEnd.from_config(SMALL)
    samples = noise(30000)
    mel, longer = fusion_input(samples, front, seed=3)
    theirs = extractor(SMALL)(samples.numpy(), sampling_rate=8000, return_tensors="pt")["input_features"][0]
    assert longer
    torch.testing.assert_close(mel[0], theirs[0].float(), atol=2e-3, rtol=0)


def test_crops_of_a_long_clip_are_rows_of_its_mel() -> None:
    """The three crops are pieces of the whole clip's mel, one from each third, in order."""
    front = FrontEnd.from_config(SMALL)
    samples = noise(30000)
    whole = log_mel(samples, front)
    starts = crop_starts(len(whole), front.frames, seed=3)
    mel, _ = fusion_input(samples, front, seed=3)
    assert starts[0] < starts[1] < starts[2]
    for row, start in zip(mel[1:], starts, strict=True):
        torch.testing.assert_close(row, whole[start : start + front.frames])


def test_crops_depend_on_the_seed_alone() -> None:
    """A long file's score must not change from run to run: global random state has no part in it."""
    front = FrontEnd.from_config(SMALL)
    samples = noise(40000)
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002 - the very generator that the original draws from
    first, _ = fusion_input(samples, front, seed=7)
    torch.manual_seed(2)
    np.random.seed(2)  # noqa: NPY002
    second, _ = fusion_input(samples, front, seed=7)
    other, _ = fusion_input(samples, front, seed=8)
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


@given(total=st.integers(1, 3000), frames=st.integers(1, 1001), seed=st.integers(0, 2**63 - 1))
def test_crops_come_from_numpys_thirds(total: int, frames: int, seed: int) -> None:
    """Front, middle and back are `numpy.array_split`'s thirds of all possible starts, for any length."""
    total = max(total, frames)
    thirds = np.array_split(np.arange(total - frames + 1), 3)
    for start, third in zip(crop_starts(total, frames, seed), thirds, strict=True):
        assert start in third or (len(third) == 0 and start == 0)


@pytest.mark.parametrize(("extra", "longer"), [(0, False), (159, False), (160, True)])
def test_a_clip_just_over_the_window_is_not_longer(extra: int, longer: bool) -> None:
    """Less than one hop over the window gives no frame more, so there is nothing to crop."""
    front = FrontEnd.from_config(SMALL)
    mel, said = fusion_input(noise(8000 + extra), front, seed=0)
    assert said is longer
    assert mel.shape == (4, front.frames, 64)


def test_short_clips_are_repeated_whole_and_then_padded() -> None:
    """LAION's `repeatpad`: as many whole repeats as fit, then zeros, never a cut repeat."""
    out = repeat_pad(torch.tensor([1.0, 2.0, 3.0]), 8)
    assert out.tolist() == [1, 2, 3, 1, 2, 3, 0, 0]


def test_int16_round_trip_cuts_toward_zero() -> None:
    """stable-audio-metrics' own conversion, in NumPy's float32 arithmetic."""
    x = np.linspace(-1.2, 1.2, 10001, dtype=np.float32)
    theirs = (np.clip(x, -1.0, 1.0) * np.float32(32767.0)).astype(np.int16).astype(np.float32) / np.float32(32767.0)
    np.testing.assert_array_equal(int16_round_trip(torch.from_numpy(x)).numpy(), theirs)


def test_no_samples_are_refused() -> None:
    """An empty clip has no mel; it must not become a division by zero deep inside."""
    with pytest.raises(ValueError, match="n > 0"):
        fusion_input(torch.zeros(0), FrontEnd.from_config(SMALL), seed=0)


@pytest.mark.parametrize(
    "change", [{"truncation": "rand"}, {"padding": "pad"}, {"hop_length": 0}, {"sampling_rate": "48k"}]
)
def test_a_front_end_that_is_not_understood_is_refused(change: dict[str, object]) -> None:
    """A config that asks for something else must not be read as if it asked for this."""
    with pytest.raises(ValueError, match=next(iter(change))):
        FrontEnd.from_config({**FULL, **change})


def test_text_tower_at_full_size_is_roberta_base() -> None:
    """At the published size the text tower counts RoBERTa-base's 124,645,632 parameters."""
    with torch.device("meta"):
        text = ClapText(ClapConfig())
    assert sum(p.numel() for p in text.parameters()) == 124_645_632


def test_full_size_towers_have_the_published_shapes() -> None:
    """HTSAT-tiny with fusion, as in laion/clap-htsat-fused: width 96, four stages of 2, 2, 6, 2 blocks, 512 out."""
    with torch.device("meta"):
        net = Clap(ClapConfig(audio_config={"enable_fusion": True, "fusion_type": "aff_2d"}))
    state = net.model.state_dict()
    encoder = "audio_model.audio_encoder."
    assert state[encoder + "patch_embed.proj.weight"].shape == (96, 1, 4, 4)
    assert state[encoder + "patch_embed.mel_conv2d.weight"].shape == (96, 1, 4, 12)
    assert state[encoder + "layers.2.blocks.5.attention.self.query.weight"].shape == (384, 384)
    assert state["audio_projection.linear2.weight"].shape == (512, 512)


def test_another_kind_of_fusion_is_refused() -> None:
    """The rules here are those of `aff_2d`; another checkpoint would give other numbers under the same name."""
    config = tiny()
    config.audio_config.fusion_type = "channel_map"
    with pytest.raises(ValueError, match="fusion_type"):
        Clap(config)


@pytest.mark.parametrize("seconds", [0.3, 4.0, 10.0])
def test_mel_without_fusion_is_transformers(seconds: float) -> None:
    """Models without fusion hear through Slaney's filters; the other ones' would move every score."""
    plain = {**FULL, "truncation": "rand_trunc"}
    samples = noise(round(48000 * seconds))
    mel, longer = tower_input(samples, FrontEnd.from_config(plain), seed=0)
    theirs = extractor(plain)(samples.numpy(), sampling_rate=48000, return_tensors="pt")["input_features"][0]
    assert mel.shape == (1, 1001, 64)
    assert not longer
    torch.testing.assert_close(mel, theirs.float(), atol=2e-3, rtol=0)


def test_the_one_crop_of_a_long_clip_depends_on_the_seed_alone() -> None:
    """Without fusion a long file is heard for one window only: which one must not change from run to run."""
    front = FrontEnd.from_config({**SMALL, "truncation": "rand_trunc"})
    samples = noise(40000)
    torch.manual_seed(1)
    first, longer = crop_input(samples, front, seed=7)
    torch.manual_seed(2)
    again, _ = crop_input(samples, front, seed=7)
    start = crop_start(40000, front.max_samples, seed=7)
    assert longer
    assert torch.equal(first, again)
    assert torch.equal(first[0], log_mel(samples[start : start + front.max_samples], front))
    assert len({crop_start(40000, 8000, seed) for seed in range(50)}) > 40
    assert crop_start(8000, 8000, seed=3) == 0


@pytest.mark.parametrize("build", [Clap, ClapText])
def test_building_a_tower_leaves_random_state_alone(build: Callable[[ClapConfig], torch.nn.Module]) -> None:
    """Loading an embedder between two generations must not change the second one."""
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    build(tiny())
    assert torch.equal(torch.rand(3), expected)


def test_penultimate_is_what_the_last_layer_takes_in() -> None:
    """Layer -2 is the input of the last layer: its output must be layer -1."""
    text = ClapText(tiny()).eval()
    ids = torch.tensor([[0, 5, 6, 7, 2], [0, 9, 2, 1, 1]])
    mask = (ids != 1).long()
    states = hidden_states(text.model, ids, mask)
    assert len(states) == 4
    torch.testing.assert_close(text.hidden(ids, mask), states[-2])
    one = states[-2][:1]
    torch.testing.assert_close(text.model.encoder.layer[-1](one, None), states[-1][:1])


def test_a_long_neighbour_changes_nothing() -> None:
    """In a batch with long clips, a short clip's row is what it is alone, and the long one's too."""
    net = Clap(tiny()).eval()
    mels = torch.randn(3, 4, 251, 64, generator=torch.Generator().manual_seed(0))
    longer = torch.tensor([False, True, False])
    with torch.no_grad():
        together = net.audio(mels, longer)
        alone = torch.cat([net.audio(mels[i : i + 1], longer[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(together, alone, atol=1e-6, rtol=0)
    torch.testing.assert_close(together.norm(dim=1), torch.ones(3))
