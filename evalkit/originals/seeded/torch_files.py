"""PaSST's and LAION-CLAP's checkpoints in the published formats, with weights drawn from a seed, and a tokenizer.

Names and shapes are written out here, apart from both networks: the original's strict loading shows that
they are its own, evalkit's strict loading that it reads them.
"""

from __future__ import annotations

import itertools
import json
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

Shapes = dict[str, tuple[int, ...]]

SEED = 20240321
VOCABULARY = 50265


def drawn(shapes: Shapes) -> dict[str, Tensor]:
    """A tensor for every name, each from a generator of its own, at scales that keep activations alive."""
    return {name: torch.from_numpy(_draw(name, shape)) for name, shape in shapes.items()}


def _draw(name: str, shape: tuple[int, ...]) -> np.ndarray:
    if name.endswith("num_batches_tracked"):
        return np.array(1000, dtype=np.int64)
    generator = np.random.default_rng([SEED, zlib.crc32(name.encode())])
    values = generator.random(shape, dtype=np.float32)
    values -= 0.5  # uniform: a third of the time of a normal one, and as good here
    scale, shift = _scale(name, shape)
    values *= np.float32(scale * np.sqrt(12.0))
    values += np.float32(shift)
    return np.abs(values) if name.endswith("running_var") else values


def _scale(name: str, shape: tuple[int, ...]) -> tuple[float, float]:
    """Standard deviation and mean of a tensor's values."""
    if "bn0.running" in name:  # of decibels
        return (5.0, -30.0) if name.endswith("mean") else (20.0, 400.0)
    if name.endswith("running_var"):
        return 0.1, 1.0
    if "logit_scale" in name:
        return 0.1, 3.0
    if name.endswith(("bias", "running_mean")):
        return 0.1, 0.0
    if "norm" in name.lower() or len(shape) == 1:
        return 0.1, 1.0
    if "token" in name or ("embed" in name and not any(part in name for part in ("proj", "conv2d", "att"))):
        return 0.3, 0.0
    if "relative_position_bias_table" in name:
        return 0.5, 0.0
    return 1.2 / float(np.sqrt(np.prod(shape[1:]))), 0.0


def passt_shapes() -> Shapes:
    """`passt-s-f128-p16-s10-ap.476-swa.pt`: a plain state dict of hear21passt's PaSST."""
    width = 768
    shapes: Shapes = {
        "cls_token": (1, 1, width),
        "dist_token": (1, 1, width),
        "new_pos_embed": (1, 2, width),
        "freq_new_pos_embed": (1, width, 12, 1),
        "time_new_pos_embed": (1, width, 1, 99),
        "patch_embed.proj.weight": (width, 1, 16, 16),
        "patch_embed.proj.bias": (width,),
    }
    for block in range(12):
        here = f"blocks.{block}."
        shapes |= _norm(here + "norm1", width) | _linear(here + "attn.qkv", width, 3 * width)
        shapes |= _linear(here + "attn.proj", width, width) | _norm(here + "norm2", width)
        shapes |= _linear(here + "mlp.fc1", width, 4 * width) | _linear(here + "mlp.fc2", 4 * width, width)
    shapes |= _norm("norm", width) | _norm("head.0", width)
    return shapes | _linear("head.1", width, 527) | _linear("head_dist", width, 527)


def clap_shapes(width: int, depths: tuple[int, ...], fusion: bool) -> Shapes:
    """LAION's CLAP with an HTSAT of `width` and `depths`, without the buffers that follow from the sizes."""
    shapes: Shapes = {"logit_scale_a": (), "logit_scale_t": ()}
    shapes |= htsat_shapes(width, depths, fusion) | _roberta()
    for part, inner in (("text", 768), ("audio", 8 * width)):
        shapes |= _linear(f"{part}_projection.0", inner, 512) | _linear(f"{part}_projection.2", 512, 512)
        shapes |= _linear(f"{part}_transform.sequential.0", 512, 512)
        shapes |= _linear(f"{part}_transform.sequential.3", 512, 512)
    return shapes


