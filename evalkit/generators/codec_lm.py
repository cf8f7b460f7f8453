"""Sampling from a language model over a codec's tokens: MusicGen and AudioGen.

The networks are transformers' MusicGen classes; the loop is ours, as transformers' own draws one random number stream
for a whole batch, so that a sound would depend on its neighbours, and ends at the window that the model was
trained on. Here every item draws from its own generator on the CPU, and longer sounds are continued window by window.

Sources: Copet et al. 2023 (delay pattern, guidance); audiocraft 1.3.0: `models/lm.py` (`generate`, the
guidance and the drawing), `models/genmodel.py` (`_generate_tokens`, the windows), `modules/codebooks_patterns.py`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import torch
from torch import Tensor

from evalkit.audio.clip import Samples
from evalkit.core.faults import Gathering
from evalkit.generators.base import Options
from evalkit.generators.baselines import Made, Request

Generators = Sequence[torch.Generator]


@dataclass(frozen=True)
class Drawing:
    """How a token is drawn: from the `top_k` likeliest (0: from all) at a temperature (0: always the likeliest),
    the logits guided by `cfg` (1: not at all)."""

    top_k: int = 250
    temperature: float = 1.0
    cfg: float = 3.0


def read_drawing(options: Options) -> Drawing:
    """Raises UserError naming all options that are out of range."""
    wrong, numbers = Gathering(), dict[str, float]()
    for name, value in options.items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            numbers[name] = float(value)
        else:
            wrong.require(False, f"option {name} is a number, not {value!r}")
    top_k, temperature, cfg = (numbers.get(name, 0.0) for name in ("top_k", "temperature", "cfg"))
    wrong.require(top_k.is_integer() and top_k >= 0, f"top_k is a whole number from 0, not {top_k:g}")
    wrong.require(temperature >= 0 and cfg >= 0, "temperature and cfg are not negative")
    wrong.settle()
    return Drawing(int(top_k), temperature, cfg)


@dataclass(frozen=True)
class Told:
    """Prompts as the decoder attends to them: states (2 * batch, tokens, width), the second half without any prompt,
    and the mask of their padding (2 * batch, tokens)."""

    states: Tensor
    mask: Tensor


class CodecLM:
    """`model` is transformers' MusicgenForConditionalGeneration (or its parts under these names), ready on `device`.

    `window` and `stride` are seconds: how long a sound the model makes at once, and by how much the window moves on.
    """

    def __init__(self, model: Any, tokenizer: Any, device: str, window: float, stride: float) -> None:
        self._model, self._tokenizer, self._device = model, tokenizer, torch.device(device)
        decoder, codec = model.decoder.config, model.audio_encoder.config
        self.rate, self.channels = int(codec.sampling_rate), int(decoder.audio_channels)
        self._hop = ceil(codec.sampling_rate / codec.frame_rate)
        self._pad = int(decoder.pad_token_id)
        # The first codebook's tokens come first, each further one's a step later; left and right go together.
        self._delays = torch.arange(decoder.num_codebooks) // self.channels
        per_second = self.rate / self._hop
        self._window, self._stride = int(window * per_second), int(stride * per_second)

    @torch.inference_mode()
    def make(self, request: Request) -> Made:
        """See :class:`evalkit.generators.baselines.Adapter`."""
        drawing = read_drawing(request.options)
        frames = ceil(request.frames / self._hop)
        started = time.perf_counter()
        told = self.encode(request.prompts)
        self._wait()
        encoded = time.perf_counter()
        generators = [torch.Generator().manual_seed(seed) for seed in request.seeds]
        codes = self.tokens(told, frames, generators, drawing)
        self._wait()
        sampled = time.perf_counter()
        audio: list[Samples] = list(self.decode(codes).float().cpu().numpy())
        ended = time.perf_counter()
        return Made(audio, {"text": encoded - started, "sample": sampled - encoded, "decode": ended - sampled})

    def encode(self, prompts: Sequence[str]) -> Told:
        """The prompts' T5 states; padding is masked, and without a prompt, or with an empty one, they are zero, as in
        training (`T5Conditioner` of audiocraft)."""
        words = self._tokenizer(list(prompts), padding=True, return_tensors="pt").to(self._device)
        mask = words["attention_mask"]
        states = self._model.text_encoder(input_ids=words["input_ids"], attention_mask=mask).last_hidden_state
        weight = self._model.decoder.lm_heads[0].weight
        if hasattr(self._model, "enc_to_dec_proj"):
            states = self._model.enc_to_dec_proj(states.to(self._model.enc_to_dec_proj.weight.dtype))
        said = torch.tensor([[bool(prompt)] for prompt in prompts], device=self._device)
        states = (states * (mask * said)[..., None]).to(weight.dtype)
        # A row of zeros has no values to attend to, so its mask may be open; all shut, its attention would be 0 / 0.
        mask = torch.where(said, mask, 1)
        return Told(torch.cat([states, torch.zeros_like(states)]), torch.cat([mask, torch.ones_like(mask)]))

    def tokens(self, told: Told, frames: int, generators: Generators, drawing: Drawing) -> Tensor:
        """Codes (batch, codebooks, frames). Beyond one window, each further window begins with the last one's end."""
        made: list[Tensor] = []
        prompt: Tensor | None = None
        offset = 0
        while True:
            codes = self.window(told, min(frames - offset, self._window), generators, drawing, prompt)
            made.append(codes if prompt is None else codes[..., prompt.shape[-1] :])
            if offset + codes.shape[-1] >= frames:
                return torch.cat(made, dim=-1)
            prompt = codes[..., self._stride :]
            offset += self._stride

    def window(
        self, told: Told, frames: int, generators: Generators, drawing: Drawing, prompt: Tensor | None = None
    ) -> Tensor:
        """Codes (batch, codebooks, frames) that go on from `prompt` (batch, codebooks, its frames), token by token.

        Column s of the delayed sequence holds, for codebook q, the token of frame s - 1 - delay[q].
        """
        batch, delays = len(generators), self._delays
        known = 0 if prompt is None else prompt.shape[-1]
        columns = frames + int(delays.max()) + 1
        sequence = torch.full((batch, len(delays), columns), self._pad, device=self._device)
        if prompt is not None:
            for codebook, delay in enumerate(delays.tolist()):
                sequence[:, codebook, 1 + delay : 1 + delay + known] = prompt[:, codebook]
        frame = torch.arange(columns) - 1 - delays[:, None]
        free = ((frame >= known) & (frame < frames)).to(self._device)
        cache, seen = None, 0
        for column in range(known + 1, columns):
            logits, cache = self._logits(sequence[..., seen:column], told, cache, drawing.cfg)
            drawn = draw(logits, generators, drawing)
            sequence[..., column] = torch.where(free[:, column], drawn, sequence[..., column])
            seen = column
        rows = [sequence[:, codebook, 1 + delay :][..., :frames] for codebook, delay in enumerate(delays.tolist())]
        return torch.stack(rows, dim=1)

    def _logits(self, tokens: Tensor, told: Told, cache: Any, cfg: float) -> tuple[Tensor, Any]:
        """Guided logits (batch, codebooks, vocabulary) of the token after `tokens` (batch, codebooks, columns)."""
        batch, codebooks, _ = tokens.shape
        halves = 1 if cfg == 1 else 2
        out = self._model.decoder(
            input_ids=tokens.repeat(halves, 1, 1).flatten(0, 1),
            encoder_hidden_states=told.states[: halves * batch],
            encoder_attention_mask=told.mask[: halves * batch],
            cache=cache,
            use_cache=True,
        )
        logits = out.logits[:, -1].float().reshape(halves, batch, codebooks, -1)
        if halves == 2:
            logits = logits[1:] + cfg * (logits[:1] - logits[1:])
        return logits[0], out.cache

    def decode(self, codes: Tensor) -> Tensor:
        """Sound (batch, channels, frames * hop) of codes (batch, codebooks, frames); left and right take turns."""
        sides = [codes[:, side :: self.channels] for side in range(self.channels)]
        scales = [None] * len(codes)
        decode = self._model.audio_encoder.decode
        return torch.cat([decode(side[None], scales).audio_values for side in sides], dim=1)

    def _wait(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize()


def draw(logits: Tensor, generators: Generators, drawing: Drawing) -> Tensor:
    """One token each, int64 (batch, codebooks), from logits (batch, codebooks, vocabulary).

    The likeliest token of p / e, with e from the exponential distribution, has the distribution p: that is how
    torch.multinomial draws too, but for one e of the whole batch.
    """
    if drawing.temperature == 0:
        return logits.argmax(dim=-1)
    odds = torch.softmax(logits / drawing.temperature, dim=-1)
    if 0 < drawing.top_k < odds.shape[-1]:
        least = odds.topk(drawing.top_k, dim=-1).values[..., -1:]
        odds = odds * (odds >= least)
    noise = torch.stack([torch.empty(odds.shape[1:]).exponential_(generator=each) for each in generators])
    return (odds / noise.to(odds.device)).argmax(dim=-1)
