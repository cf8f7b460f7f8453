"""Recipe of audiogen-mini's codec: a small EnCodec at 16 kHz mono, 25 frames a second, 6 codebooks of 256.

    python -m evalkit.mini.train.encodec --data DATA/esc10 --out OUT --minutes 27

The codes stand still from the start, so that a language model can be trained on them (`--steps 0`) before the codec
is: latents are the levels of tiles (tiles.py), the codebooks k-means on them, and the decoder starts as their vocoder
(encodec_start.py). The encoder learns to find the latents in the waveform: their distance, and that from their
codebook entries (commitment). The decoder can be trained with EnCodec's losses (Défossez et al. 2022, section 3.4:
waveform L1, mel L1 and L2 over several resolutions, hinge and feature matching of an STFT discriminator, the
balancer); it is not, by default, as DECODER says. Folds 1-3 train; fold 4 is held out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import safetensors.torch
import torch
from numpy.random import Generator as Rng
from torch import Tensor
from torch.nn import functional as F
from transformers import EncodecConfig, EncodecModel

from evalkit.checkpoints.tensors import load_into, read_tensors
from evalkit.core.files import write_bytes
from evalkit.mini.recordings.scenes import Recording, load_recordings, random_scene, render
from evalkit.mini.starts import codebooks
from evalkit.mini.starts.encodec import Analysis, decode, fit_analysis, hold, hush, start_codec
from evalkit.mini.starts.tiles import HOP, RATE, TILES, levels
from evalkit.mini.train import losses
from evalkit.mini.train.critic import Balancer, Critic, critic_loss, maker_losses
from evalkit.mini.train.loop import Ema, Loop, Options, cosine, descend, read_options, set_rate

BOOKS, ENTRIES, WIDTH = 6, 256, 64
RATIOS = (10, 4, 4, 4)
SEGMENT = 25 * HOP
BATCH = 10
PEAK_RATE, ENCODER_RATE, CRITIC_RATE = 2e-5, 1e-3, 2e-3
STEEPEST = 5.0
"""The most that a gradient's norm may be, of each of the three."""

DECODER = False
"""Whether the decoder is trained. In what a CPU does in a quarter of an hour its losses fall, but what they were to
bring does not come: of 40 held-out recordings passt-mini names 0.88 by the start, and 0.72 to 0.82 after four trials
(mel losses alone; with the adversary at two weights); KL-PaSST of the suite rises from 0.66 to 0.93."""

MEL_SIZES = (2048, 1024, 512, 256, 64)
FAINT = 1e-4
"""Added to every magnitude before its logarithm; 80 dB below a full-scale sine, as pauses are to stay silent."""

WEIGHTS = {"time": 0.1, "mel": 1.0, "hinge": 0.3, "features": 0.3}
ADVERSE = 0.3
"""The share of the run after which the decoder hears the adversary, which has learned to tell by then."""

JUDGED = 4
"""Items of a batch that the adversary hears: it costs four times as much as all the rest."""

ANALYSIS, WEIGHTS_FILE = "analysis.safetensors", "model.safetensors"
SCENES = 400
"""Scenes of 4 s that the latents' directions and the codebooks are fitted to."""