def htsat_shapes(width: int, depths: tuple[int, ...], fusion: bool) -> Shapes:
    """LAION's audio tower, `audio_branch.` before each name."""
    own = "audio_branch."
    shapes = _batch_norm(own + "bn0", 64) | _norm(own + "patch_embed.norm", width)
    shapes |= _conv(own + "patch_embed.proj", 1, width, (4, 4))
    if fusion:
        shapes |= _conv(own + "patch_embed.mel_conv2d", 1, width, (4, 12))
        for branch, first in (("local_att", 0), ("global_att", 1)):
            here, inner = f"{own}patch_embed.fusion_model.{branch}.", width // 4
            shapes |= _conv(f"{here}{first}", width, inner, (1, 1)) | _batch_norm(f"{here}{first + 1}", inner)
            shapes |= _conv(f"{here}{first + 3}", inner, width, (1, 1)) | _batch_norm(f"{here}{first + 4}", width)
    for stage, depth in enumerate(depths):
        inner = width * 2**stage
        for block in range(depth):
            shapes |= _swin(f"{own}layers.{stage}.blocks.{block}.", inner, 4 * 2**stage)
        if stage < len(depths) - 1:
            here = f"{own}layers.{stage}.downsample."
            shapes |= {here + "reduction.weight": (2 * inner, 4 * inner)} | _norm(here + "norm", 4 * inner)
    shapes |= _norm(own + "norm", 8 * width) | _conv(own + "tscam_conv", 8 * width, 527, (2, 3))
    return shapes | _linear(own + "head", 527, 527)


def _swin(here: str, width: int, heads: int) -> Shapes:
    shapes: Shapes = {here + "attn.relative_position_bias_table": (225, heads)}
    shapes |= _norm(here + "norm1", width) | _norm(here + "norm2", width)
    shapes |= _linear(here + "attn.qkv", width, 3 * width) | _linear(here + "attn.proj", width, width)
    return shapes | _linear(here + "mlp.fc1", width, 4 * width) | _linear(here + "mlp.fc2", 4 * width, width)


def _roberta() -> Shapes:
    own, width = "text_branch.", 768
    shapes: Shapes = {
        own + "embeddings.word_embeddings.weight": (VOCABULARY, width),
        own + "embeddings.position_embeddings.weight": (514, width),
        own + "embeddings.token_type_embeddings.weight": (1, width),
    }
    shapes |= _norm(own + "embeddings.LayerNorm", width)
    for layer in range(12):
        here = f"{own}encoder.layer.{layer}."
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            shapes |= _linear(f"{here}attention.{part}", width, width)
        shapes |= _norm(here + "attention.output.LayerNorm", width) | _norm(here + "output.LayerNorm", width)
        shapes |= _linear(here + "intermediate.dense", width, 4 * width)
        shapes |= _linear(here + "output.dense", 4 * width, width)
    return shapes | _linear(own + "pooler.dense", width, width)


def _linear(name: str, inputs: int, outputs: int) -> Shapes:
    return {name + ".weight": (outputs, inputs), name + ".bias": (outputs,)}


def _conv(name: str, inputs: int, outputs: int, kernel: tuple[int, int]) -> Shapes:
    return {name + ".weight": (outputs, inputs, *kernel), name + ".bias": (outputs,)}


def _norm(name: str, width: int) -> Shapes:
    return {name + ".weight": (width,), name + ".bias": (width,)}


def _batch_norm(name: str, width: int) -> Shapes:
    running: Shapes = {name + ".running_mean": (width,), name + ".running_var": (width,)}
    return _norm(name, width) | running | {name + ".num_batches_tracked": ()}


def panns_shapes(first: int = 64) -> Shapes:
    """Either of PANNs' files, but for the front end's constants; `first` is the channels of the first block."""
    shapes: Shapes = _batch_norm("bn0", 64)
    widths = (1, *(first << block for block in range(6)))
    for block, (inner, width) in enumerate(itertools.pairwise(widths), 1):
        here = f"conv_block{block}."
        shapes |= {here + "conv1.weight": (width, inner, 3, 3), here + "conv2.weight": (width, width, 3, 3)}
        shapes |= _batch_norm(here + "bn1", width) | _batch_norm(here + "bn2", width)
    return shapes | _linear("fc1", widths[-1], widths[-1]) | _linear("fc_audioset", widths[-1], 527)


def vggish_shapes(first: int = 64, hidden: int = 4096, features: int = 128) -> Shapes:
    """`vggish-10086976.pth`: a plain state dict of torchvggish's VGGish; `first` is the first layer's channels."""
    shapes: Shapes = {}
    widths = (1, first, 2 * first, 4 * first, 4 * first, 8 * first, 8 * first)
    for place, inner, width in zip((0, 3, 6, 8, 11, 13), widths, widths[1:], strict=False):
        shapes |= _conv(f"features.{place}", inner, width, (3, 3))
    for place, inner, width in ((0, 24 * widths[-1], hidden), (2, hidden, hidden), (4, hidden, features)):
        shapes |= _linear(f"embeddings.{place}", inner, width)
    return shapes


TINY_WITH_FUSION = clap_shapes(96, (2, 2, 6, 2), True)
"""Of 630k-audioset-fusion-best.pt."""

BASE = clap_shapes(128, (2, 2, 12, 2), False)
"""HTSAT-base without fusion: music_speech_audioset_epoch_15_esc_89.98.pt and its sisters."""


