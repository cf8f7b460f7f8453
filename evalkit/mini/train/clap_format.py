"""What clap-mini is made of: its config, its tokenizer, and the folder that it ships in.

The folder has the layout of the Hugging Face hub and loads with transformers' own `ClapModel`,
`RobertaTokenizer` and `ClapFeatureExtractor`; the weights are stored in fp16.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import torch
from safetensors.torch import save
from tokenizers import ByteLevelBPETokenizer
from torch import nn
from transformers import ClapConfig, RobertaTokenizer

from evalkit.checkpoints.clap_folder import TOKENS, WEIGHTS
from evalkit.core.files import write_bytes
from evalkit.core.jsonio import write_json
from evalkit.nets.clap import CONSTANTS, Clap, FrontEnd

VOCABULARY = 768
_SPECIAL = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")

PREPROCESSOR: dict[str, object] = {
    "feature_extractor_type": "ClapFeatureExtractor",
    "processor_class": "ClapProcessor",
    "feature_size": 64,
    "sampling_rate": 16000,
    "hop_length": 320,
    "fft_window_size": 1024,
    "frequency_min": 50,
    "frequency_max": 8000,
    "max_length_s": 5,
    "nb_max_samples": 80000,
    "padding": "repeatpad",
    "padding_side": "right",
    "padding_value": 0.0,
    "return_attention_mask": False,
    "top_db": None,
    "truncation": "fusion",
}
"""16 kHz, 20 ms hop, 5 s: 251 frames, which the audio tower stretches to its 256 as the full one does 1,001
to 1,024. A window of 5.12 s would have 257 frames, and HTSAT refuses more than its width."""


def front_end() -> FrontEnd:
    return FrontEnd.from_config(PREPROCESSOR)


def mini_config(vocabulary: int) -> ClapConfig:
    """HTSAT with fusion at half of tiny's width, and four layers of RoBERTa.

    The picture is 128 x 128 in patches of 8 x 8, so there are 256 tokens and three stages where tiny has 4,096
    and four: a training step costs about a third of one with patches of 4 x 4.
    """
    text = {
        "vocab_size": vocabulary,
        "hidden_size": 128,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "intermediate_size": 512,
        # RoBERTa counts positions from the padding id + 1.
        "max_position_embeddings": TOKENS + 2,
        "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.1,
    }
    audio = {
        "num_mel_bins": 64,
        "spec_size": 128,
        "window_size": 4,
        "patch_size": 8,
        "patch_stride": [8, 8],
        "patch_embeds_hidden_size": 48,
        "hidden_size": 192,
        "depths": [2, 2, 2],
        "num_attention_heads": [3, 6, 12],
        "enable_fusion": True,
        "fusion_type": "aff_2d",
        "hidden_dropout_prob": 0.0,
        "drop_path_rate": 0.05,
    }
    config = ClapConfig(text_config=text, audio_config=audio, projection_dim=128)
    config._attn_implementation = "eager"
    return config


def draw_weights(net: Clap, seed: int) -> None:
    """First weights of the audio tower and both projections: normal, cut at two, 1 / sqrt(inputs) wide.

    transformers draws them 0.02 wide or so, which suits 768 inputs; at 48 the first steps would go into growing.
    """
    generator = torch.Generator().manual_seed(seed)
    for part in (net.model.audio_model, net.model.audio_projection, net.model.text_projection):
        for module in part.modules():
            if isinstance(module, nn.Linear | nn.Conv2d):
                spread = module.weight[0].numel() ** -0.5
                nn.init.trunc_normal_(module.weight, std=spread, a=-2 * spread, b=2 * spread, generator=generator)


def train_tokenizer(captions: Iterable[str], folder: Path) -> int:
    """Byte-level BPE from captions, as `vocab.json`, `merges.txt` and `tokenizer.json`; gives its size.

    Every byte is in the vocabulary, so that no prompt whatever has an unknown token.
    """
    folder.mkdir(parents=True, exist_ok=True)
    bpe = ByteLevelBPETokenizer()
    bpe.train_from_iterator(
        captions, vocab_size=VOCABULARY, min_frequency=2, special_tokens=list(_SPECIAL), show_progress=False
    )
    bpe.save_model(str(folder))
    tokenizer = RobertaTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=TOKENS)
    tokenizer.save_pretrained(str(folder))
    return len(tokenizer)


def write_folder(net: Clap, folder: Path) -> None:
    """`model.safetensors` in fp16, `config.json` and `preprocessor_config.json` beside the tokenizer's files."""
    state = net.model.state_dict()
    tensors = {
        name: (tensor.to(torch.float16) if tensor.is_floating_point() else tensor).contiguous().cpu()
        for name, tensor in state.items()
        if not name.endswith(CONSTANTS)
    }
    config = net.model.config.to_dict()
    config["architectures"] = ["ClapModel"]
    write_json(folder / "config.json", config)
    write_json(folder / "preprocessor_config.json", PREPROCESSOR)
    write_bytes(folder / WEIGHTS, save(tensors, metadata={"format": "pt"}))
