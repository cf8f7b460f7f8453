"""Where a page has its sounds and pictures: within itself, or in a folder beside it.

The folder of `report.html` is `report-audio`. A file there is called by the sha256 of what it holds, so no name comes
from a prompt, a run or a path, equal sounds are one file, and a page that is made again finds what it needs. Files lie
there before the page that names them is put in its place; afterwards those that it does not name are removed, where
they are the page's own, that is, where their name is the digest of what they hold.
"""

from __future__ import annotations

import base64
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from evalkit.core.errors import UserError
from evalkit.core.files import write_bytes
from evalkit.core.ids import digest_bytes, digest_file

ENDINGS = {"audio/webm": "webm", "image/png": "png"}
_OURS = re.compile(rf"([0-9a-f]{{64}})\.(?:{'|'.join(ENDINGS.values())})")


class Shelf(Protocol):
    @property
    def told(self) -> str:
        """A sentence for the reader on where sounds and pictures are, "" where they are in the page."""

    @property
    def sources(self) -> str:
        """Where the page may take them from, as its content security policy says it."""

    def put(self, media: str, data: bytes) -> str:
        """Keep `data` of the type `media`, one of `ENDINGS`; the address by which the page has it."""


class Within:
    """In the page itself, as data: addresses."""

    told = ""
    sources = "data:"

    def put(self, media: str, data: bytes) -> str:
        return f"data:{media};base64,{base64.b64encode(data).decode('ascii')}"


WITHIN = Within()


class Beside:
    """In the folder beside a page. Raises UserError where something else than a folder is there: a link in a run folder
    may be anybody's, and leads anywhere."""

    sources = "'self' file:"

    def __init__(self, page: Path) -> None:
        self.folder = folder_of(page)
        if self.folder.is_symlink() or (self.folder.exists() and not self.folder.is_dir()):
            raise UserError(f"{self.folder} is not a folder", "move it away, or write the page elsewhere with --out")
        self._names: set[str] = set()

    def put(self, media: str, data: bytes) -> str:
        name = f"{digest_bytes(data)}.{ENDINGS[media]}"
        if name not in self._names and not _holds(self.folder / name):
            write_bytes(self.folder / name, data)
        self._names.add(name)
        return f"{quote(os.fsencode(self.folder.name))}/{name}"

    @property
    def told(self) -> str:
        name = os.fsencode(self.folder.name).decode("utf-8", "replace")
        return f"Sounds and pictures are in the folder {name} beside this page: pass both on together."

    @property
    def names(self) -> frozenset[str]:
        """The files that the page names."""
        return frozenset(self._names)


def folder_of(page: Path) -> Path:
    """`report-audio` beside `report.html`."""
    return page.with_name(page.name.removesuffix(".html") + "-audio")


def clear(page: Path, kept: frozenset[str] = frozenset()) -> None:
    """Remove what a page had beside it and no longer names, and the folder where nothing is left. What a person put
    there stays, and so does all of a folder that is a link, or that the disk refuses."""
    folder = folder_of(page)
    if folder.is_symlink() or not folder.is_dir():
        return
    with suppress(OSError):
        for path in sorted(folder.iterdir()):
            if path.name not in kept and _holds(path):
                path.unlink()
        if not any(folder.iterdir()):
            folder.rmdir()


def _holds(path: Path) -> bool:
    """Is it a file that holds what its name says?"""
    named = _OURS.fullmatch(path.name)
    if named is None or path.is_symlink():
        return False
    try:
        return digest_file(path) == named.group(1)
    except OSError:
        return False
