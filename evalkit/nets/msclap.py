"""Microsoft's CLAP of 2023: HTSAT and GPT-2, each with a projection of two layers into one space.

Elizalde et al., "Natural Language Supervision for General-Purpose Audio Representations", arXiv 2309.05767; msclap
1.3.4 (`models/clap.py`, `models/htsat.py`). The towers are transformers' (`ClapAudioModel`, which is LAION's HTSAT, and
`GPT2Model`), sized by configs. HTSAT hears 44.1 kHz through a bank of mel bands that was made for 32 kHz, as its own
`models/config.py` is what it is built from: the yml's 44,100, 50 and 8,000 Hz never reach it.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import ClapAudioConfig, GPT2Config
from transformers.models.clap.modeling_clap import ClapAudioModel
from transformers.models.gpt2.modeling_gpt2 import GPT2Model

from evalkit.nets.clap import FrontEnd, log_mel

RATE, SECONDS = 44100, 7
FRONT = FrontEnd(32000, 1024, 320, 64, 50.0, 14000.0, RATE * SECONDS, fusion=False)
"""Its rate is that of the mel bank alone."""


class Projection(nn.Module):
    """(batch, inner) to (batch, outer): a linear way, and beside it one that bends, then a layer norm."""

    def __init__(self, inner: int, outer: int) -> None:
        super().__init__()
        self.linear1 = nn.Linear(inner, outer, bias=False)
        self.linear2 = nn.Linear(outer, outer, bias=False)
        self.layer_norm = nn.LayerNorm(outer)

    def forward(self, states: Tensor) -> Tensor:
        straight = self.linear1(states)
        found: Tensor = self.layer_norm(straight + self.linear2(F.gelu(straight)))
        return found


class MsClap(nn.Module):
    """Both towers. Rows are not of length one: the cosine is taken of them as they are."""

    def __init__(self, audio: ClapAudioConfig, text: GPT2Config, width: int) -> None:
        """`width` is that of the common space."""
        super().__init__()
        with torch.random.fork_rng(devices=[]):  # drawing first weights must not move a caller's random state
            self.audio_model = ClapAudioModel(audio)
            self.text_model = GPT2Model(text)
        self.audio_projection = Projection(audio.hidden_size, width)
        self.text_projection = Projection(text.n_embd, width)

    def audio(self, samples: Tensor) -> Tensor:
        """(batch, width) of (batch, 308,700) at 44.1 kHz."""
        mels = log_mel(samples, FRONT)[:, None]
        longer = torch.zeros(len(samples), 1, dtype=torch.bool, device=samples.device)
        found: Tensor = self.audio_projection(self.audio_model(input_features=mels, is_longer=longer).pooler_output)
        return found

    def text(self, ids: Tensor, mask: Tensor) -> Tensor:
        """(batch, width) of token `ids` and `mask` (1 real, 0 padding after it), both (batch, tokens).

        The state taken is that of the place which the count of ids other than 0 says, as the original has it. 0 is its
        padding, and the token "!" too: a caption that holds that is read one place before its end for each.
        """
        states = self.text_model(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state
        last = (ids != 0).sum(dim=1) - 1
        found: Tensor = self.text_projection(states[torch.arange(len(ids), device=ids.device), last])
        return found
