"""A published suite in small: its files as stable-audio-metrics would ship them, seeded, and a manifest about them."""

from __future__ import annotations

import hashlib
import io
import pickle
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

REPO, COMMIT = "some-lab/metrics", "0123456789abcdef0123456789abcdef01234567"
SEED = 20260101
CLIPS = 6
CAPTIONS = 2
GONE = "yt5"
"""The one clip whose recording could not be had."""

_MANIFEST = """
name = "{name}"
title = "Twelve captions of six clips"
version = "1"
protocol = "stable-audio-metrics"
size = "full"
licence = "CC0"
citation = ""
[prompts]
id = "caption_id"
text = "caption"
group = "clip"
seconds = 3
count = {count}
groups = 6
no_reference = ["{gone}"]
[prompts.source]
{prompts}
[metrics.fd_openl3]
weights = "openl3-env"
[metrics.fd_openl3.reference]
form = "mu_sigma"
count = 5
{statistics}
[metrics.kl_passt]
weights = "passt"
[metrics.kl_passt.reference]
form = "passt_probabilities"
count = 10
{probabilities}
[metrics.clap_score]
weights = "clap"
"""


@dataclass
class Published:
    """`files` {path in the repository: content}, and the manifest that pins them."""

    files: dict[str, bytes] = field(default_factory=dict)

    def place(self, path: str) -> str:
        """Where a file lies on a mirror's server."""
        return f"/github/{REPO}/{COMMIT}/{path}"

    def manifest(self, folder: Path, name: str = "twelve", count: int = CLIPS * CAPTIONS) -> Path:
        """Write the manifest of what `files` holds now."""
        pins = {
            key: "\n".join(
                (f'repo = "{REPO}"', f'commit = "{COMMIT}"', f'path = "{path}"', f'blob = "{blob(self.files[path])}"')
            )
            for key, path in (("prompts", "load/t.csv"), ("statistics", "load/t.npz"), ("probabilities", "load/t.pkl"))
        }
        path = folder / f"{name}.toml"
        path.write_text(_MANIFEST.format(name=name, gone=GONE, count=count, **pins))
        return path

    def mirror(self, folder: Path) -> Path:
        """Lay the files out as EVALKIT_MIRROR wants them."""
        for path, content in self.files.items():
            target = folder / self.place(path).lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        return folder


def blob(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def publish(dimensions: int = 1024) -> Published:
    """Prompts, a mean and a covariance, and one row per prompt whose clip could be had."""
    import torch

    draw = np.random.default_rng(SEED)
    ids = [(str(100 + 10 * clip + caption), f"yt{clip}") for clip in range(CLIPS) for caption in range(CAPTIONS)]
    csv = "caption_id,clip,caption\n" + "".join(f"{i},{clip},caption {i} of {clip}\n" for i, clip in ids)
    rows = draw.normal(size=(3 * dimensions, dimensions)).astype(np.float32)
    statistics = io.BytesIO()
    np.savez(statistics, mu_ref=rows.mean(axis=0), sigma_ref=np.cov(rows, rowvar=False))
    odds = np.exp(2 * draw.normal(size=(len(ids), 527)))
    odds = (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)
    table = {int(i): torch.from_numpy(row.copy()) for (i, clip), row in zip(ids, odds, strict=True) if clip != GONE}
    return Published(
        {
            "load/t.csv": csv.encode(),
            "load/t.npz": statistics.getvalue(),
            "load/t.pkl": pickle.dumps(table, protocol=4),
        }
    )
