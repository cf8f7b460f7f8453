"""FAD-CLAP: how far generated sounds are, as a set, from real ones, by the audio tower of LAION's CLAP.

Definition
    Every window of every clip is a row, a unit vector of 512 values. The generated rows and the reference rows are each
    summed up by a Gaussian (mean, covariance with ddof 1), and the score is the Frechet distance between the two:

        |mu_g - mu_r|^2 + tr S_g + tr S_r - 2 tr (S_g S_r)^(1/2)

Direction and unit
    Lower is better; 0 where the two Gaussians are the same. As rows have length 1 it cannot exceed 6; published values
    of good models lie around 0.1 to 0.4. No unit.

Protocol
    Which windows are rows differs by toolkit under this one name, and moves the number, so the judge's name says it:
    clap-music@fadtk: fadtk 1.1.0 (model_loader.py: CLAPLaionModel), its clap-laion-music: 10 s every second to the end,
        tails filled with zeros; torchaudio converts, under a Kaiser window; a 16-bit file in between; rows as float16.
        Before 1.1.0 it was sox that converted, with dither.
    clap@stable-audio-3: the wheel stable-audio-tools 0.0.20 (training/metrics/fad_metrics.py): 10 s without overlap,
        what is left over dropped, a shorter sound whole; peak to -1 dBFS before torchaudio converts. There recordings
        are converted by soxr, here as the generated sounds are.
    All rows of all clips; the distance in float64 from factors of the two covariances, where upstream takes `sqrtm`.
    The checkpoint decides as much: music_audioset_epoch_15_esc_90.14 is "CLAP-MA", 630k-audioset-fusion-best another.

Interval
    Delete-a-group jackknife over the clips' sources, at most 25 groups, t quantile; none under 5 sources.
    Cut at 0; none where all is the same.

What it cannot see
    Whether a clip fits its prompt; how any single clip sounds; stereo; level where the peak is normalised, as
    clap@stable-audio-3 does: clap-music@fadtk hears it; more of a distribution than mean and covariance. It falls
    with the number of clips: compare equal n only. Rows that overlap are not draws of their own.

Citation
    Wu et al., ICASSP 2023, arXiv 2211.06687 (CLAP); Gui et al., "Adapting Frechet Audio Distance for Generative Music
    Evaluation", ICASSP 2024, arXiv 2311.01616 (this use).
"""

from __future__ import annotations

import math

from evalkit.metrics.base import MetricCard
from evalkit.metrics.fd_openl3 import FrechetDistance

CARD = MetricCard(
    name="fad_clap",
    title="FAD-CLAP",
    direction="lower",
    unit="",
    family="clap_windows",
    reference="set",
    text=False,
    citation="Wu et al. 2023, arXiv 2211.06687 (CLAP); Gui et al. 2024, arXiv 2311.01616 (fadtk)",
    blind_to="the prompt, single clips, stereo, and anything beyond mean and covariance",
    hears={"noise": "up", "mp3": "up", "dropped": "up", "repeated": "up"},
    deaf_to=("mono", "captions"),
    biased_by_n=True,
    bounds=(0.0, math.inf),
)

METRIC = FrechetDistance(CARD)
