"""Write golden/audiogen: AudioGen's two files as audiocraft exports them, and what its modules make of them.

Run in an environment with audiocraft 1.3.0 (`--no-deps`) beside torch, transformers, omegaconf, einops, flashy,
julius, num2words; what it only imports (xformers, spacy, torchaudio, av, librosa) is stood in for here:

    python make_audiogen.py FOLDER_OF_THIS_FILE/golden/audiogen

The networks have the published structure at a fraction of the size, with seeded weights. Beside the two exports:
`expected.npz` with the logits of a sequence under text, the tokens of greedy sampling, and the sound of codes.
"""

from __future__ import annotations

import importlib.machinery
import sys
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import torch
from transformers import RobertaTokenizer, T5EncoderModel, T5Tokenizer  # noqa: F401 - before the stand-ins

for _name in ("xformers", "xformers.ops", "spacy", "torchaudio", "torchaudio.transforms", "torchaudio.functional"):
    sys.modules[_name] = MagicMock(__spec__=importlib.machinery.ModuleSpec(_name, None), __path__=[], __version__="0")
for _name in ("av", "av.subtitles", "av.subtitles.stream", "librosa", "librosa.filters", "demucs", "pesq", "pystoi"):
    sys.modules[_name] = MagicMock(__spec__=importlib.machinery.ModuleSpec(_name, None), __path__=[], __version__="0")

sys.modules["xformers"].ops.unbind = torch.unbind

import audiocraft  # noqa: E402
from audiocraft.models import builders  # noqa: E402
from audiocraft.modules import conditioners, transformer  # noqa: E402
from audiocraft.modules.conditioners import ConditioningAttributes  # noqa: E402
from omegaconf import OmegaConf  # noqa: E402

WIDTH, STATES = 32, 24
"""Width of the language model, and of the text encoder."""

LM = {
    "lm_model": "transformer_lm",
    "device": "cpu",
    "dtype": "float32",
    "dataset": {"segment_duration": 10},
    "sample_rate": 16000,
    "channels": 1,
    "codebooks_pattern": {"modeling": "delay", "delay": {"delays": [0, 1, 2, 3], "flatten_first": 0}},
    "transformer_lm": {
        "dim": WIDTH,
        "num_heads": 2,
        "num_layers": 2,
        "hidden_scale": 4,
        "n_q": 4,
        "card": 16,
        "dropout": 0.0,
        "emb_lr": None,
        "activation": "gelu",
        "norm_first": True,
        "bias_ff": False,
        "bias_attn": False,
        "bias_proj": False,
        "past_context": None,
        "causal": True,
        "custom": True,
        "memory_efficient": False,
        "attention_as_float32": False,
        "layer_scale": None,
        "positional_embedding": "sin",
        "xpos": False,
        "checkpointing": "none",
        "weight_init": None,
        "depthwise_init": None,
        "zero_bias_init": False,
        "norm": "layer_norm",
        "cross_attention": True,
        "qk_layer_norm": False,
        "qk_layer_norm_cross": False,
        "attention_dropout": None,
        "kv_repeat": 1,
        "two_step_cfg": False,
    },
    "classifier_free_guidance": {"training_dropout": 0.1, "inference_coef": 3.0},
    "attribute_dropout": {},
    "fuser": {
        "cross_attention_pos_emb": False,
        "cross_attention_pos_emb_scale": 1,
        "sum": [],
        "prepend": [],
        "cross": ["description"],
        "input_interpolate": [],
    },
    "conditioners": {
        "description": {
            "model": "t5",
            "t5": {"name": "t5-large", "finetune": False, "word_dropout": 0.0, "normalize_text": False},
        }
    },
}
CODEC = {
    "compression_model": "encodec",
    "device": "cpu",
    "sample_rate": 16000,
    "channels": 1,
    "encodec": {
        "autoencoder": "seanet",
        "quantizer": "rvq",
        "sample_rate": "${sample_rate}",
        "channels": "${channels}",
        "causal": False,
        "renormalize": False,
    },
    "seanet": {
        "dimension": 8,
        "channels": 1,
        "causal": False,
        "n_filters": 2,
        "n_residual_layers": 1,
        "ratios": [8, 5, 4, 2],
        "activation": "ELU",
        "activation_params": {"alpha": 1.0},
        "norm": "weight_norm",
        "norm_params": {},
        "kernel_size": 7,
        "residual_kernel_size": 3,
        "last_kernel_size": 7,
        "dilation_base": 2,
        "pad_mode": "constant",
        "true_skip": True,
        "compress": 2,
        "lstm": 2,
        "disable_norm_outer_blocks": 0,
        "decoder": {"trim_right_ratio": 1.0, "final_activation": None, "final_activation_params": None},
        "encoder": {},
    },
    "rvq": {
        "n_q": 4,
        "q_dropout": False,
        "bins": 16,
        "decay": 0.99,
        "kmeans_init": False,
        "kmeans_iters": 50,
        "threshold_ema_dead_code": 2,
        "orthogonal_reg_weight": 0.0,
        "orthogonal_reg_active_codes_only": False,
    },
}


