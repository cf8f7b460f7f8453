"""Audiobox Aesthetics' network: the published size and names, its masks, and its table of distances."""

from __future__ import annotations

import pytest
import torch

from evalkit.nets.aesthetics import AXES, Aesthetics, AestheticsConfig
from evalkit.nets.wavlm import WavLMConfig, buckets
from evalkit.originals.seeded.audiobox import BASE, audiobox_shapes

SMALL = AestheticsConfig(
    wavlm=WavLMConfig(
        encoder_layers=2, encoder_embed_dim=32, encoder_ffn_embed_dim=64, encoder_attention_heads=4, conv_dim=16
    )
)


@pytest.mark.parametrize(("layers", "norms", "total"), [(1, False, 94_385_064), (5, True, 103_859_112)])
def test_the_published_size_and_names(layers: int, norms: bool, total: int) -> None:
    """WavLM-base's 94,381,936 and the heads, under the package's names, so that its file loads as it is."""
    with torch.device("meta"):
        net = Aesthetics(AestheticsConfig(proj_num_layer=layers, proj_ln=norms))
    assert sum(parameter.numel() for parameter in net.wavlm_model.parameters()) == 94_381_936
    assert sum(parameter.numel() for parameter in net.parameters()) == total
    if layers == 5:
        assert {name: tuple(each.shape) for name, each in net.state_dict().items()} == audiobox_shapes(BASE)


def test_a_place_for_dropout_is_counted_in_the_names() -> None:
    names = Aesthetics(AestheticsConfig(3, True, 0.1, wavlm=SMALL.wavlm)).proj_layer["PQ"].state_dict()
    assert sorted({int(name.partition(".")[0]) for name in names}) == [0, 1, 4, 5, 8]


def test_frames_of_nothing_but_filling_are_not_heard() -> None:
    """What stands where it is filled up reaches no frame of sound but through the convolutions, which zeros do not."""
    torch.manual_seed(0)
    net = Aesthetics(SMALL).eval()
    audio, filled = torch.zeros(1, 16000), torch.arange(16000)[None] >= 8000
    audio[:, :8000] = torch.randn(8000) / 8
    _, padding = net.wavlm_model(audio, filled)
    assert padding.shape == (1, 49)
    assert int((~padding).sum()) == 25  # a share of 326 samples each
    states = net.wavlm_model(audio, filled)[0]
    other = [torch.where(padding[:, :, None], torch.full_like(each, 7), each) for each in states]
    heard = (~padding).float()[:, :, None]
    wanted = torch.stack([(each * heard).sum(1) / heard.sum(1) for each in other], dim=-1)
    weights = net.layer_weights["PQ"].softmax(0)
    found = net.embedded(audio, filled)[:, AXES.index("PQ")]
    torch.testing.assert_close(found, torch.nn.functional.normalize(wanted @ weights, dim=-1), atol=1e-6, rtol=1e-5)


def test_near_distances_have_a_row_each_and_far_ones_share() -> None:
    table = buckets(900, WavLMConfig())
    assert table[5].tolist()[:8] == [5, 4, 3, 2, 1, 0, 161, 162]
    assert int(table[0].max()) == 319
    assert int(table[:, 0].max()) == 159
    assert table[0, 80] == 240
    assert table[0, 800] == table[0, 899] == 319


@pytest.mark.parametrize("wrong", [{"encoder_attention_heads": 5}, {"num_buckets": 3}, {"max_distance": 80}])
def test_sizes_that_do_not_go_together_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"multiple|go with"):
        WavLMConfig(**wrong)
