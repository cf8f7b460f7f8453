"""Which file both sides read: the published one where it is here, else one of its format with weights from a seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from evalkit.checkpoints.clap_laion import tokenizer_of
from evalkit.core.errors import MissingWeights, UserError
from evalkit.core.files import landing
from evalkit.fetch.digests import remembered_sha256
from evalkit.fetch.home import evalkit_home
from evalkit.fetch.published import PUBLISHED, TOKENIZER
from evalkit.fetch.waiting import waiting_lock
from evalkit.fetch.weights import locate
from evalkit.originals.base import Original

VERSION = 1
"""Of the seeded files: raised with every change of what is drawn, so that an older one is not taken for it."""

SEEDED = "seeded weights: proves the code, not the file"


@dataclass(frozen=True)
class Weights:
    """The `file` of a judge, with the folder of the `words` that CLAP's text needs; `why_seeded` is "" for a published
    or named one."""

    judge: str
    file: Path
    words: Path | None
    why_seeded: str

    @property
    def overrides(self) -> dict[str, Path]:
        """What evalkit's own loader is told."""
        return {self.judge: self.file, **({} if self.words is None else {TOKENIZER: self.words})}

    @property
    def digest(self) -> str:
        return remembered_sha256(self.file)


def find(judge: str, original: Original, overrides: Mapping[str, Path]) -> Weights:
    """Where the file is, or is going to be made. Raises UserError where one was named that the original does not read,
    MissingWeights where its tokenizer is not here."""
    file, why = _published(judge, original, overrides)
    if file is None:
        folder = evalkit_home() / "originals" / f"seeded-{VERSION}"
        name = next((name for name in PUBLISHED[judge].files if Path(name).suffix in original.suffixes), judge)
        words = folder / "roberta-base" if has_words(judge) else None
        return Weights(judge, folder / name, words, why)
    return Weights(judge, file, tokenizer_of(file, overrides) if has_words(judge) else None, "")


def make(weights: Weights, told: Callable[[str], None]) -> None:
    """Draw the seeded file where it is not there yet; one that was named or published is left as it is."""
    if not weights.why_seeded or weights.file.is_file():
        return
    with waiting_lock(f"the weights {weights.file}", told):
        if weights.file.is_file():
            return
        told(f"{weights.judge}: drawing weights from a seed into {weights.file}")
        with landing(weights.file) as part:
            _draw(weights, part)


def _published(judge: str, original: Original, overrides: Mapping[str, Path]) -> tuple[Path | None, str]:
    """The file, or None with the reason."""
    home = evalkit_home() / "weights"
    names = [name for name in PUBLISHED[judge].files if Path(name).suffix in original.suffixes]
    here = [home / name for name in names if (home / name).is_file()]
    if here and judge not in overrides:
        return here[0], ""
    try:
        path = locate(judge, overrides)
    except MissingWeights:
        if judge in overrides:
            raise
        return None, "its published file is not here"
    if path.is_file() and path.suffix in original.suffixes:
        return path, ""
    if judge in overrides:
        raise UserError(
            f"--weights {judge}={path}: {original.package} reads files that end in {' or '.join(original.suffixes)}",
            f"name the published file ({' or '.join(names)})",
        )
    return None, f"{path} is here, which {original.package} does not read"


def has_words(judge: str) -> bool:
    """Whether it reads captions too, for which it needs the tokenizer."""
    return judge.startswith("clap")


def _draw(weights: Weights, part: Path) -> None:
    if weights.judge.startswith("openl3"):
        from evalkit.originals.seeded import openl3

        part.write_bytes(openl3.content())
        return
    from evalkit.originals.seeded import torch_files

    if weights.words is None:
        torch_files.write_passt(part)
        return
    torch_files.write_tokenizer(weights.words)
    torch_files.write_clap(part, torch_files.TINY_WITH_FUSION if weights.judge == "clap" else torch_files.BASE)
