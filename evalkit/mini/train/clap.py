"""Recipe of clap-mini: the text tower first, then sound and text together.

    python -m evalkit.mini.train.clap --data DATA/esc10 --out OUT --seed 0 --steps 3400 [--minutes M]

1. `text` (a few minutes): the tower learns to answer what its captions say (class, count, side, loudness,
   relation; for both sounds), from its last layer but one and from its pooled output. That layer conditions
   stable-audio-mini, so it is frozen from here on: the diffusion model need not wait for the sounds.
2. `words` (a minute): two captions of one scene are drawn together and those of other scenes apart, so that
   sounds find ten clear directions to go to: the class captions start at a mean cosine of 0.6 and end at 0.2.
3. `pair`: the audio tower learns to meet the texts, which are locked (as in LiT, Zhai et al. 2022, with the
   sides changed): symmetric InfoNCE with a learnt temperature, in which pairs that say the same are right and
   unclear ones are left out, and each sound is told to its classes among one caption of every class. Left free,
   the texts give way before the sounds mean anything: their cosines rise to 0.9 within 350 steps.

Folds 1-3 train; fold 4 is held out: each of its recordings is asked for among the ten plain class captions.
Typing the same command again goes on from the last checkpoint. OUT/clap-mini is the folder to
ship; with its text side finished it is there from the end of stage 2.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.random import Generator as Rng
from torch import Tensor, nn

from evalkit.audio.decode import decode
from evalkit.checkpoints.clap_folder import Words
from evalkit.core.jsonio import write_json
from evalkit.embed.clap import load
from evalkit.mini.recordings.captions import caption, class_caption
from evalkit.mini.recordings.clap_batches import (
    TEXT_TARGETS,
    AudioBatch,
    SceneBank,
    agreement,
    class_prompts,
    text_targets,
    written,
)
from evalkit.mini.recordings.scenes import CLASSES, Recording, load_recordings, random_scene
from evalkit.mini.train.clap_format import draw_weights, front_end, mini_config, train_tokenizer, write_folder
from evalkit.mini.train.loop import Loop, Options, cosine, descend, read_options, set_rate
from evalkit.nets.clap import Clap, hidden_states

TEXT_STEPS, TEXT_BATCH = 600, 128
WORDS_STEPS, WORDS_BATCH, WORDS_SCALE = 200, 48, 14.0
PAIR_BATCH = 24
LONG, LONG_EVERY = 6, 3
"""Every third step has six sounds above the window, enough for the fusion branch's batch norms."""

BANK, LONG_BANK = 2400, 160
CAPTIONS_FOR_TOKENIZER = 20000
HELD_OUT = 4
TEXT_RATE, PAIR_RATE = 1e-3, 1.5e-3
LARGEST_SCALE = 4.0
"""The learnt temperature is held above exp(-4): with so few recordings it would otherwise run away."""


