"""What listeners are asked: the five scales of the Stable Audio papers, and that of MUSHRA.

Evans et al. 2024 (arXiv:2402.04825, 2404.10301) report audio quality, text alignment, musicality, stereo correctness
and musical structure, stereo correctness in per cent and so answered by yes or no here. The questions and the words at
the points are evalkit's own and stand on the page. MUSHRA's 0 to 100 with its five words is ITU-R BS.1534-3.
"""

from __future__ import annotations

from evalkit.listening.study import Scale

_FIVE = ("bad", "poor", "fair", "good", "excellent")

SCALES = {
    scale.name: scale
    for scale in (
        Scale(
            "quality",
            "Audio quality",
            "How good does it sound, whatever it is that sounds: how free from noise, distortion and other artefacts?",
            1,
            5,
            _FIVE,
        ),
        Scale("alignment", "Text alignment", "How well does the sound fit the description?", 1, 5, _FIVE),
        Scale("musicality", "Musicality", "How well are melody, harmony and rhythm put together?", 1, 5, _FIVE),
        Scale("stereo", "Stereo correctness", "Is the stereo image right for this sound?", 0, 1, ("no", "yes")),
        Scale(
            "structure",
            "Musical structure",
            "How well is the music built: beginning, development, ending, returning parts?",
            1,
            5,
            _FIVE,
        ),
    )
}
"""By name. Each point of a scale has its word."""

USUAL = ("quality", "alignment")
"""What is asked where nobody says; the musical ones and stereo only where they are named."""

MUSHRA_QUALITY = Scale(
    "quality",
    "Audio quality against the reference",
    "How close does each sound come to the reference in quality? One of them is the reference itself: give it 100.",
    0,
    100,
    _FIVE,
)
"""Its five words name fifths of the range."""

BETTER = {
    "quality": "Which of the two sounds better, whatever it is that sounds?",
    "alignment": "Which of the two fits the description better?",
    "musicality": "Which of the two is better music: melody, harmony, rhythm?",
    "stereo": "Which of the two has the better stereo image for this sound?",
    "structure": "Which of the two is the better built music: beginning, development, ending?",
}
"""The questions where two sounds are compared."""
