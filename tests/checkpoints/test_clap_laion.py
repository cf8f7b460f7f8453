"""LAION's own CLAP files: the names in them, what is refused, and where their tokenizer is found.

What their numbers are is compared with laion-clap itself in tests/parity/test_clap.py.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from evalkit.checkpoints.clap_laion import TOWERS, config_of, read_laion, read_laion_text, to_transformers
from evalkit.core.errors import BadCheckpoint, MissingWeights
from evalkit.embed.load import load_embedder
from evalkit.nets.clap import CONSTANTS, Clap, ClapText, FrontEnd, mel_filters
from evalkit.originals.seeded import torch_files

FUSION = "audio_branch.patch_embed.mel_conv2d.weight"
FILTERS = "audio_branch.logmel_extractor.melW"


def outline(width: int = 96, depths: tuple[int, ...] = (2, 2, 6, 2)) -> dict[str, Tensor]:
    """The few tensors that tell which tower a file has."""
    names = [
        f"audio_branch.layers.{stage}.blocks.{block}.norm1.weight"
        for stage, depth in enumerate(depths)
        for block in range(depth)
    ]
    return {name: torch.ones(1) for name in names} | {
        "audio_branch.patch_embed.proj.weight": torch.ones(width, 1, 4, 4)
    }


def save(folder: Path, tensors: dict[str, Tensor], prefix: str = "module.") -> Path:
    path = folder / "laion.pt"
    torch.save({"epoch": 1, "state_dict": {prefix + name: tensor for name, tensor in tensors.items()}}, path)
    return path


@pytest.fixture
def tokenizer(tmp_path: Path) -> Path:
    """A folder that is only looked for here, and read elsewhere."""
    folder = tmp_path / "roberta-base"
    folder.mkdir()
    (folder / "vocab.json").write_text("{}")
    return folder


@pytest.mark.parametrize(("which", "fusion"), [(0, True), (0, False), (1, False)])
def test_every_name_of_laions_is_a_name_of_transformers(which: int, fusion: bool) -> None:
    """One tensor left out or misnamed would be a random layer, and a number that looks like a score."""
    tower = TOWERS[which]
    shapes = torch_files.clap_shapes(tower.width, tower.depths, fusion)
    shapes |= {"text_branch.embeddings.position_ids": (1, 514), FILTERS: (513, 64)}
    shapes |= {"audio_branch.layers.0.blocks.1.attn_mask": (64, 64, 64)}
    shapes |= {"audio_branch.layers.0.blocks.1.attn.relative_position_index": (64, 64)}
    laion = {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}
    with torch.device("meta"):
        net = Clap(config_of(tower, fusion))
    ours = {name: t.shape for name, t in net.model.state_dict().items() if not name.endswith(CONSTANTS)}
    assert {name: tensor.shape for name, tensor in to_transformers(laion)} == ours


def test_queries_keys_and_values_are_split_in_that_order() -> None:
    joint = torch.arange(9.0)[:, None]
    found = dict(to_transformers({"audio_branch.layers.1.blocks.0.attn.qkv.weight": joint}))
    here = "audio_model.audio_encoder.layers.1.blocks.0.attention.self."
    assert found[here + "query.weight"].flatten().tolist() == [0, 1, 2]
    assert found[here + "key.weight"].flatten().tolist() == [3, 4, 5]
    assert found[here + "value.weight"].flatten().tolist() == [6, 7, 8]


@pytest.mark.parametrize("prefix", ["module.", ""])
@pytest.mark.parametrize("fusion", [True, False])
def test_the_shapes_tell_which_model_it_is(tmp_path: Path, tokenizer: Path, fusion: bool, prefix: str) -> None:
    """A fusion model that is fed as one without (or the other way round) gives other numbers without an error."""
    tensors = outline() | ({FUSION: torch.ones(1)} if fusion else {})
    checkpoint = read_laion(save(tmp_path, tensors, prefix), {})
    assert checkpoint.front.fusion is fusion
    assert checkpoint.config.audio_config.enable_fusion is fusion
    assert checkpoint.config.text_config.layer_norm_eps == 1e-5
    assert checkpoint.tokenizer == tokenizer
    base = read_laion(save(tmp_path, outline(128, (2, 2, 12, 2))), {})
    assert base.config.audio_config.depths == [2, 2, 12, 2]
    assert base.config.audio_config.hidden_size == 1024


@pytest.mark.parametrize(
    ("tensors", "says"),
    [
        (outline(128, (2, 2, 12, 2)) | {FUSION: torch.ones(1)}, "HTSAT-base with layers of fusion"),
        (outline(256, (2, 2, 12, 2)), "width 256"),
        (outline(96, (2, 2, 12, 2)), r"blocks \(2, 2, 12, 2\)"),
        ({"audio_branch.conv_block1.conv1.weight": torch.ones(1)}, "no audio_branch of LAION-CLAP's HTSAT"),
        (outline() | {FILTERS: torch.ones(513, 64)}, "mel filters"),
    ],
)
def test_a_mix_that_was_never_published_is_refused(
    tmp_path: Path, tokenizer: Path, tensors: dict[str, Tensor], says: str
) -> None:
    """The line names the file and what does not go together."""
    with pytest.raises(BadCheckpoint, match=says) as error:
        read_laion(save(tmp_path, tensors), {})
    assert "laion.pt" in error.value.message


def test_the_filters_in_the_file_are_checked_against_ours(tmp_path: Path, tokenizer: Path) -> None:
    """A tower without fusion carries the mel that it was trained on: evalkit's is that one."""
    front = FrontEnd(48000, 1024, 480, 64, 50.0, 14000.0, 480_000, fusion=False)
    assert not read_laion(save(tmp_path, outline() | {FILTERS: mel_filters(front)}), {}).front.fusion


