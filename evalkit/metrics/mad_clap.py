"""MAD-CLAP: how far generated sounds are, as a set, from real ones, by MAUVE's divergence of CLAP's rows.

Definition, direction, protocol, interval
    As MAD-OpenL3 (`evalkit metrics mad_openl3`), of the rows that the CLAP score is computed from: one unit vector a
    clip. -ln MAUVE, nats, lower is better.

What it cannot see
    Whether a clip fits its prompt; how any single clip sounds; stereo; level; where in a cluster a clip lies, and how
    far apart clusters are. With few clips there are few clusters.

Citation
    Pillutla et al., "MAUVE", NeurIPS 2021, arXiv 2102.01454; Huang et al., arXiv 2503.16669 (MAD); Wu et al., ICASSP
    2023, arXiv 2211.06687 (CLAP).
"""

from __future__ import annotations

from dataclasses import replace

from evalkit.metrics import mad_openl3

CARD = replace(
    mad_openl3.CARD,
    name="mad_clap",
    title="MAD-CLAP",
    family="clap",
    citation="Pillutla et al. 2021, arXiv 2102.01454 (MAUVE); Wu et al. 2023, arXiv 2211.06687 (CLAP)",
    blind_to="the prompt, single clips, stereo, level, and how far apart clusters are",
    hears={"dropped": "up", "repeated": "up"},
    deaf_to=("gain", "mono", "captions"),
)

METRIC = mad_openl3.MauveDivergence(CARD)
