"""FD-PANNs: how far generated sounds are, as a set, from real ones, by PANNs' Cnn14.

Definition
    A clip is one row, the features before the classes. The generated rows and the reference rows are each summed up by
    a Gaussian (mean, covariance with ddof 1), and the score is the Frechet distance between the two:

        |mu_g - mu_r|^2 + tr S_g + tr S_r - 2 tr (S_g S_r)^(1/2)

Direction and unit
    Lower is better; 0 where the two Gaussians are the same. No unit: values of the 16 kHz and of the 32 kHz network,
    and of toolkits that prepare sound differently, cannot be compared.

Protocol (haoheliu/audioldm_eval at 8dc07ee: datasets/load_mel.py, metrics/fid.py)
    1. the first channel (not the mean of channels), its mean taken off, to 16 kHz (or 32) as torchaudio converts; a
       clip under 32,000 samples gets zeros;
    2. Cnn14, the whole clip in one piece; the 2,048 features after the ReLU;
    3. one row a clip; the distance in float64 from factors of the two covariances. Upstream takes `sqrtm`, which
       differs where rows are fewer than 2,048, as they are for every benchmark in use.
    Steps 1-2 are the embedder's. What stable-audio-tools 0.0.20 calls PANNs feeds the network another scale of mel
    bands and another logarithm than it was trained with: never put such a number beside this one.

Interval
    Delete-a-group jackknife over the clips' sources, at most 25 groups, t quantile; none under 5 sources.
    Cut at 0; none where all is the same.

What it cannot see
    Whether a clip fits its prompt; stereo, but for what the first channel has of it; order within a clip; more of a
    distribution than mean and covariance. Level is heard, as nothing brings clips to one. It falls with the number of
    clips, by about 1/n, and with 2,048 dimensions most of a value at n of a thousand is that: compare equal n only.

Citation
    Kong et al., "PANNs", IEEE/ACM TASLP 2020, arXiv 1912.10211; Heusel et al., arXiv 1706.08500 (Frechet distance as a
    score); Liu et al., "AudioLDM", ICML 2023, arXiv 2301.12503 (this use of the two).
"""

from __future__ import annotations

import math

from evalkit.metrics.base import MetricCard, MetricInputs, MetricResult
from evalkit.metrics.fd_openl3 import FrechetDistance
from evalkit.metrics.panns_rows import features_of

CARD = MetricCard(
    name="fd_panns",
    title="FD-PANNs",
    direction="lower",
    unit="",
    family="panns",
    reference="set",
    text=False,
    citation="Kong et al. 2020, arXiv 1912.10211 (PANNs); Liu et al. 2023, arXiv 2301.12503 (audioldm_eval)",
    blind_to="the prompt, single clips, stereo and order; anything beyond mean and covariance",
    hears={"noise": "up", "low_pass": "up", "gain": "up", "crop": "up", "dropped": "up"},
    deaf_to=("mono", "captions"),
    biased_by_n=True,
    bounds=(0.0, math.inf),
)


class FdPanns:
    """The metric object; `compute` takes rows (1, features + 527) per clip and a set reference of the same."""

    card = CARD

    def compute(self, inputs: MetricInputs) -> MetricResult:
        """Raises UserError without a reference, without clips, or where the rows do not fit it."""
        return FrechetDistance(CARD).compute(features_of(CARD.name, inputs))


METRIC = FdPanns()