@dataclass(frozen=True)
class Work:
    """What the stages share."""

    net: Clap
    words: Words
    recordings: Sequence[Recording]
    device: str

    def encode(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Token ids and mask, cut to the longest text of the batch: the padding past it changes nothing."""
        ids, mask = self.words.encode(texts)
        longest = int(mask.sum(1).max())
        return ids[:, :longest].to(self.device), mask[:, :longest].to(self.device)


class Questions(nn.Module):
    """Linear answers to TEXT_TARGETS from a row of `width`."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.answers = nn.Linear(width, sum(TEXT_TARGETS.values()))

    def loss(self, rows: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Mean cross-entropy over the questions for `rows` (batch, width), and the share answered right."""
        parts = self.answers(rows).split(list(TEXT_TARGETS.values()), dim=1)
        losses = [F.cross_entropy(part, targets[:, index]) for index, part in enumerate(parts)]
        right = [(part.argmax(1) == targets[:, index]).float().mean() for index, part in enumerate(parts)]
        return torch.stack(losses).mean(), torch.stack(right).mean()


def text_loss(work: Work, middle: Questions, end: Questions, rng: Rng) -> tuple[Tensor, dict[str, float]]:
    """One batch of captions, asked from the penultimate layer and from the pooled output."""
    tower = work.net.model.text_model
    assert tower.pooler is not None
    scenes = [random_scene(rng, work.recordings) for _ in range(TEXT_BATCH)]
    ids, mask = work.encode([written(scene, rng) for scene in scenes])
    targets = torch.tensor([text_targets(scene) for scene in scenes], device=work.device)
    hidden = hidden_states(tower, ids, mask)
    mean = (hidden[-2] * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)
    middle_loss, middle_right = middle.loss(mean, targets)
    end_loss, end_right = end.loss(tower.pooler(hidden[-1]), targets)
    loss = middle_loss + end_loss
    return loss, {"loss": loss.item(), "penultimate right": middle_right.item(), "pooled right": end_right.item()}


def words_loss(work: Work, rng: Rng) -> tuple[Tensor, dict[str, float]]:
    """Two captions each of a batch of scenes: InfoNCE between them."""
    scenes = [random_scene(rng, work.recordings) for _ in range(WORDS_BATCH)]
    rows = work.net.text(*work.encode([written(scene, rng) for scene in (*scenes, *scenes)]))
    cosines = rows[:WORDS_BATCH] @ rows[WORDS_BATCH:].T
    same, unclear = (pairs.to(work.device) for pairs in agreement(scenes))
    loss = (info_nce(WORDS_SCALE * cosines, same, unclear) + info_nce(WORDS_SCALE * cosines.T, same, unclear)) / 2
    return loss, {"loss": loss.item(), "cosine of others": cosines[~same & ~unclear].mean().item()}


def pair_loss(work: Work, batch: AudioBatch, rng: Rng) -> tuple[Tensor, dict[str, float]]:
    """One batch of scenes: InfoNCE both ways, and each sound's classes among one caption of every class."""
    with torch.no_grad():
        words = work.net.text(*work.encode([*batch.captions, *class_prompts(rng, work.recordings)]))
    sounds = work.net.audio(batch.mels.to(work.device), batch.longer.to(work.device))
    scale_audio = work.net.model.logit_scale_a.clamp(max=LARGEST_SCALE).exp()
    scale_text = work.net.model.logit_scale_t.clamp(max=LARGEST_SCALE).exp()
    cosines = sounds @ words[: len(sounds)].T
    same, unclear = (pairs.to(work.device) for pairs in agreement(batch.scenes))
    contrast = (info_nce(scale_audio * cosines, same, unclear) + info_nce(scale_text * cosines.T, same, unclear)) / 2
    heard = torch.tensor([[float(name in scene.labels) for name in CLASSES] for scene in batch.scenes]).to(work.device)
    classes = scale_audio * (sounds @ words[len(sounds) :].T)
    named = F.cross_entropy(classes, heard / heard.sum(1, keepdim=True))
    alone = heard.sum(1) == 1
    right = (classes.argmax(1) == heard.argmax(1))[alone].float().mean() if alone.any() else torch.zeros(())
    loss = contrast + named
    figures = {"loss": loss, "contrast": contrast, "class": named, "class right": right}
    return loss, {name: value.item() for name, value in figures.items()}


def info_nce(logits: Tensor, same: Tensor, unclear: Tensor) -> Tensor:
    """Cross-entropy of each row of `logits` (batch, batch), its probability shared among the `same` columns.

    Columns that are `unclear` take no part, neither right nor wrong.
    """
    wanted = same.float() / same.float().sum(1, keepdim=True)
    log_probabilities = logits.masked_fill(unclear, float("-inf")).log_softmax(1).masked_fill(unclear, 0.0)
    return -(wanted * log_probabilities).sum(1).mean()


def held_out_accuracy(folder: Path, data: Path) -> dict[str, float]:
    """Share of fold 4's recordings whose nearest class caption is their own, over all and by class.

    The folder is loaded and the files are decoded as a user's are; each class asks with its plain caption.
    """
    with (data / "clips.csv").open(newline="", encoding="utf-8") as file:
        rows = [row["file"] for row in csv.DictReader(file) if int(row["fold"]) == HELD_OUT]
    clap = load("clap-mini", folder, "cpu")
    captions = clap.embed_text([class_caption(name) for name in CLASSES])
    sounds = np.concatenate(clap.embed([decode(data / row) for row in rows]))
    chosen = (sounds @ captions.T).argmax(1)
    truth = np.array([CLASSES.index(row.split("/")[0]) for row in rows])
    shares = {name: float((chosen == truth)[truth == index].mean()) for index, name in enumerate(CLASSES)}
    return {"all": float((chosen == truth).mean()), **shares}


def train(options: Options) -> dict[str, float]:
    """All stages and the held-out figure; everything lands under `options.out`."""
    recordings = load_recordings(options.data, front_end().rate, (1, 2, 3))
    folder = options.out / "clap-mini"
    rng = np.random.default_rng([options.seed, 0])
    captions = (caption(random_scene(rng, recordings), rng) for _ in range(CAPTIONS_FOR_TOKENIZER))
    size = train_tokenizer(captions, folder)
    torch.manual_seed(options.seed)
    config = mini_config(size)
    net = Clap(config)
    draw_weights(net, options.seed)
    work = Work(net.to(options.device), Words(folder, config), recordings, options.device)
    run_text(work, options)
    freeze_text(work.net)
    run_words(work, options)
    write_folder(work.net, folder)
    run_pair(work, options)
    write_folder(work.net, folder)
    accuracy = held_out_accuracy(folder, options.data)
    write_json(options.out / "held_out.json", accuracy)
    return accuracy


def run_text(work: Work, options: Options) -> None:
    """Stage 1, in which the audio tower and the projections stay as they were drawn."""
    tower = work.net.model.text_model
    middle, end = (Questions(tower.config.hidden_size).to(work.device) for _ in range(2))
    modules = {"tower": tower, "middle": middle, "end": end}
    optimizer = adamw(nn.ModuleDict(modules), weight_decay=0.01)
    stage = replace(options, out=options.out / "text", steps=TEXT_STEPS, minutes=None)
    loop = Loop(stage, modules=modules, optimizers={"all": optimizer}, every=25)
    tower.train()
    for step in loop:
        set_rate(optimizer, TEXT_RATE * cosine(loop.progress))
        loss, figures = text_loss(work, middle, end, loop.rng(step))
        descend(optimizer, loss)
        loop.log(step, figures)


def freeze_text(net: Clap) -> None:
    """Hold everything up to the penultimate layer still, without dropout: another model is conditioned on it."""
    tower = net.model.text_model
    for module in (tower.embeddings, *tower.encoder.layer[:-1]):
        module.requires_grad_(False).eval()


def run_words(work: Work, options: Options) -> None:
    """Stage 2: the last text layer and the projection."""
    parts = nn.ModuleDict({"tower": work.net.model.text_model, "projection": work.net.model.text_projection})
    optimizer = adamw(parts, weight_decay=0.01)
    stage = replace(options, out=options.out / "words", steps=WORDS_STEPS, minutes=None)
    loop = Loop(stage, modules={"parts": parts}, optimizers={"all": optimizer}, every=25)
    for step in loop:
        set_rate(optimizer, TEXT_RATE * cosine(loop.progress))
        loss, figures = words_loss(work, loop.rng(step))
        descend(optimizer, loss)
        loop.log(step, figures)


def run_pair(work: Work, options: Options) -> None:
    """Stage 3: the audio tower, its projection and the temperatures."""
    work.net.model.text_model.requires_grad_(False).eval()
    work.net.model.text_projection.requires_grad_(False)
    optimizer = adamw(work.net, weight_decay=0.05)
    bank = SceneBank(np.random.default_rng([options.seed, 1, 1]), work.recordings, front_end(), BANK, LONG_BANK)
    stage = replace(options, out=options.out / "pair")
    loop = Loop(stage, modules={"net": work.net}, optimizers={"all": optimizer}, every=25)
    work.net.model.audio_model.train()
    for step in loop:
        set_rate(optimizer, PAIR_RATE * cosine(loop.progress))
        rng = loop.rng(step)
        long = LONG if step % LONG_EVERY == 0 else 0
        batch = bank.batch(rng, PAIR_BATCH, long, min(1.0, 0.1 + 1.5 * loop.progress))
        loss, figures = pair_loss(work, batch, rng)
        descend(optimizer, loss)
        loop.log(step, figures)


def adamw(net: nn.Module, weight_decay: float) -> torch.optim.AdamW:
    """AdamW over what is not frozen; biases, norms and tables of one dimension are not decayed."""
    free = [parameter for parameter in net.parameters() if parameter.requires_grad]
    groups = [
        {"params": [parameter for parameter in free if parameter.dim() > 1], "weight_decay": weight_decay},
        {"params": [parameter for parameter in free if parameter.dim() <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=TEXT_RATE, betas=(0.9, 0.98))


def main(arguments: Sequence[str] | None = None) -> None:
    accuracy = train(read_options("train clap-mini on ESC-10", 3400, arguments))
    print(json.dumps(accuracy, indent=2))


if __name__ == "__main__":
    main()
