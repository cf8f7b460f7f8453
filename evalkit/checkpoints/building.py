"""Making a network of the sizes that a stranger's config states."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from evalkit.core.errors import BadCheckpoint, UserError
from evalkit.core.memory import growth_limited
from evalkit.core.paths import files_under
from evalkit.core.text import one_line

_ROOM = 2 << 30


@contextmanager
def built_from(path: Path) -> Iterator[None]:
    """Around the making of a network, before its tensors are held against those of `path`, a file or a folder.

    Sizes that go together in no network fail anywhere in it, and those of a thousand times the weights would take the
    machine's memory first. Raises BadCheckpoint, naming `path`, for either.
    """
    files = files_under(path) if path.is_dir() else [path]
    try:
        with growth_limited(4 * sum(file.stat().st_size for file in files) + _ROOM):
            yield
    except UserError:
        raise
    except Exception as error:  # torch, transformers and plain arithmetic each raise their own
        reason = one_line(error, 200) or type(error).__name__
        raise BadCheckpoint(f"{path}: no network has the sizes that its config states: {reason}") from error