def config() -> EncodecConfig:
    """Sizes in transformers' form; what is not named here is as in AudioGen's codec."""
    return EncodecConfig(
        sampling_rate=RATE,
        upsampling_ratios=list(RATIOS),
        target_bandwidths=[BOOKS * 8 * (RATE // HOP) / 1000],
        num_filters=8,
        hidden_size=WIDTH,
        codebook_dim=WIDTH,
        codebook_size=ENTRIES,
        num_lstm_layers=1,
        use_causal_conv=False,
        pad_mode="constant",
        use_conv_shortcut=False,
        normalize=False,
    )


def new_codec(rng: Rng, recordings: Sequence[Recording]) -> tuple[Any, Analysis]:
    """The codec before its first step: a vocoder of tiles, with its codebooks."""
    scenes = (render(random_scene(rng, recordings, 4.0), RATE).mean(axis=0) for _ in range(SCENES))
    rows = torch.cat([levels(torch.from_numpy(scene)[None])[0].T for scene in scenes])
    assert rows.shape[1] == TILES
    analysis = fit_analysis(rows, WIDTH)
    codec: Any = EncodecModel(config())
    start_codec(codec, analysis)
    codebooks.start(codec.quantizer, (rows - analysis.mean) @ analysis.basis.T, 12)
    return codec, analysis


def silent(codec: Any, analysis: Analysis) -> Tensor:
    """(width,): what the codebooks make of silence."""
    return codebooks.quantise(codec.quantizer, analysis.latents(torch.zeros(1, 1, HOP)))[0][0, :, 0]


def draw_batch(rng: Rng, recordings: Sequence[Recording], count: int = BATCH) -> Tensor:
    """(count, 1, SEGMENT): pieces of scenes, both sides added; a piece that is all silence is drawn again."""
    pieces: list[np.ndarray] = []
    while len(pieces) < count:
        scene = render(random_scene(rng, recordings), RATE).mean(axis=0)
        padded = np.pad(scene, (SEGMENT // 8, SEGMENT))
        start = int(rng.integers(max(len(scene) - SEGMENT // 2, 1)))
        piece = padded[start : start + SEGMENT]
        if np.abs(piece).max() > 1e-3:
            pieces.append(piece)
    return torch.from_numpy(np.stack(pieces))[:, None]


def mel_loss(estimate: Tensor, target: Tensor) -> Tensor:
    """L1 of mel bands, as a share of their mean, plus L2 of their logarithms; mean over MEL_SIZES."""
    found = []
    for size in MEL_SIZES:
        bank = losses.mel_bank(size, RATE)
        spectra = (losses.magnitude(audio[:, 0], size) - losses.FLOOR + FAINT for audio in (estimate, target))
        one, other = (bank @ spectrum for spectrum in spectra)
        squares = (one.log() - other.log()).square().mean(dim=(1, 2))
        found.append(F.l1_loss(one, other) / other.mean() + (squares + 1e-6).sqrt().mean())
    return torch.stack(found).mean()


def encoder_loss(codec: Any, audio: Tensor, latents: Tensor, entries: Tensor) -> tuple[Tensor, Tensor]:
    """Mean square of the encoder's distance, per tile, from the latents and from their codebook entries."""
    found = codec.encoder(audio)
    return (found - latents).square().sum(dim=1).mean() / TILES, (found - entries).square().sum(dim=1).mean() / TILES


@torch.no_grad()
def held_out(codec: Any, analysis: Analysis, recordings: Sequence[Recording]) -> dict[str, float]:
    """Of 20 pieces of held-out recordings: mel and waveform distance, by the analysis' codes and by the encoder's."""
    audio = draw_batch(np.random.default_rng(4), recordings, 20)
    latents = analysis.latents(audio)
    found = codec.encoder(audio)
    quiet = silent(codec, analysis)
    rebuilt, again = (
        decode(codec.decoder, codebooks.quantise(codec.quantizer, one)[0], quiet) for one in (latents, found)
    )
    return {
        "held_out_mel": float(mel_loss(rebuilt, audio)),
        "held_out_mel_encoded": float(mel_loss(again, audio)),
        "held_out_encoder": float((found - latents).square().sum(dim=1).mean() / TILES),
    }


def load(options: Options) -> tuple[Any, Analysis]:
    """The codec in `options.vae`, for the recipe that builds on it. Raises MissingWeights or BadCheckpoint."""
    assert options.vae is not None
    path = options.vae / WEIGHTS_FILE
    codec = EncodecModel(config())
    load_into(codec, read_tensors(path), path)
    found = read_tensors(options.vae / ANALYSIS)
    return codec.eval().requires_grad_(False), Analysis(found["mean"], found["basis"])


class Trainer:
    """One step at a time: the decoder, late with its adversary, and the encoder."""

    def __init__(self, codec: Any, analysis: Analysis) -> None:
        self.codec, self.analysis, self.critic = codec, analysis, Critic()
        self.silent = silent(codec, analysis)
        self.ema = Ema(codec, decay=0.995)
        self.optimizer = torch.optim.Adam(codec.decoder.parameters(), lr=PEAK_RATE, betas=(0.8, 0.99))
        self.reader = torch.optim.Adam(codec.encoder.parameters(), lr=ENCODER_RATE, betas=(0.8, 0.99))
        self.opponent = torch.optim.Adam(self.critic.parameters(), lr=CRITIC_RATE, betas=(0.5, 0.9))
        self.balancer = Balancer(WEIGHTS)

    def step(self, audio: Tensor, adverse: bool) -> dict[str, float]:
        """One update from `audio` (batch, 1, SEGMENT); the parts of the loss."""
        latents = self.analysis.latents(audio)
        entries, _ = codebooks.quantise(self.codec.quantizer, latents)
        encoding, commitment = encoder_loss(self.codec, audio, latents, entries)
        descend(self.reader, encoding + 0.25 * commitment, STEEPEST)
        said = {"encoder": encoding.item()}
        return said | self._step_decoder(audio, entries, adverse) if DECODER else said

    def _step_decoder(self, audio: Tensor, entries: Tensor, adverse: bool) -> dict[str, float]:
        """The decoder's update, and that of its adversary, which it hears where `adverse`."""
        made = decode(self.codec.decoder, entries, self.silent)
        terms = {"time": F.l1_loss(made, audio), "mel": mel_loss(made, audio)}
        if adverse:
            terms["hinge"], terms["features"] = maker_losses(self.critic, audio[:JUDGED], made[:JUDGED])
        self.optimizer.zero_grad()
        self.balancer.backward(terms, made)
        torch.nn.utils.clip_grad_norm_(self.codec.decoder.parameters(), STEEPEST)
        self.optimizer.step()
        hold(self.codec.decoder)
        loss = critic_loss(self.critic, audio[:JUDGED], made[:JUDGED])
        descend(self.opponent, loss, STEEPEST)
        return {name: loss.item() for name, loss in (terms | {"critic": loss}).items()}


def train(options: Options) -> None:
    """Train and ship, in transformers' names; with no steps, the start is shipped, whose codes are the final ones."""
    torch.manual_seed(options.seed)
    train = load_recordings(options.data, RATE, (1, 2, 3))
    test = load_recordings(options.data, RATE, (4,))
    codec, analysis = new_codec(np.random.default_rng([options.seed, 3]), train)
    trainer = Trainer(codec, analysis)
    modules = {"codec": codec, "ema": trainer.ema.module, "critic": trainer.critic}
    optimizers = {"decoder": trainer.optimizer, "encoder": trainer.reader, "critic": trainer.opponent}
    loop = Loop(options, modules=modules, optimizers=optimizers)
    for step in loop:
        rng = loop.rng(step)
        set_rate(trainer.optimizer, PEAK_RATE * cosine(loop.progress))
        set_rate(trainer.reader, ENCODER_RATE * cosine(loop.progress))
        loop.log(step, trainer.step(draw_batch(rng, train), loop.progress >= ADVERSE))
        trainer.ema.update(codec, step)
        if (step + 1) % 250 == 0:
            loop.note(step, held_out(trainer.ema.module, analysis, test))
    ship(options, trainer.ema.module, analysis)


def ship(options: Options, codec: Any, analysis: Analysis) -> None:
    """Write `out/model.safetensors` in single precision, and `out/analysis.safetensors`."""
    hush(codec.decoder, silent(codec, analysis))
    tensors = {name: value.detach().clone().contiguous() for name, value in codec.state_dict().items()}
    write_bytes(options.out / WEIGHTS_FILE, safetensors.torch.save(tensors, {"format": "pt"}))
    parts = {"mean": analysis.mean, "basis": analysis.basis}
    write_bytes(options.out / ANALYSIS, safetensors.torch.save(parts, {"format": "pt"}))


def main() -> None:
    train(read_options(__doc__ or "", steps=20000))


if __name__ == "__main__":
    main()