def test_missing_and_unexpected_tensors_are_named(tmp_path: Path) -> None:
    """With transformers' names, which the configured network has."""
    torch_files.write_tokenizer(tmp_path / "roberta-base")
    path = save(tmp_path, outline() | {"text_branch.strange.weight": torch.ones(1)})
    with pytest.raises(BadCheckpoint, match="does not fit") as error:
        load_embedder("clap", overrides={"clap": path})
    assert "missing logit_scale_a" in error.value.message


def test_the_tokenizer_is_looked_for_in_three_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As typed, beside the file, in evalkit's home; and where it is nowhere, the line says how to get it."""
    path = save(tmp_path, outline())
    with pytest.raises(MissingWeights, match="clap_tokenizer"):
        read_laion(path, {})
    monkeypatch.setenv("EVALKIT_HOME", str(tmp_path / "home"))
    home = tmp_path / "home" / "weights" / "roberta-base"
    home.mkdir(parents=True)
    assert read_laion(path, {}).tokenizer == home
    beside = tmp_path / "roberta-base"
    beside.mkdir()
    (beside / "tokenizer.json").write_text("{}")
    assert read_laion(path, {}).tokenizer == beside
    assert read_laion(path, {"clap_tokenizer": home}).tokenizer == home


def test_another_tokenizer_of_the_same_size_is_refused(tmp_path: Path) -> None:
    """50,265 tokens in another order read every prompt as other words, and nothing else would show it."""
    folder = tmp_path / "roberta-base"
    torch_files.write_tokenizer(folder)
    text = (folder / "vocab.json").read_text()
    (folder / "vocab.json").write_text(
        text.replace(": 31414", ": 31413x").replace(": 31413,", ": 31414,").replace("x", "")
    )
    path = save(tmp_path, outline())
    with pytest.raises(BadCheckpoint, match="tokenizer"):
        load_embedder("clap", overrides={"clap": path})


def test_the_text_tower_of_any_laion_file_is_read_alone(tmp_path: Path, tokenizer: Path) -> None:
    """Stable Audio was conditioned by a CLAP whose audio tower no published file has; only its text is needed."""
    shapes = torch_files.clap_shapes(TOWERS[0].width, TOWERS[0].depths, False)
    words = {name: torch.zeros(1).expand(shape) for name, shape in shapes.items() if name.startswith("text_branch.")}
    found = read_laion_text(save(tmp_path, words | {"audio_branch.of.another.kind": torch.zeros(1)}), {})
    with torch.device("meta"):
        wanted = ClapText(found.config).model.state_dict()
    ours = {name.removeprefix("text_model."): tensor.shape for name, tensor in found.tensors.items()}
    assert {name: shape for name, shape in ours.items() if not name.endswith(CONSTANTS)} == {
        name: tensor.shape for name, tensor in wanted.items() if not name.endswith(CONSTANTS)
    }
    assert found.tokenizer == tokenizer


def test_a_file_without_a_text_tower_says_so(tmp_path: Path, tokenizer: Path) -> None:
    with pytest.raises(BadCheckpoint, match="no text_branch"):
        read_laion_text(save(tmp_path, {"audio_branch.x": torch.zeros(1)}), {})
