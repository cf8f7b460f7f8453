"""A judge whose weights nobody taught: drawn from a seed, in the published format and of reduced size.

MS-CLAP's two towers have no mini. What its score does with such weights shows what the chain around them lets through,
and nothing of what a trained network hears; the card says so first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from evalkit.fetch.published import GPT2_TOKENIZER
from evalkit.originals.seeded.msclap import Sizes, write_msclap
from evalkit.originals.seeded.torch_files import write_gpt2_tokenizer

SIZES = Sizes(audio=8, depths=(1, 1, 1, 1), text=64, layers=1, common=32)
TAUGHT = "nobody: reduced and drawn from a seed, so it shows nothing of what the published one hears"
JUDGE = "msclap-2023"
_PLACE = "evalkit-seeded-"


@contextmanager
def seeded_msclap() -> Iterator[Mapping[str, Path]]:
    """The weights and the tokenizer, as `--weights` names them, while the context lasts."""
    with TemporaryDirectory(prefix=_PLACE) as place:
        weights, words = Path(place) / "CLAP_weights_2023.pth", Path(place) / "gpt2"
        write_msclap(weights, SIZES)
        write_gpt2_tokenizer(words)
        yield {JUDGE: weights, GPT2_TOKENIZER: words}


def is_seeded(path: Path) -> bool:
    """Are these weights that `seeded_msclap` drew?"""
    return path.parent.name.startswith(_PLACE)
