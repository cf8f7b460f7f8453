"""A folder of the hub, looked over before transformers and diffusers read it: they take any file for a good one."""

from __future__ import annotations

import zipfile
from pathlib import Path

from evalkit.checkpoints.safetensors_header import read_header
from evalkit.checkpoints.shards import is_index
from evalkit.core.errors import BadCheckpoint, UserError
from evalkit.core.jsonio import parse_json
from evalkit.core.limits import MOST_VALUES
from evalkit.core.memory import growth_limited
from evalkit.core.paths import files_under
from evalkit.core.reading import open_regular, read_regular

MOST_JSON = 64 << 20
"""Bytes of a JSON file, of which a tokenizer's is the largest."""

_MOST_WORDS = 6_000_000
"""Values of a tokenizer's file: Gemma's has 256,000 words, and 580,000 merges, each a list of two."""

_MOST_GROWTH = 200 << 20
_CONFIG = "config.json"
_NAMES = ("tokenizer.json", "vocab.json", "added_tokens.json", "special_tokens_map.json", "model_index.json")
_TORCH = (".bin", ".pt", ".pth", ".ckpt")


def look_over(folder: Path) -> Path:
    """The folder itself. Raises BadCheckpoint, naming the file, where a JSON file that these libraries read is
    too large, too deep or no JSON, a safetensors header is not about its file, or a torch archive is compressed."""
    try:
        for path in files_under(folder):
            if path.name in _NAMES or path.name.endswith(_CONFIG) or is_index(path):
                values = _MOST_WORDS if path.name == "tokenizer.json" else MOST_VALUES
                parse_json(read_regular(path, MOST_JSON), path, values=values)
            elif path.suffix == ".safetensors":
                read_header(path)
            elif path.suffix in _TORCH:
                _refuse_compressed(path)
    except OSError as error:
        raise BadCheckpoint(f"{error.filename or folder}: cannot be read: {error.strerror}") from None
    except BadCheckpoint:
        raise
    except UserError as error:
        raise BadCheckpoint(error.message, error.hint) from None
    return folder


def _refuse_compressed(path: Path) -> None:
    """Two megabytes may unpack to two gigabytes. An older torch file, which is no zip, is as large as what it holds."""
    with open_regular(path) as file, growth_limited(_MOST_GROWTH):
        try:
            members = zipfile.ZipFile(file).infolist() if zipfile.is_zipfile(file) else []
        except (zipfile.BadZipFile, ValueError, MemoryError, NotImplementedError):
            raise BadCheckpoint(f"{path}: not a whole torch checkpoint", "copy or download it again") from None
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise BadCheckpoint(f"{path}: is a compressed archive, which torch never writes", "get it from its publisher")
