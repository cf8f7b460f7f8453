"""FAD: the Frechet audio distance by VGGish, as audioldm_eval takes it.

Definition
    Every 0.96 s of every clip is a row of 128 values. The generated rows and the reference rows are each summed up by a
    Gaussian (mean, covariance with ddof 1), and the score is the Frechet distance between the two:

        |mu_g - mu_r|^2 + tr S_g + tr S_r - 2 tr (S_g S_r)^(1/2)

Direction and unit
    Lower is better; 0 where the two Gaussians are the same. No unit.

Protocol (haoheliu/audioldm_eval at 8dc07ee: datasets/load_mel.py, metrics/fad.py)
    1. the first channel (not the mean of channels), its mean taken off, to 16 kHz as torchaudio converts; a clip under
       2 s gets zeros;
    2. VGGish by torchvggish, its last ReLU removed, no PCA, no quantisation; patches of 96 frames without overlap, the
       rest dropped;
    3. all rows of all clips; the distance in float64 from factors of the two covariances, where upstream takes `sqrtm`.
    Steps 1-2 are the embedder's. FADs differ by toolkit under this one name: torchvggish as it comes keeps the ReLU and
    applies PCA; av-benchmark mixes channels and crops to 8 s; Google's own, as audiocraft runs it, is a TensorFlow
    graph with another preparation. None of them is comparable with this one.

Interval
    Delete-a-group jackknife over the clips' sources, at most 25 groups, t quantile; none under 5 sources.
    Cut at 0; none where all is the same.

What it cannot see
    Whether a clip fits its prompt; how any single clip sounds; stereo, but for what the first channel has of it;
    anything above 7.5 kHz or longer than a second; more of a distribution than mean and covariance. Level is heard, as
    nothing brings clips to one: on its card sounds turned down are as far away as sounds in noise. It falls with the
    number of clips: compare equal n only.

Citation
    Kilgour et al., "Frechet Audio Distance", Interspeech 2019, arXiv 1812.08466; Hershey et al., ICASSP 2017, arXiv
    1609.09430 (VGGish); Liu et al., "AudioLDM", ICML 2023, arXiv 2301.12503 (this use).
"""

from __future__ import annotations

import math

from evalkit.metrics.base import MetricCard
from evalkit.metrics.fd_openl3 import FrechetDistance

CARD = MetricCard(
    name="fad_vggish",
    title="FAD (VGGish)",
    direction="lower",
    unit="",
    family="vggish",
    reference="set",
    text=False,
    citation="Kilgour et al. 2019, arXiv 1812.08466; Hershey et al. 2017, arXiv 1609.09430 (VGGish)",
    blind_to="the prompt, single clips, stereo, what is above 7.5 kHz, and anything beyond mean and covariance",
    hears={
        "noise": "up",
        "low_pass": "up",
        "mp3": "up",
        "gain": "up",
        "crop": "up",
        "dropped": "up",
        "repeated": "up",
    },
    deaf_to=("mono", "captions"),
    biased_by_n=True,
    bounds=(0.0, math.inf),
)

METRIC = FrechetDistance(CARD)