def write_passt(path: Path) -> None:
    """As hear21passt's release has it: a plain state dict."""
    with path.open("wb") as file:  # torch itself refuses a name that begins with a dot, as a file in the making has
        torch.save(drawn(passt_shapes()), file)


def write_panns(path: Path, front: dict[str, Tensor]) -> None:
    """One of PANNs' files: under `model`, with the `front` end's constants, which no seed may draw."""
    with path.open("wb") as file:
        torch.save({"iteration": 600000, "model": drawn(panns_shapes()) | front}, file)


def write_vggish(path: Path) -> None:
    """As torchvggish's release has it: a plain state dict."""
    with path.open("wb") as file:
        torch.save(drawn(vggish_shapes()), file)


def write_vggish_pca(path: Path, features: int = 128) -> None:
    """As torchvggish's release has it: NumPy arrays, an orthogonal matrix with its rows scaled, and a mean."""
    draw = np.random.default_rng([SEED, features])
    turned = np.linalg.qr(draw.normal(0, 1, (features, features)))[0] * draw.uniform(0.2, 2, (features, 1))
    with path.open("wb") as file:
        torch.save({"pca_eigen_vectors": turned, "pca_means": draw.normal(0, 0.1, (features, 1))}, file)


def clap_content(shapes: Shapes) -> dict[str, object]:
    """As LAION wrote it: under `state_dict`, `module.` before each name, with `position_ids`."""
    state = {f"module.{name}": tensor for name, tensor in drawn(shapes).items()}
    state["module.text_branch.embeddings.position_ids"] = torch.arange(514)[None]
    for stage in range(4):
        name = f"module.audio_branch.layers.{stage}.blocks.1.attn.relative_position_index"
        state[name] = _relative_position_index()
    return {"epoch": 15, "name": "seeded", "state_dict": state}


def write_clap(path: Path, shapes: Shapes) -> None:
    """One of LAION's files."""
    with path.open("wb") as file:
        torch.save(clap_content(shapes), file)


def _relative_position_index() -> Tensor:
    """Swin's table for windows of 8 x 8: which of 15 x 15 offsets lies between two places."""
    places = torch.stack(torch.meshgrid(torch.arange(8), torch.arange(8), indexing="ij")).flatten(1)
    offsets = places[:, :, None] - places[:, None, :] + 7
    return offsets[0] * 15 + offsets[1]


def write_tokenizer(folder: Path) -> None:
    """A folder like roberta-base's, with its 50,265 tokens' count but not its words, which are not on this machine.

    Two words stand where roberta-base has them, as evalkit asks for them: Hello 31414 and world 232.
    """
    fixed = {0: "<s>", 1: "<pad>", 2: "</s>", 3: "<unk>", VOCABULARY - 1: "<mask>", 31414: "Hello", 232: "\u0120world"}
    _write_words(folder, VOCABULARY, fixed)


def write_gpt2_tokenizer(folder: Path) -> None:
    """The same of gpt2: 50,257 tokens, "!" the first and the end of a text the last."""
    _write_words(folder, 50257, {0: "!", 50256: "<|endoftext|>", 15496: "Hello", 995: "\u0120world"})


def _write_words(folder: Path, size: int, fixed: dict[int, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    merges = list(_merges())
    tokens = [*_byte_characters(), *(left + right for left, right in merges)]
    rest = iter([token for token in tokens if token not in fixed.values()])
    vocabulary = {fixed.get(place) or next(rest): place for place in range(size)}
    used = {left + right for left, right in merges if left + right in vocabulary}
    lines = [f"{left} {right}" for left, right in merges if left + right in used]
    (folder / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(lines) + "\n", encoding="utf-8")


def _merges() -> Iterator[tuple[str, str]]:
    """50,004 joins of two tokens that are there already, none made twice."""
    word = ["\u0120w", "\u0120wo", "\u0120wor", "\u0120worl", "\u0120world"]
    yield from [("H", "e"), ("He", "l"), ("Hel", "l"), ("Hell", "o"), ("\u0120", "w")]
    yield from [(done, longer[-1]) for done, longer in zip(word, word[1:], strict=False)]
    letters = "etaoinshrdlucmfwypvbgkqjxz"
    pairs = [(one, other) for one in letters for other in letters]
    yield from pairs
    starts = [("\u0120", letter) for letter in letters if letter != "w"]
    yield from starts
    triples = [(one + other, third) for one, other in pairs for third in letters]
    yield from triples
    quads = ((a + b, c + d) for a, b in pairs for c, d in pairs)
    missing = VOCABULARY - 5 - 256 - 9 - len(pairs) - len(starts) - len(triples)
    yield from itertools.islice(quads, missing)


def _byte_characters() -> list[str]:
    """The 256 characters that byte-level BPE writes bytes with (GPT-2's table)."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    return [chr(byte) for byte in plain] + [chr(256 + place) for place in range(len(others))]
