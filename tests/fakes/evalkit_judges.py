"""Stand-ins for the published judges: weights drawn from a seed, in the published formats, laid out as on a mirror.

Upstream's digests are pinned, and no other file has them; so a process that is to fetch these runs `python -m
evalkit_judges`, which is evalkit with the stand-ins' digests in the place of upstream's.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

from evalkit.fetch.digests import blob_id
from evalkit.fetch.published import PUBLISHED, Download, Published
from evalkit.fetch.sources import GitSource, HubSource, Repository, Source, place

PINS = "EVALKIT_TEST_PINS"
"""The variable that names the file with the digests."""


def lay_out(mirror: Path, names: tuple[str, ...]) -> dict[str, str]:
    """Write the weights `names` where a mirror has them. Returns {path on the mirror: digest}."""
    from evalkit.core.ids import digest_file
    from evalkit.originals.seeded import openl3, torch_files

    pins = {}
    for name in names:
        published = PUBLISHED[name]
        for source in sources(published):
            path = mirror / place(source)
            path.parent.mkdir(parents=True, exist_ok=True)
            if name.startswith("openl3"):
                openl3.save(path)
            elif name == "passt":
                torch_files.write_passt(path)
            elif path.suffix == ".pt":
                shapes = torch_files.TINY_WITH_FUSION if name == "clap" else torch_files.BASE
                torch_files.write_clap(path, shapes)
            elif not path.exists():
                _write_tokenizer(path.parent)
            pins[str(place(source))] = blob_id(path) if isinstance(source, GitSource) else digest_file(path)
    return pins


def _write_tokenizer(folder: Path) -> None:
    """With tokenizer.json, as roberta-base has it beside its vocabulary."""
    from transformers import RobertaTokenizerFast

    from evalkit.originals.seeded import torch_files

    torch_files.write_tokenizer(folder)
    merges = (folder / "merges.txt").read_text(encoding="utf-8").splitlines()[1:]
    vocabulary = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    RobertaTokenizerFast(vocab=vocabulary, merges=[tuple(line.split(" ")) for line in merges]).save_pretrained(folder)


def sources(published: Published) -> list[Source]:
    """What a fetch of weights asks for, file by file."""
    if published.downloads:
        return [download.source for download in published.downloads]
    first = published.repositories[0]
    return [HubSource(first.hub, first.revision, name) for name in first.names]


def _pinned(published: Published, pins: dict[str, str]) -> Published:
    if published.downloads:
        return replace(published, downloads=tuple(_repinned(each, pins) for each in published.downloads))
    first, *others = published.repositories
    files = tuple(
        (name, pins.get(str(place(HubSource(first.hub, first.revision, name))), digest)) for name, digest in first.files
    )
    return replace(published, repositories=(Repository(first.hub, first.revision, files), *others))


def _repinned(download: Download, pins: dict[str, str]) -> Download:
    source = download.source
    key = "blob" if isinstance(source, GitSource) else "sha256"
    digest = pins.get(str(place(source)))
    return download if digest is None else replace(download, source=replace(source, **{key: digest}))  # type: ignore[arg-type]


def install(pins: dict[str, str]) -> None:
    """From now on these files must have these digests."""
    for name in ("openl3-env", "openl3-music", "passt", "clap", "clap-music", "clap_tokenizer"):
        PUBLISHED[name] = _pinned(PUBLISHED[name], pins)


if __name__ == "__main__":
    from evalkit.cli.main import script

    install(json.loads(Path(os.environ[PINS]).read_text(encoding="utf-8")))
    script()
