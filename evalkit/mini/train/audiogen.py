"""Recipe of audiogen-mini's language model, over the codes of its codec.

    python -m evalkit.mini.train.audiogen --data DATA/esc10 --out OUT --vae ENCODEC_OUT --minutes 50

AudioGen's structure in transformers' classes (Kreuk et al. 2023; delayed codebooks: Copet et al. 2023): a transformer
that attends to the states of a T5 encoder, mixed sounds (scenes.py), the text left out of 10 % of the items, AdamW and
a moving average. There is no pretrained T5 of this size, so the encoder first learns to say what a caption names, and
is then trained on together with the language model. The tokenizer is clap-mini's.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.random import Generator as Rng
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import AutoTokenizer, MusicgenConfig, MusicgenForConditionalGeneration, T5Config
from transformers.models.musicgen.configuration_musicgen import MusicgenDecoderConfig

from evalkit.fetch.weights import locate
from evalkit.mini.recordings.captions import caption
from evalkit.mini.recordings.clap_batches import TEXT_TARGETS, text_targets
from evalkit.mini.recordings.scenes import Recording, load_recordings, random_scene, render
from evalkit.mini.starts import codebooks
from evalkit.mini.starts.encodec import Analysis, hush
from evalkit.mini.train import encodec
from evalkit.mini.train.encodec import BOOKS, ENTRIES, RATE
from evalkit.mini.train.loop import Ema, Loop, Options, cosine, descend, read_options, set_rate

BATCH = 16
PEAK_RATE = 1.5e-3
DROPOUT = 0.1
POOL = 1024
RENEWED = 8
SECONDS, SHARES = (2, 3, 4, 5), (0.3, 0.3, 0.25, 0.15)
"""Lengths of the scenes, and how many batches have each: a batch has one, so that nothing is computed for padding. The
model is not told how long a sound will be, and must not wait too long before a bark."""

WORD_STEPS, WORD_BATCH, WORD_RATE = 300, 48, 2e-3
WIDTH, TEXT_WIDTH = 192, 128
TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt")


def config(vocabulary: int) -> MusicgenConfig:
    """Sizes in transformers' form. The padding token of the codes is the one above the codebooks' entries."""
    text = T5Config(
        vocab_size=vocabulary,
        d_model=TEXT_WIDTH,
        d_kv=32,
        d_ff=256,
        num_layers=2,
        num_heads=4,
        dropout_rate=0.1,
        pad_token_id=1,
    )
    decoder = MusicgenDecoderConfig(
        vocab_size=ENTRIES,
        hidden_size=WIDTH,
        num_hidden_layers=4,
        num_attention_heads=6,
        ffn_dim=4 * WIDTH,
        num_codebooks=BOOKS,
        audio_channels=1,
        max_position_embeddings=512,
        pad_token_id=ENTRIES,
        bos_token_id=ENTRIES,
        dropout=0.1,
    )
    return MusicgenConfig(
        text_encoder=text.to_dict(), audio_encoder=encodec.config().to_dict(), decoder=decoder.to_dict()
    )


def new_model(codec: Any, vocabulary: int) -> Any:
    """The network before its first step. transformers draws weights for a width of 1,536; these are for a small one."""
    model: Any = MusicgenForConditionalGeneration(config(vocabulary))
    # On a CPU the backward pass of the fused attention is most of a step's time.
    model.decoder.set_attn_implementation("eager")
    for module in model.decoder.modules():
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=module.in_features**-0.5)
        elif isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=BOOKS**-0.5)
    for layer in model.decoder.model.decoder.layers:
        for last in (layer.self_attn.out_proj, layer.encoder_attn.out_proj, layer.fc2):
            last.weight.data *= 0.3
    for head in model.decoder.lm_heads:
        head.weight.data *= 0.3
    model.audio_encoder = codec
    return model


@dataclass
class Pool:
    """Windows ready to train on, by their length in seconds: codes (count, BOOKS, frames) and captions."""

    codes: dict[int, Tensor]
    captions: dict[int, list[str]]


class Source:
    """Makes windows: a scene, its caption, and the codes of its sound."""

    def __init__(self, codec: Any, analysis: Analysis, recordings: Sequence[Recording]) -> None:
        self._books, self._analysis, self._recordings = codec.quantizer, analysis, recordings

    @torch.no_grad()
    def draw(self, rng: Rng, seconds: int, count: int) -> tuple[Tensor, list[str]]:
        """`count` windows of one length."""
        scenes = [random_scene(rng, self._recordings, seconds) for _ in range(count)]
        audio = np.stack([render(scene, RATE).mean(axis=0) for scene in scenes])[:, None]
        latents = self._analysis.latents(torch.from_numpy(audio))
        return codebooks.quantise(self._books, latents)[1], [caption(scene, rng) for scene in scenes]

    def pool(self, rng: Rng) -> Pool:
        """POOL windows, encoded in small batches."""
        codes, captions = {}, {}
        for seconds in SECONDS:
            drawn = [self.draw(rng, seconds, 16) for _ in range(POOL // 16 // len(SECONDS))]
            codes[seconds] = torch.cat([found for found, _ in drawn])
            captions[seconds] = [text for _, texts in drawn for text in texts]
        return Pool(codes, captions)

    def renew(self, pool: Pool, rng: Rng) -> None:
        """Replace RENEWED windows by new ones."""
        seconds = int(rng.choice(SECONDS, p=SHARES))
        found, texts = self.draw(rng, seconds, RENEWED)
        for place, row, text in zip(rng.choice(len(pool.codes[seconds]), RENEWED), found, texts, strict=True):
            pool.codes[seconds][place], pool.captions[seconds][place] = row, text


def delayed(codes: Tensor) -> Tensor:
    """(batch, books, frames + books): column s has, for book q, the code of frame s - 1 - q; elsewhere padding."""
    batch, books, frames = codes.shape
    columns = torch.full((batch, books, frames + books), ENTRIES)
    for book in range(books):
        columns[:, book, 1 + book : 1 + book + frames] = codes[:, book]
    return columns


def told(model: Any, tokenizer: Any, texts: Sequence[str], keep: Tensor) -> tuple[Tensor, Tensor]:
    """What the decoder attends to (batch, tokens, width), and its mask. Items that are not kept have zeros, unmasked,
    as `generators/codec_lm.py` has them."""
    words = tokenizer(list(texts), padding=True, return_tensors="pt")
    mask = words["attention_mask"]
    states = model.text_encoder(input_ids=words["input_ids"], attention_mask=mask).last_hidden_state
    states = model.enc_to_dec_proj(states) * (mask * keep[:, None])[..., None]
    return states, torch.where(keep[:, None], mask, 1)


def prediction_loss(model: Any, codes: Tensor, states: Tensor, mask: Tensor) -> Tensor:
    """Cross-entropy (books,) of every code, given the columns before it and the text."""
    columns = delayed(codes)
    with torch.autocast("cpu", torch.bfloat16):
        logits = model.decoder(
            input_ids=columns[..., :-1].flatten(0, 1), encoder_hidden_states=states, encoder_attention_mask=mask
        ).logits
    logits = logits.float().unflatten(0, codes.shape[:2])
    rows = [logits[:, book, book : book + codes.shape[2]] for book in range(codes.shape[1])]
    return torch.stack([F.cross_entropy(row.flatten(0, 1), codes[:, book].flatten()) for book, row in enumerate(rows)])


def learn_words(options: Options, model: Any, tokenizer: Any, recordings: Sequence[Recording]) -> None:
    """Train the text encoder to answer TEXT_TARGETS from its mean state; `out/words` has the checkpoint."""
    heads = nn.ModuleList(nn.Linear(TEXT_WIDTH, count) for count in TEXT_TARGETS.values())
    free = [*model.text_encoder.parameters(), *heads.parameters()]
    optimizer = torch.optim.AdamW(free, lr=WORD_RATE)
    modules = {"text": model.text_encoder, "heads": heads}
    stage = replace(options, out=options.out / "words", steps=WORD_STEPS, minutes=None)
    loop = Loop(stage, modules=modules, optimizers={"text": optimizer})
    for step in loop:
        rng = loop.rng(step)
        set_rate(optimizer, WORD_RATE * cosine(loop.progress))
        scenes = [random_scene(rng, recordings) for _ in range(WORD_BATCH)]
        answers = torch.tensor([text_targets(scene) for scene in scenes])
        words = tokenizer([caption(scene, rng) for scene in scenes], padding=True, return_tensors="pt")
        mask = words["attention_mask"][..., None]
        states = model.text_encoder(**words).last_hidden_state
        mean = (states * mask).sum(dim=1) / mask.sum(dim=1)
        losses = [F.cross_entropy(head(mean), answers[:, index]) for index, head in enumerate(heads)]
        loss = torch.stack(losses).mean()
        descend(optimizer, loss)
        loop.log(step, {"words": loss.item(), "class": losses[0].item()})


def train(options: Options) -> None:
    """Train, then write the shipped folder."""
    torch.manual_seed(options.seed)
    recordings = load_recordings(options.data, RATE, (1, 2, 3))
    codec, analysis = encodec.load(options)
    tokenizer = AutoTokenizer.from_pretrained(locate("clap-mini", {}), local_files_only=True)
    model = new_model(codec, len(tokenizer))
    learn_words(options, model, tokenizer, recordings)
    ema = Ema(model, decay=0.998)
    _optimize(options, model, ema, tokenizer, Source(codec, analysis, recordings))
    ship(options.out / "shipped", ema.module, encodec.silent(codec, analysis))


def _optimize(options: Options, model: Any, ema: Ema[Any], tokenizer: Any, source: Source) -> None:
    parts = {"text": "text_encoder", "project": "enc_to_dec_proj", "decoder": "decoder"}
    modules = {name: getattr(model, part) for name, part in parts.items()}
    modules |= {f"ema_{name}": getattr(ema.module, part) for name, part in parts.items()}
    free = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(free, lr=PEAK_RATE, betas=(0.9, 0.95), weight_decay=0.1)
    pool = source.pool(np.random.default_rng([options.seed, 2]))
    loop = Loop(options, modules=modules, optimizers={"lm": optimizer})
    model.train()
    for step in loop:
        rng = loop.rng(step)
        set_rate(optimizer, PEAK_RATE * cosine(loop.progress))
        source.renew(pool, rng)
        seconds = int(rng.choice(SECONDS, p=SHARES))
        chosen = rng.choice(len(pool.codes[seconds]), BATCH, replace=False)
        keep = torch.from_numpy(rng.random(BATCH) >= DROPOUT)
        states, mask = told(model, tokenizer, [pool.captions[seconds][index] for index in chosen], keep)
        losses = prediction_loss(model, pool.codes[seconds][chosen], states, mask)
        norm = descend(optimizer, losses.mean())
        ema.update(model, step)
        said = {f"book {book + 1}": losses[book].item() for book in (0, 1, BOOKS - 1)}
        loop.log(step, {"loss": losses.mean().item(), **said, "gradient_norm": norm})


def ship(folder: Path, model: Any, silent: Tensor) -> None:
    """The folder in transformers' layout, in half precision, with the tokenizer's files. `silent` as in `hush`."""
    folder.mkdir(parents=True, exist_ok=True)
    half = MusicgenForConditionalGeneration(model.config)
    half.load_state_dict(model.state_dict())
    # Twice: what rounding leaves of the patterns is itself rounded.
    for _ in range(2):
        half.half().float()
        hush(half.audio_encoder.decoder, silent)
    half.half().save_pretrained(folder)
    for name in TOKENIZER:
        shutil.copy(locate("clap-mini", {}) / name, folder / name)


def main() -> None:
    train(read_options(__doc__ or "", steps=20000, needs_vae=True))


if __name__ == "__main__":
    main()