class _Encoder(torch.nn.Module):
    """Stands for T5: the golden states are given, so that neither side's T5 is in the comparison."""

    def __init__(self) -> None:
        super().__init__()
        self.states = torch.zeros(1, 1, STATES)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> object:
        return MagicMock(last_hidden_state=self.states.expand(len(input_ids), -1, -1))


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    transformer.set_efficient_attention_backend("torch")
    encoder = _Encoder()
    conditioners.T5Conditioner.MODELS_DIMS["t5-large"] = STATES
    conditioners.T5Tokenizer = MagicMock()
    conditioners.T5EncoderModel = MagicMock()
    conditioners.T5EncoderModel.from_pretrained.return_value.train.return_value = encoder
    torch.manual_seed(5)
    lm = builders.get_lm_model(OmegaConf.create(LM)).eval()
    codec = builders.get_compression_model(OmegaConf.create(CODEC)).eval()
    for parameter in lm.parameters():
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.3)
    for parameter in codec.parameters():
        if parameter.dim() > 1:  # so large that the codes are heard: small ones let the biases through alone
            torch.nn.init.normal_(parameter, std=2.0 * (parameter.shape[0] / parameter.numel()) ** 0.5)
    for quantizer in codec.quantizer.vq.layers:
        quantizer._codebook.embed.normal_()
    versions = {"version": audiocraft.__version__, "exported": True}
    torch.save(
        {"best_state": lm.state_dict(), "xp.cfg": OmegaConf.to_yaml(OmegaConf.create(LM)), **versions},
        folder / "state_dict.bin",
    )
    torch.save(
        {"best_state": codec.state_dict(), "xp.cfg": OmegaConf.create(CODEC), **versions},
        folder / "compression_state_dict.bin",
    )
    np.savez(folder / "expected.npz", **{key: value.numpy() for key, value in _expected(lm, codec, encoder).items()})


def _tokenize(texts: list[str | None]) -> dict[str, torch.Tensor]:
    """Five tokens for a text, and five masked ones for none."""
    mask = torch.tensor([[int(text is not None)] * 5 for text in texts])
    return {"input_ids": torch.zeros_like(mask), "attention_mask": mask}


@torch.no_grad()
def _expected(lm: Any, codec: Any, encoder: _Encoder) -> dict[str, torch.Tensor]:
    encoder.states = torch.randn(1, 5, STATES)
    conditioner = lm.condition_provider.conditioners["description"]
    conditioner.tokenize = _tokenize
    sequence, codes = torch.randint(0, 16, (1, 4, 9)), torch.randint(0, 16, (1, 4, 30))
    prompted = {"conditions": [ConditioningAttributes(text={"description": "dog"})], "use_sampling": False}
    sound = codec.decode(codes)
    return {
        "states": encoder.states,
        "sequence": sequence,
        "logits": lm(sequence, [], {"description": conditioner(_tokenize(["dog"]))}),
        "codes": codes,
        "sound": sound,
        "encoded": codec.encode(sound)[0],
        "greedy": lm.generate(**prompted, max_gen_len=12, cfg_coef=3.0),
        "continued": lm.generate(prompt=codes[..., :5], **prompted, max_gen_len=12, cfg_coef=3.0),
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]))
