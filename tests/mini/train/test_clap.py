"""clap-mini's recipe and the weights that it shipped."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from evalkit.embed.clap import TextTower
from evalkit.mini.train.clap import Questions, held_out_accuracy, info_nce, main
from evalkit.mini.train.clap_format import draw_weights, mini_config
from evalkit.nets.clap import Clap

SHIPPED = Path(__file__).resolve().parents[3] / "evalkit" / "mini" / "weights" / "clap-mini"


def test_unclear_pairs_take_no_part_in_the_loss() -> None:
    """A pair that cannot be called wrong must not be pushed apart."""
    same = torch.eye(3, dtype=torch.bool)
    unclear = torch.zeros(3, 3, dtype=torch.bool)
    unclear[0, 1] = True
    logits = torch.zeros(3, 3, requires_grad=True)
    info_nce(logits, same, unclear).backward()
    assert logits.grad is not None
    assert logits.grad[0, 1] == 0
    assert logits.grad[0, 2] > 0


def test_captions_that_say_the_same_share_the_answer() -> None:
    """With two right columns the loss is least where both have half of the probability."""
    same = torch.tensor([[True, True, False]] * 2 + [[False, False, True]])
    none = torch.zeros(3, 3, dtype=torch.bool)
    both = torch.tensor([[9.0, 9, -9], [9, 9, -9], [-9, -9, 9]])
    one = torch.tensor([[9.0, -9, -9], [-9, 9, -9], [-9, -9, 9]])
    assert info_nce(both, same, none) < info_nce(one, same, none)


def test_questions_count_what_is_right() -> None:
    """The logged share of right answers is a share."""
    rows, targets = torch.randn(5, 8), torch.zeros(5, 9, dtype=torch.long)
    loss, right = Questions(8).loss(rows, targets)
    assert loss > 0
    assert 0 <= right <= 1


def test_first_weights_follow_the_seed() -> None:
    """Two machines start the same training from the same weights."""
    nets = [Clap(mini_config(300)) for _ in range(2)]
    for net in nets:
        draw_weights(net, seed=5)
    first, second = (net.model.audio_model.state_dict() for net in nets)
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.slow
def test_recipe_runs_and_resumes(esc10: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From recordings to a folder that loads; the second call has nothing left to do."""
    for name, value in {"TEXT_STEPS": 2, "TEXT_BATCH": 4, "PAIR_BATCH": 8, "BANK": 12, "LONG_BANK": 4}.items():
        monkeypatch.setattr(f"evalkit.mini.train.clap.{name}", value)
    monkeypatch.setattr("evalkit.mini.train.clap.CAPTIONS_FOR_TOKENIZER", 300)
    command = ["--data", str(esc10), "--out", str(tmp_path), "--steps", "3"]
    main(command)
    first = (tmp_path / "clap-mini" / "model.safetensors").read_bytes()
    assert TextTower(tmp_path / "clap-mini").width == 128
    assert (tmp_path / "held_out.json").is_file()
    main(command)
    assert (tmp_path / "clap-mini" / "model.safetensors").read_bytes() == first


def test_shipped_weights_are_small() -> None:
    """All minis together stay under 40 MB; this one has 6."""
    assert sum(file.stat().st_size for file in SHIPPED.iterdir()) < 6_000_000


def test_shipped_weights_tell_held_out_classes_apart(esc10: Path) -> None:
    """Recordings of fold 4, which was never trained on, are named from the ten captions (chance 0.10)."""
    assert held_out_accuracy(SHIPPED, esc10)["all"] >= 0.70


def test_shipped_text_tower_tells_order_count_and_side_apart() -> None:
    """What a generator is conditioned on must hold every word that a caption turns on."""
    base = "a dog barks twice on the left, then rain"
    others = [
        "rain, then a dog barks twice on the left",
        "a dog barks three times on the left, then rain",
        "a dog barks twice on the right, then rain",
        "a faint dog barking twice on the left, then rain",
    ]
    hidden, mask = TextTower(SHIPPED).penultimate([base, *others])
    rows = (hidden * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)
    rows = torch.nn.functional.normalize(rows - rows.mean(0), dim=1)
    assert float((rows[1:] @ rows[0]).max()) < 0.9
