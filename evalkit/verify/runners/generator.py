"""What a generator makes of the test prompt in a few steps; on the CPU, as it was recorded there."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from evalkit.generators.base import GENERATORS
from evalkit.verify.answer_files import Case
from evalkit.verify.runners.base import Place, Skip
from evalkit.verify.runners.profile import profile
from evalkit.verify.signals import PROMPT, SECONDS, SEED

_FEW = {"steps": 3}
"""What is set where the model has such an option: enough to go through every part of it."""


class Sounds:
    """A Runner. `digest` stands for everything that decides a sound, as in a run's record."""

    kinds = ("sounds",)

    def __init__(self, place: Place) -> None:
        """Raises MissingWeights or BadCheckpoint."""
        self._model = GENERATORS.load(place.name)(overrides=place.overrides)
        self._model.load("cpu", "float32")
        self.digest = self._model.spec.weights or ""

    def answer(self, case: Case) -> NDArray[Any]:
        """The profile of the sound."""
        if case.input != {"of": "sounds"}:
            raise Skip("it makes sounds alone")
        preset = self._model.spec.presets[self._model.spec.default_preset]
        options = {**preset, **{key: value for key, value in _FEW.items() if key in preset}}
        seconds = min(SECONDS, self._model.spec.max_seconds)
        return profile(self._model.generate([PROMPT], [seconds], [SEED], options).audio)
