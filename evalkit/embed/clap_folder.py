"""A CLAP folder in the hub's layout, read and checked: config, tensors, front end, tokenizer.

Every reader here names the file at fault. Two silent failures of the plain loaders are made loud: tensors
that are missing or left over are named, and a tokenizer that lost its vocabulary is refused (transformers
5.23 makes up one of five tokens where the files are absent, and every prompt then reads the same).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
import transformers
from torch import Tensor, nn
from transformers import ClapConfig, RobertaTokenizer

from evalkit.core.errors import BadCheckpoint, MissingWeights, UserError
from evalkit.core.jsonio import read_json
from evalkit.fetch.tensors import load_into, read_tensors
from evalkit.nets.clap import CONSTANTS, FrontEnd, audio_config, text_config

WEIGHTS = "model.safetensors"
TOKENS = 77
"""Every text is padded or cut to this many tokens, as LAION's `hook.py` 65-73 does."""

_LAYOUT = "a CLAP folder holds config.json, model.safetensors, preprocessor_config.json and tokenizer files"
_PROBE = "A dog barks twice, then rain falls on the left."


def read_config(folder: Path) -> ClapConfig:
    """The towers' config. Raises MissingWeights, or BadCheckpoint where it is not CLAP's."""
    content = _json(folder, "config.json")
    if content.get("model_type") != "clap":
        kind = content.get("model_type")
        raise BadCheckpoint(f"{folder / 'config.json'}: model_type is {kind!r}, not 'clap'", _LAYOUT)
    try:
        config = ClapConfig.from_dict(content)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise BadCheckpoint(f"{folder / 'config.json'}: {_line(error)}", _LAYOUT) from error
    # One plain attention for every version of transformers; 77 tokens gain nothing from a fused one.
    config._attn_implementation = "eager"
    return config


def read_front_end(folder: Path, config: ClapConfig) -> FrontEnd:
    """The mel front end. Raises BadCheckpoint where it does not fit the audio tower."""
    path = folder / "preprocessor_config.json"
    try:
        front = FrontEnd.from_config(_json(folder, path.name))
    except ValueError as error:
        raise BadCheckpoint(f"{path}: {error}") from error
    audio = audio_config(config)
    widest = audio.spec_size * (audio.spec_size // audio.num_mel_bins)
    if front.mels != audio.num_mel_bins:
        raise BadCheckpoint(f"{path}: feature_size is {front.mels}, the audio tower has {audio.num_mel_bins} mel bands")
    if front.frames > widest:
        raise BadCheckpoint(f"{path}: the window has {front.frames} frames, the audio tower takes at most {widest}")
    return front


def fill(net: nn.Module, folder: Path, prefix: str = "") -> None:
    """Fill `net` from the folder's tensors whose names start with `prefix`, and set it to evaluation.

    Constants that follow from the config may be in the file or not, and are never taken from it.
    Raises MissingWeights, or BadCheckpoint naming the tensors that are missing, left over or misshaped.
    """
    path = _present(folder, WEIGHTS)
    tensors = {
        name.removeprefix(prefix): tensor
        for name, tensor in read_tensors(path).items()
        if name.startswith(prefix) and not name.endswith(CONSTANTS)
    }
    load_into(net, tensors, path, ignore={name for name in net.state_dict() if name.endswith(CONSTANTS)})
    net.requires_grad_(False).eval()


class Words:
    """The tokenizer: texts to 77 tokens each."""

    def __init__(self, folder: Path, config: ClapConfig) -> None:
        """Raises MissingWeights or BadCheckpoint; a vocabulary of another size than the tower's is refused."""
        self._tokenizer = _read_tokenizer(folder)
        self._check(folder, text_config(config).vocab_size)

    def encode(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Token ids and mask (1 real, 0 padding), both int64 (texts, 77)."""
        if not texts:
            empty = torch.zeros((0, TOKENS), dtype=torch.long)
            return empty, empty.clone()
        out = self._tokenizer(list(texts), padding="max_length", max_length=TOKENS, truncation=True)
        return torch.tensor(out["input_ids"]), torch.tensor(out["attention_mask"])

    def _check(self, folder: Path, size: int) -> None:
        tokenizer = self._tokenizer
        if len(tokenizer) != size:
            raise BadCheckpoint(f"{folder}: the tokenizer has {len(tokenizer)} tokens, the text tower {size}")
        ids = tokenizer(_PROBE)["input_ids"]
        read_back = tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        if tokenizer.unk_token_id in ids or read_back != _PROBE:
            raise BadCheckpoint(f"{folder}: the tokenizer reads {_PROBE!r} as {read_back!r}", "restore its files")


def _read_tokenizer(folder: Path) -> RobertaTokenizer:
    if not (folder / "tokenizer.json").is_file():
        for name in ("vocab.json", "merges.txt"):
            _present(folder, name)
    try:
        with _quiet():
            return RobertaTokenizer.from_pretrained(str(folder), local_files_only=True)
    except Exception as error:  # the library raises bare Exception for a broken tokenizer.json
        raise BadCheckpoint(f"{folder}: the tokenizer cannot be read: {_line(error)}") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Without transformers' advice on stderr: what matters of it is checked here and raised."""
    before = transformers.logging.get_verbosity()
    transformers.logging.set_verbosity_error()
    try:
        yield
    finally:
        transformers.logging.set_verbosity(before)


def _present(folder: Path, name: str) -> Path:
    path = folder / name
    if not path.is_file():
        raise MissingWeights(f"{path}: no such file", _LAYOUT)
    return path


def _json(folder: Path, name: str) -> dict[str, object]:
    path = _present(folder, name)
    try:
        content = read_json(path)
    except UserError as error:
        raise BadCheckpoint(error.message, error.hint) from error
    if not isinstance(content, dict):
        raise BadCheckpoint(f"{path}: not a JSON object", _LAYOUT)
    return content


def _line(error: BaseException) -> str:
    """An error of a library on one line."""
    return " ".join(str(error).split())[:200]
