"""Beginnings of prompts whose keys and values are kept, since they will come again."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Prefix:
    """Tokens, and what the backend saved of its cache for them."""

    ids: tuple[int, ...]
    rows: list[npt.NDArray[Any]]

    @property
    def size(self) -> int:
        """Bytes of the rows."""
        return sum(array.nbytes for array in self.rows)


class Prefixes:
    """Prefixes by their tokens, within a number of bytes; the least recently used goes first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: OrderedDict[tuple[int, ...], Prefix] = OrderedDict()

    def longest(self, ids: Sequence[int]) -> Prefix | None:
        """The longest one that `ids` begins with."""
        found = [held for held in self._held if held == tuple(ids[: len(held)])]
        if not found:
            return None
        best = max(found, key=len)
        self._held.move_to_end(best)
        return self._held[best]

    def put(self, prefix: Prefix) -> None:
        """Keep it, and let go what does not fit beside it any more."""
        self._held[prefix.ids] = prefix
        self._held.move_to_end(prefix.ids)
        while sum(held.size for held in self._held.values()) > self._most:
            self._held.popitem(last=False)


def common(first: Sequence[int], second: Sequence[int]) -> int:
    """How many tokens both begin with."""
    for number, (one, other) in enumerate(zip(first, second, strict=False)):
        if one != other:
            return number
    return min(len(first), len(second))
