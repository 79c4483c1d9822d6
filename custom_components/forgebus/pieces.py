"""A text that comes in pieces, of which some may be missing: the final has all of it.

Nothing here knows Home Assistant.
"""

from .contract import Piece


class Pieces:
    """The pieces of one task, in order; what was given out is never taken back."""

    def __init__(self) -> None:
        self._attempt: int | None = None
        self._next = 0
        self._given = ""
        self._broken = False

    def add(self, piece: Piece) -> str:
        """What may be shown now. After a gap, or when another attempt begins anew, nothing until the end."""
        if self._attempt is None:
            self._attempt = piece.attempt
        if self._broken or piece.attempt != self._attempt or piece.seq > self._next:
            self._broken = True
            return ""
        if piece.seq < self._next:
            return ""
        self._next += 1
        self._given += piece.text
        return piece.text

    def finish(self, text: str) -> str:
        """What is still to be shown, now that the whole text is known."""
        if text.startswith(self._given):
            return text[len(self._given) :]
        return f"\n{text}"
