"""A `model_config.json` read entry by entry, and what it may ask for.

An option that this package does not implement may be there with the value that leaves it off, and is refused with
any other; so is an option that is not known at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalkit.core.errors import BadCheckpoint

Block = Mapping[str, Any]

FREE = ("mask_padding_attention", "use_effective_length_for_schedule")
"""Entries of `model.diffusion`, of which either has as many latents made as a sound takes, instead of a window."""

WIDEST, DEEPEST, LEVELS = 65_536, 256, 16
"""More channels in a layer, layers in a row or levels than this is a slip, or an attempt to fill the memory."""

LARGEST = 10**9
"""No number of a config has a greater size."""


class Reader:
    """One config file: where it comes from, and what it may ask for."""

    def __init__(self, source: str) -> None:
        self._source = source

    def refuse(self, what: str) -> BadCheckpoint:
        """The error that says so; the caller raises it."""
        return BadCheckpoint(f"{self._source}: {what}")

    def expect(self, what: str, found: object, known: tuple[object, ...]) -> None:
        """Refuse `found` unless it is one of `known`."""
        if found not in known:
            wanted = " or ".join(repr(item) for item in known)
            raise self.refuse(f"{what} is {found!r}; supported here: {wanted}")

    def only(self, where: str, block: Block, read: set[str], left_off: Block) -> None:
        """Refuse every option of `block` that is neither read nor left off."""
        unknown = sorted(set(block) - read - set(left_off))
        if unknown:
            raise self.refuse(f"{where} asks for {', '.join(unknown)}, which is not supported")
        for name in sorted(set(block) & set(left_off)):
            self.expect(f"{where}.{name}", block[name], (left_off[name],))

    def whole(self, block: Block, name: str, high: int = WIDEST, *, low: int = 1, default: int | None = None) -> int:
        """The whole number `name` of `block`, which may lack it only where there is a default."""
        value = block[name] if default is None else block.get(name, default)
        self._check_whole(name, value, low, high)
        return int(value)

    def wholes(self, block: Block, name: str, high: int = WIDEST, *, low: int = 1) -> tuple[int, ...]:
        """As `whole`, for a list of at most LEVELS numbers."""
        values = block[name]
        if not isinstance(values, list | tuple) or not 1 <= len(values) <= LEVELS:
            raise self.refuse(f"{name} is {values!r}; supported here: a list of 1 to {LEVELS} whole numbers")
        for value in values:
            self._check_whole(name, value, low, high)
        return tuple(values)

    def _check_whole(self, name: str, value: object, low: int, high: int) -> None:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self.refuse(f"{name} is {value!r}; supported here: a whole number from {low} to {high}")

    def real(self, block: Block, name: str, default: float) -> float:
        """The finite number `name` of `block`, or the default. What float32 makes infinity of is none."""
        value = block.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= LARGEST:
            raise self.refuse(f"{name} is {value!r}; supported here: a number of at most {LARGEST:,}")
        return float(value)

    def names(self, block: Block, name: str) -> tuple[str, ...]:
        """The list of different names `name` of `block`; () where it has none. A table or a text would do for one, as
        either can be looked through."""
        values = block.get(name, [])
        listed = isinstance(values, list | tuple) and all(isinstance(value, str) for value in values)
        if not listed or len(set(values)) < len(values):
            raise self.refuse(f"{name} is {values!r}; supported here: a list of names, each once")
        return tuple(values)

    def flag(self, block: Block, name: str, default: bool) -> bool:
        """Whether `name` of `block` is on. A text is neither: "false" is no falsehood to Python."""
        value = block.get(name, default)
        if not isinstance(value, bool):
            raise self.refuse(f"{name} is {value!r}; supported here: true or false")
        return value

    def divides(self, what: str, whole: int, part: int) -> None:
        """Refuse a size that its part does not divide."""
        if whole % part:
            raise self.refuse(f"{what}: {whole} is no multiple of {part}")
