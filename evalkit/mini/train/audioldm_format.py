"""audioldm-mini's folder in the layout of `cvssp/audioldm-*`, from the outputs of its three recipes.

python -m evalkit.mini.train.audioldm_format --vae VAE_OUT --vocoder VOCODER_OUT --unet UNET_OUT --out FOLDER
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from evalkit.core.jsonio import write_json
from evalkit.mini.train import mel_vae
from evalkit.mini.train import vocoder as vocoder_recipe

INDEX = {
    "_class_name": "AudioLDMPipeline",
    "scheduler": ["diffusers", "DDIMScheduler"],
    "text_encoder": ["transformers", "ClapTextModelWithProjection"],
    "tokenizer": ["transformers", "RobertaTokenizerFast"],
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
    "vocoder": ["transformers", "SpeechT5HifiGan"],
}


def write_folder(vocoder: Path, unet: Path, out: Path) -> None:
    """All parts under `out`, networks in fp16, and the pipeline's index."""
    for name in ("unet", "scheduler", "text_encoder", "tokenizer"):
        shutil.copytree(unet / name, out / name, dirs_exist_ok=True)
    vae = mel_vae.load(vocoder).half()
    vae.register_to_config(_name_or_path="")  # else the folder of this machine that it was read from
    vae.save_pretrained(out / "vae")
    vocoder_recipe.load(vocoder).half().save_pretrained(out / "vocoder")
    write_json(out / "model_index.json", INDEX)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("vocoder", "unet", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    found = parser.parse_args()
    write_folder(found.vocoder, found.unet, found.out)


if __name__ == "__main__":
    main()
