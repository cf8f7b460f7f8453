"""A list that a notebook shows as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Generic, TypeVar, overload

from evalkit.api.frames import data_frame
from evalkit.api.html import table

if TYPE_CHECKING:
    from evalkit.api.frames import DataFrame

Entry = TypeVar("Entry", covariant=True)


class Listing(Sequence[Entry], Generic[Entry]):
    """Records of one kind, in order; `shown` are the fields that fit into a notebook's table."""

    def __init__(self, entries: Sequence[Entry], shown: Sequence[str]) -> None:
        self._entries, self._shown = tuple(entries), tuple(shown)

    @overload
    def __getitem__(self, place: int) -> Entry: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Entry]: ...
    def __getitem__(self, place: int | slice) -> Entry | Sequence[Entry]:
        return self._entries[place]

    def __len__(self) -> int:
        return len(self._entries)

    def table(self) -> DataFrame:
        """All of it as a pandas table, by name. Raises UserError where pandas is not installed."""
        return data_frame("name", [vars(each) for each in self._entries])

    def __repr__(self) -> str:
        return repr(list(self._entries))

    def _repr_html_(self) -> str:
        return table(self._shown, [[getattr(each, key) for key in self._shown] for each in self._entries])
