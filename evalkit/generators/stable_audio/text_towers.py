"""The text towers that Stable Audio is conditioned on: CLAP's (1.0, 2.0 and the mini), T5's (Open), T5Gemma's (3)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from evalkit.checkpoints.building import built_from
from evalkit.checkpoints.config_file import read_object
from evalkit.checkpoints.shards import lone_variant, read_files
from evalkit.checkpoints.tensors import require_fit
from evalkit.checkpoints.with_transformers import quiet, undrawn
from evalkit.core.errors import BadCheckpoint
from evalkit.core.faults import Gathering
from evalkit.core.text import one_line
from evalkit.embed import clap
from evalkit.generators.stable_audio.tower_parts import require_parts, tower_weights
from evalkit.nets.stable_audio.config import TextConfig
from evalkit.nets.stable_audio.reader import DEEPEST, Reader


class TextTower(Protocol):
    """Text to one row per token."""

    def read(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """float32 (texts, tokens, width), padding included as the model was trained with it, and the mask
        (texts, tokens), 1 at words and 0 at padding."""
        ...


class ClapTower:
    """The penultimate layer of CLAP's text tower; padding rows are kept as they come out (Evans et al. 2024)."""

    def __init__(self, path: Path, device: str, overrides: Mapping[str, Path] | None = None) -> None:
        """`path` is a folder in the hub's layout or one of LAION's files; see :class:`embed.clap.TextTower`."""
        self._tower = clap.TextTower(path, device, overrides)

    def read(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        return self._tower.penultimate(texts)

    def encode(self, texts: Sequence[str]) -> Tensor:
        """The rows alone, for recipes whose model looks at no mask."""
        return self.read(texts)[0]


_AGAIN = "download it again"
_ENCODERS = {"t5": "T5EncoderModel", "t5gemma": "T5GemmaEncoderModel"}
_LAYERS = {"t5": ("num_layers", ("",)), "t5gemma": ("num_hidden_layers", ("encoder", "decoder"))}
"""What a config calls the number of its layers, and in which of its parts (the whole: "")."""


def require_tower(config: TextConfig, folder: Path) -> None:
    """Raises BadCheckpoint with all that is wrong with the folder of a T5, as far as configs, tokenizer and the headers
    of safetensors files tell: the network beside it may be nine gigabytes, and is loaded first."""
    words, net = require_parts(config.kind, folder)
    encoder, wrong = _unfilled(config.kind, net), Gathering()  # whose config the tokenizer's library reads too
    with wrong.look():
        _require_tensors(encoder, net)
        _require_width(config, net, encoder)
    with wrong.look():
        _require_one_model(words, _tokenizer(words), encoder)
    wrong.settle()


def _unfilled(kind: str, net: Path) -> Any:
    """The encoder that a folder's config describes, without values. Raises BadCheckpoint where it describes none.

    A million layers would take the machine's memory even so, where their sizes take none.
    """
    import transformers
    from transformers import AutoConfig

    file = net / "config.json"
    stated, reader = read_object(file), Reader(str(file))
    reader.expect("model_type", stated.get("model_type"), (kind,))
    name, parts = _LAYERS[kind]
    for part in (stated.get(each) if each else stated for each in parts):
        if isinstance(part, dict):
            reader.whole(part, name, DEEPEST, default=1)
    with built_from(net), undrawn(), quiet(), torch.device("meta"):
        config = AutoConfig.from_pretrained(net, local_files_only=True, trust_remote_code=False)
        if kind == "t5gemma":
            config.is_encoder_decoder = False
        return getattr(transformers, _ENCODERS[kind])(config)


def _require_tensors(encoder: Any, net: Path) -> None:
    """Of torch's own files only reading tells. Decoder and heads, which a file may have too, are left over."""
    files = tower_weights(net)
    if any(file.suffix != ".safetensors" for file in files):
        return
    own, prefix = encoder.state_dict(), f"{encoder.base_model_prefix}."
    stored = {
        name if name in own else name.removeprefix(prefix): tensor for name, tensor in read_files(files, True).items()
    }
    require_fit(encoder, {name: each for name, each in stored.items() if name in own}, net, _tied(encoder, stored))


def _tied(encoder: Any, found: Collection[str]) -> set[str]:
    """Tensors that need not be there, as another that is there stands for them."""
    pairs = (getattr(encoder, "_tied_weights_keys", None) or {}).items()
    return {name for pair in pairs for name in pair if not found or not set(pair).isdisjoint(found)}


def _require_one_model(words: Path, tokenizer: Any, encoder: Any) -> None:
    entries = encoder.get_input_embeddings().num_embeddings
    if len(tokenizer) > entries:
        sizes = f"{len(tokenizer)} entries, the encoder {entries}"
        raise BadCheckpoint(f"{words}: the tokenizer has {sizes}", "the two must be of one model")


def _require_width(config: TextConfig, net: Path, encoder: Any) -> None:
    found = encoder.get_input_embeddings().embedding_dim
    if config.width not in (0, found):
        told = f"gives {found} channels, and the model that it is for takes {config.width}"
        raise BadCheckpoint(f"{net}: {told}", f"the model was trained with {config.weights}")


class T5Tower:
    """The last layer of a T5 encoder, with the rows at padding set to zero.

    `folder` is one of the hub, or has the two parts of diffusers' pipelines, `tokenizer` and `text_encoder`.
    """

    def __init__(self, folder: Path, device: str, max_length: int) -> None:
        words, net = require_parts("t5", folder)
        self._encoder = _Encoder(words, net, "T5", _t5, device, max_length)

    def read(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        hidden, mask = self._encoder.read(texts)
        return hidden * mask[..., None], mask


class _Encoder:
    """A tokenizer and the encoder that belongs to it. Raises BadCheckpoint where the two are not of one model."""

    def __init__(
        self, words: Path, net: Path, name: str, load: Callable[[Path], Any], device: str, max_length: int
    ) -> None:
        self._tokenizer, encoder = _tokenizer(words), _loaded(net, name, load)
        _require_one_model(words, self._tokenizer, encoder)
        self._encoder = encoder.to(torch.device(device))
        self._device, self._max_length = device, max_length

    @torch.inference_mode()
    def read(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """(batch, tokens, width) of the last layer, and the mask (batch, tokens)."""
        batch = self._tokenizer(
            list(texts), padding="max_length", truncation=True, max_length=self._max_length, return_tensors="pt"
        ).to(self._device)
        mask: Tensor = batch["attention_mask"]
        hidden: Tensor = self._encoder(input_ids=batch["input_ids"], attention_mask=mask).last_hidden_state
        return hidden, mask


def _tokenizer(words: Path) -> Any:
    """Raises BadCheckpoint, naming the folder, in one line for whatever transformers makes of a broken one."""
    from transformers import AutoTokenizer

    try:
        with quiet():
            # Said outright, as transformers would ask at the terminal whether to run a folder's own code.
            return AutoTokenizer.from_pretrained(words, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # noqa: BLE001 - transformers and tokenizers each raise their own
        raise BadCheckpoint(f"{words}: its tokenizer cannot be read: {one_line(error, 200)}", _AGAIN) from None


def _loaded(net: Path, name: str, load: Callable[[Path], Any]) -> Any:
    """The encoder, in float32 whatever the folder holds, with every tensor from its files.

    Raises BadCheckpoint, naming the folder, in one line for whatever transformers makes of a broken one.
    """
    try:
        with quiet():
            encoder, told = load(net)
    except BadCheckpoint:
        raise
    except Exception as error:  # noqa: BLE001 - transformers and safetensors each raise their own
        raise BadCheckpoint(f"{net}: cannot be loaded as a {name} folder: {one_line(error, 200)}", _AGAIN) from None
    # What is not in the files would be drawn at random, with no more than a warning.
    missing = sorted(str(name) for name in told["missing_keys"] if name not in _tied(encoder, ()))
    if missing:
        raise BadCheckpoint(f"{net}: lacks {len(missing)} tensors of a {name} encoder, the first {missing[0]}")
    require_fit(encoder, encoder.state_dict(), net)  # which holds NaN where a file does
    return encoder.eval()


def _t5(folder: Path) -> Any:
    from transformers import T5EncoderModel

    return T5EncoderModel.from_pretrained(
        folder,
        local_files_only=True,
        dtype=torch.float32,
        output_loading_info=True,
        variant=lone_variant(folder, "model"),
    )


def _t5gemma(folder: Path) -> Any:
    from transformers import AutoConfig, T5GemmaEncoderModel

    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    config.is_encoder_decoder = False
    return T5GemmaEncoderModel.from_pretrained(
        folder,
        config=config,
        local_files_only=True,
        dtype=torch.float32,
        attn_implementation="eager",  # its soft cap on the logits is in no other
        output_loading_info=True,
    )


class T5GemmaTower:
    """The last layer of T5Gemma's encoder, whose rows at padding are whatever they come to: the model has its own.

    It is computed in float32; the original computes it in the bfloat16 of the file, which is 0.7 % off by rms on small
    random weights. Decoder and vocabulary head, which the file has too, are not loaded.
    """

    def __init__(self, folder: Path, device: str, max_length: int) -> None:
        words, net = require_parts("t5gemma", folder)
        self._encoder = _Encoder(words, net, "T5Gemma", _t5gemma, device, max_length)

    def read(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        return self._encoder.read(texts)


def load_tower(config: TextConfig, place: Path, overrides: Mapping[str, Path], device: str) -> TextTower:
    """The tower that a model config names, from its folder or file. Raises MissingWeights or BadCheckpoint."""
    if config.kind == "t5gemma":
        return T5GemmaTower(place, device, config.max_length)
    if config.kind == "t5":
        return T5Tower(place, device, config.max_length)
    return ClapTower(place, device, overrides)
