"""laion-clap 1.1.7 with stable-audio-metrics' steps (fd55536, src/clap_score.py): runs in its environment.

Over 10 s the original crops at random, so that it gives another score on every run: here it is given evalkit's crops.
`Resize` runs without antialiasing, as in the torchvision that stable-audio-metrics pins.
"""

from __future__ import annotations

import contextlib
import functools
import io
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

RATE = 48000

Load = Callable[[str, int], Any]


def import_package(words: str) -> Any:
    """The module `laion_clap`, whose import asks the hub for three tokenizers and whose model asks for a fourth."""
    import transformers

    roberta = transformers.RobertaTokenizer.from_pretrained(words)
    config = transformers.RobertaConfig(
        vocab_size=50265, max_position_embeddings=514, type_vocab_size=1, layer_norm_eps=1e-5, pad_token_id=1,
        bos_token_id=0, eos_token_id=2,
    )  # fmt: skip
    library: Any = transformers
    for kind in ("BertTokenizer", "BartTokenizer"):
        getattr(library, kind).from_pretrained = staticmethod(lambda *_, **__: None)
    library.RobertaTokenizer.from_pretrained = staticmethod(lambda *_, **__: roberta)
    library.RobertaModel.from_pretrained = staticmethod(lambda *_, **__: transformers.RobertaModel(config))
    with contextlib.redirect_stdout(io.StringIO()):
        import laion_clap
    return laion_clap


class _Plain:
    """Stands for NumPy's builders of a scalar, which LAION's files keep among their optimizer's settings."""

    def __init__(self, *_: Any) -> None:
        pass

    def __setstate__(self, _: Any) -> None:
        pass


def read_tensors(checkpoint: Any) -> dict[str, Any]:
    """The tensors as `clap_module.factory.load_state_dict` names them, under torch's restricted unpickler, which that
    does not use: nothing of the file is run."""
    names = "numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar", "numpy.dtype"
    with torch.serialization.safe_globals([(_Plain, name) for name in names]):
        content = torch.load(checkpoint, map_location="cpu", weights_only=True)
    state = content.get("state_dict", content)
    found = {name[7:] if name.startswith("module.") else name: tensor for name, tensor in state.items()}
    found.pop("text_branch.embeddings.position_ids", None)
    return found


def model_of(package: Any, state: dict[str, Any]) -> Any:
    """`CLAP_Module` (`src/clap_score.py` 47-86), of the kind that its tensors are, filled but for computed buffers."""
    fusion = any(".mel_conv2d." in name for name in state)
    name = {96: "HTSAT-tiny", 128: "HTSAT-base"}[len(state["audio_branch.patch_embed.proj.weight"])]
    with contextlib.redirect_stdout(io.StringIO()):
        clap = package.CLAP_Module(enable_fusion=fusion, device="cpu", amodel=name)
    missing, unexpected = clap.model.load_state_dict(state, strict=False)
    computed = ("attn_mask", "relative_position_index", "conv_real.weight", "conv_imag.weight", "melW", "_ids")
    strange = [name for name in missing if not name.endswith(computed)]
    if strange or unexpected:
        raise ValueError(f"missing {strange}, unexpected {unexpected}")
    return clap.eval()


@contextlib.contextmanager
def crops_of(first: int, starts: list[int], antialias: bool = False) -> Iterator[None]:
    """The original's draws replaced: `first` is the sample at which a crop begins, `starts` the frames of three."""
    import torchvision

    random: Any = np.random
    choice, randint, resize = random.choice, random.randint, torchvision.transforms.Resize
    drawn = iter(starts)
    random.choice = lambda _: next(drawn)
    random.randint = lambda *_: first
    torchvision.transforms.Resize = functools.partial(resize, antialias=antialias)
    try:
        yield
    finally:
        random.choice, random.randint = choice, randint
        torchvision.transforms.Resize = resize


def int16_round_trip(audio: Any) -> Any:
    """A tensor (1, samples): `src/clap_score.py` 12-17 and 112-113."""
    whole = (np.clip(audio, -1.0, 1.0) * np.asarray(32767.0, audio.dtype)).astype(np.int16)
    return torch.from_numpy((whole / 32767.0).astype(np.float32).reshape(1, -1)).float()


def cosine(audio: Any, text: Any) -> Any:
    """(clips,) as `src/clap_score.py` takes it, of two tensors."""
    return torch.nn.functional.cosine_similarity(audio, text, dim=1, eps=1e-8).numpy()


class Clap:
    """`audio` (512,) and `text` (512,) of a clip and its caption, its `score`; `mean` of the scores of all."""

    def __init__(self, model: Any, load_at_peak: Load) -> None:
        self._model, self._load = model, load_at_peak

    @torch.no_grad()
    def clip(self, told: dict[str, Any]) -> dict[str, Any]:
        text = self._model.get_text_embedding([told["caption"], ""], use_tensor=True)[:1]
        audio = int16_round_trip(self._load(told["path"], RATE))
        with crops_of(told["crops"]["first"], told["crops"]["starts"]):
            sound = self._model.get_audio_embedding_from_data(x=audio, use_tensor=True)
        return {"audio": sound[0].numpy(), "text": text[0].numpy(), "score": cosine(sound, text)[0]}

    def together(self, found: list[dict[str, Any]]) -> dict[str, Any]:
        return {"mean": np.mean([clip["score"] for clip in found])}


def build(job: dict[str, Any], load_at_peak: Load) -> Clap:
    """The model from LAION's file and the folder of its tokenizer."""
    return Clap(model_of(import_package(job["words"]), read_tensors(job["weights"])), load_at_peak)
