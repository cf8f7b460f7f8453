"""MS-CLAP's network: the published size."""

from __future__ import annotations

import torch
from transformers import ClapAudioConfig, GPT2Config

from evalkit.checkpoints.clap_laion import TOWERS, config_of
from evalkit.nets.msclap import FRONT, MsClap
from evalkit.originals.seeded.msclap import msclap_shapes


def test_the_published_size() -> None:
    """126,276,864 parameters of text; of sound 33,162,199 but for HTSAT's heads (tscam_conv, head) and the transform's
    constants, which no embedding uses."""
    audio = config_of(TOWERS[0], fusion=False).audio_config
    assert isinstance(audio, ClapAudioConfig)
    with torch.device("meta"):
        net = MsClap(audio, GPT2Config(), 1024)
    parts = {
        part: sum(each.numel() for name, each in net.named_parameters() if name.startswith(part))
        for part in ("audio", "text")
    }
    heads = 768 * 527 * 6 + 527 + 527 * 527 + 527
    constants = 2 * 513 * 1024 + 513 * 64
    assert parts == {"audio": 33_162_199 - heads - constants, "text": 126_276_864}
    assert (
        sum(torch.Size(shape).numel() for name, shape in msclap_shapes().items() if name.startswith("caption"))
        == (parts["text"])
    )


def test_seven_seconds_are_965_frames() -> None:
    assert (FRONT.max_samples, FRONT.frames) == (308_700, 965)
