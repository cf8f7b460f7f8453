"""Measures the minis on held-out recordings and writes `evalkit/mini/CARD.md`.

    python -m evalkit.mini.card --data DATA/esc10

Every figure in the card is made here, on fold 4 of ESC-10, by the code that users run.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from evalkit.audio.clip import Clip
from evalkit.core.ids import digest_bytes, item_seed
from evalkit.core.jsonio import write_bytes
from evalkit.generators.stable_audio import mini as stable_audio_mini
from evalkit.mini import card_measures as measures
from evalkit.mini.card_text import Figures, markdown
from evalkit.mini.references import RATE, compose_takes
from evalkit.mini.scenes import load_recordings
from evalkit.suites.base import Prompt
from evalkit.suites.load import load_suite

CARD = Path(__file__).with_name("CARD.md")


def generate_suite(prompts: Sequence[Prompt]) -> list[Clip]:
    """stable-audio-mini's sound for each prompt, as `evalkit run` makes it."""
    generator = stable_audio_mini()
    generator.load("cpu", "float32")
    options = generator.spec.presets[generator.spec.default_preset]
    clips: list[Clip] = []
    size = generator.spec.batch_size
    for start in range(0, len(prompts), size):
        batch = prompts[start : start + size]
        made = generator.generate(
            [prompt.text for prompt in batch],
            [prompt.seconds for prompt in batch],
            [item_seed(0, prompt.id, 0) for prompt in batch],
            options,
        )
        clips += [Clip(audio, made.sample_rate, digest_bytes(audio.tobytes())) for audio in made.audio]
        print(f"generated {len(clips)} of {len(prompts)}", flush=True)
    return clips


def measure(data: Path) -> Figures:
    """All figures of the card."""
    suite = load_suite("mini")
    held_out = load_recordings(data, RATE, (4,))
    takes = compose_takes(held_out, (0, 11))
    generated = generate_suite(suite.prompts)
    print("embedding", flush=True)
    return Figures(
        autoencoder=measures.autoencoder_by_class(data),
        top_1=measures.top_1(held_out),
        text_to_class=measures.text_to_class(held_out),
        distances=measures.distances(suite, takes[11], generated),
        clap={
            "held-out recordings": measures.matched_and_shuffled_clap(suite, takes[11]),
            "stable-audio-mini": measures.matched_and_shuffled_clap(suite, generated),
        },
        kl={
            "held-out recordings": measures.matched_and_shuffled_kl(suite, takes[11]),
            "stable-audio-mini": measures.matched_and_shuffled_kl(suite, generated),
        },
        named=measures.named_classes(suite.prompts, generated),
        named_recordings=measures.named_classes(suite.prompts, takes[11]),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of ESC-10 with its clips.csv")
    parser.add_argument("--out", type=Path, default=CARD)
    found = parser.parse_args()
    text = markdown(measure(found.data))
    write_bytes(found.out, text.encode())
    print(text)


if __name__ == "__main__":
    main()
