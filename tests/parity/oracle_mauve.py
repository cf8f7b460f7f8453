"""mauve-text's own functions beside evalkit's on the same histograms, and whole scores on drawn rows.

    python tests/parity/oracle_mauve.py

in an environment with tests/parity/requirements-mauve.txt, what evalkit needs of numpy and scipy, and this checkout on
PYTHONPATH. Writes golden/mauve.npz (the original's numbers). Some seconds on a core.
"""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent


def main() -> None:
    from mauve.compute_mauve import compute_mauve, get_divergence_curve_for_multinomials
    from sklearn.metrics import auc

    golden: dict[str, np.ndarray] = {}
    for case, (p, q) in histograms().items():
        weights = np.linspace(1e-6, 1 - 1e-6, 25)
        curve = get_divergence_curve_for_multinomials(p, q, weights, 5)
        x, y = curve.T
        one, other = np.argsort(x), np.argsort(y)
        golden[f"area/{case}"] = np.array(0.5 * (auc(x[one], y[one]) + auc(y[other], x[other])))
    for case, (p, q) in sets().items():
        with contextlib.redirect_stdout(io.StringIO()):
            seeds = [compute_mauve(p_features=p, q_features=q, seed=seed).mauve for seed in range(25, 30)]
        golden[f"score/{case}"] = np.array(seeds)
    np.savez_compressed(HERE / "golden" / "mauve.npz", **golden)  # type: ignore[arg-type]
    print({name: each.tolist() for name, each in golden.items()})


def histograms() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Shares of clusters: the same, some in common, none in common, drawn."""
    draw = np.random.default_rng(3)
    drawn = draw.dirichlet(np.ones(40), 2)
    return {
        "same": (np.full(4, 0.25), np.full(4, 0.25)),
        "some": (np.array([0.5, 0.5, 0.0]), np.array([0.0, 0.25, 0.75])),
        "none": (np.array([1.0, 0.0]), np.array([0.0, 1.0])),
        "drawn": (drawn[0], drawn[1]),
    }


def sets() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Rows: of ten clusters far apart, at other shares; and of one normal distribution each."""
    draw = np.random.default_rng(4)
    centres = 20 * np.linalg.qr(draw.normal(0, 1, (16, 16)))[0][:10]
    shares = np.arange(1, 11) / 55
    apart = tuple(
        centres[draw.choice(10, 100, p=each)] + draw.normal(0, 0.01, (100, 16)) for each in (shares, shares[::-1])
    )
    plain = draw.normal(0.0, 1, (400, 16)), draw.normal(0.15, 1, (500, 16))
    return {"apart": apart, "plain": plain}  # type: ignore[dict-item]


if __name__ == "__main__":
    main()
