"""How a protocol feeds a network, where an embedder's name says which (`vggish@av-benchmark`)."""

from __future__ import annotations

from dataclasses import fields, replace

from evalkit.audio.preparation import Preparation
from evalkit.protocols.base import Setting, judge_called

_FIELDS = frozenset(field.name for field in fields(Preparation))


def preparation_of(name: str, usual: Preparation) -> Preparation:
    """The preparation that the protocol in an embedder's name states, at the rate of the `usual` one, which is that of
    a name without a protocol."""
    judge = judge_called(name)
    if judge is None:
        return usual
    said = {key: value for key, value in judge.settings.items() if key in _FIELDS}
    return replace(Preparation(usual.rate), **said)  # type: ignore[arg-type]


def further_settings(name: str) -> dict[str, Setting]:
    """What the protocol in an embedder's name says beyond the preparation; nothing of a name without one."""
    judge = judge_called(name)
    return {} if judge is None else {key: each for key, each in judge.settings.items() if key not in _FIELDS}
