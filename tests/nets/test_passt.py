"""PaSST's network: its size, its tensor names, its front end step by step."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from evalkit.nets.melbank import kaldi_bank
from evalkit.nets.passt import LogMel, PaSST, PaSSTConfig, initialise

MINI = PaSSTConfig(time_frames=500, stride=16, embed=16, depth=2, heads=2, classes=10, window_seconds=5)


def mini() -> PaSST:
    torch.manual_seed(0)
    net = PaSST(MINI).eval()
    initialise(net)
    return net


def test_the_published_size_has_the_published_number_of_parameters_and_names() -> None:
    """86.15 M under hear21passt's own names, so that the published state dict loads as it is."""
    with torch.device("meta"):
        net = PaSST(PaSSTConfig())
    assert sum(parameter.numel() for parameter in net.parameters()) == 86_153_758
    block = [f"{part}.{kind}" for part in BLOCK_PARTS for kind in ("weight", "bias")]
    names = {f"blocks.{index}.{part}" for index in range(12) for part in block} | OTHER_NAMES
    assert set(net.state_dict()) == names
    assert net.time_new_pos_embed.shape == (1, 768, 1, 99)
    assert net.freq_new_pos_embed.shape == (1, 768, 12, 1)


BLOCK_PARTS = ("norm1", "attn.qkv", "attn.proj", "norm2", "mlp.fc1", "mlp.fc2")
OTHER_PARTS = ("patch_embed.proj", "norm", "head.0", "head.1", "head_dist")
OTHER_NAMES = {"cls_token", "dist_token", "new_pos_embed", "freq_new_pos_embed", "time_new_pos_embed"} | {
    f"{part}.{kind}" for part in OTHER_PARTS for kind in ("weight", "bias")
}


def test_front_end_is_hear21passt() -> None:
    """1000 frames for 10 s; pre-emphasis, symmetric window of 800 in 1024, power, Kaldi's bank, (log + 4.5) / 5."""
    audio = np.random.default_rng(0).standard_normal(32000).astype(np.float32) * 0.1
    front = LogMel(PaSSTConfig())
    found = front(torch.from_numpy(audio)[None])[0, 0].numpy()
    emphasised = audio[1:].astype(np.float64) - 0.97 * audio[:-1]
    padded = np.pad(emphasised, 512, mode="reflect")
    window = np.pad(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(800) / 799), 112)
    power = np.stack([np.abs(np.fft.rfft(window * padded[320 * t : 320 * t + 1024])) ** 2 for t in range(100)], axis=1)
    wanted = (np.log(kaldi_bank(32000, 1024, 128, 0.0, 15000.0).double().numpy() @ power + 1e-5) + 4.5) / 5
    assert found.shape == (128, 100)
    np.testing.assert_allclose(found, wanted, atol=1e-4)
    assert front(torch.zeros(1, 320000)).shape == (1, 1, 128, 1000)


def test_the_head_reads_the_mean_of_both_tokens_and_not_head_dist() -> None:
    """A change of `head_dist` changes nothing; swapping the two tokens' parts changes nothing but rounding."""
    net, audio = mini(), 0.1 * torch.randn(2, 160000)
    before = net(audio)
    with torch.no_grad():
        net.head_dist.weight.add_(1)
        net.cls_token.data, net.dist_token.data = net.dist_token.data.clone(), net.cls_token.data.clone()
        net.new_pos_embed.data = net.new_pos_embed.data.flip(1)
    torch.testing.assert_close(net(audio), before, atol=1e-5, rtol=0)


def test_shorter_sound_takes_the_first_time_embeddings() -> None:
    """As hear21passt 0.0.26 cuts them: a short clip must not read the embeddings of later frames."""
    net, audio = mini(), 0.1 * torch.randn(1, 32000)
    before = net(audio)
    with torch.no_grad():
        net.time_new_pos_embed[..., 6:] += 1
    torch.testing.assert_close(net(audio), before)
    with torch.no_grad():
        net.time_new_pos_embed[..., :6] += 1
    assert float((net(audio) - before).abs().max()) > 0


def test_more_than_a_window_is_refused() -> None:
    """PaSST has no time embedding for it; the original fails with a shape error."""
    with pytest.raises(ValueError, match="500 of this model"):
        mini()(torch.zeros(1, 32000 * 6))


def test_patchout_keeps_what_it_is_told() -> None:
    net = mini()
    mel = net.front(0.1 * torch.randn(1, 160000))
    everything = (torch.arange(8), torch.arange(31))
    torch.testing.assert_close(net.classify(mel, everything), net.classify(mel))
    changed = mel.clone()
    changed[:, :, 16:32] = 0
    keep = (torch.tensor([0, 2, 5]), torch.arange(31))
    torch.testing.assert_close(net.classify(changed, keep), net.classify(mel, keep))


def test_heads_must_divide_the_width() -> None:
    with pytest.raises(ValueError, match="heads 5"):
        PaSSTConfig(embed=16, heads=5)
