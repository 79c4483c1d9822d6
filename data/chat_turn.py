"""A kind of turn in a talk, and a talk."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Turn:
    """A kind of turn. Templates are those of :mod:`data.phrasing`; ``rule`` is a regular expression."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    replies: tuple[str, ...]
    rule: str


@dataclass(frozen=True, slots=True)
class Talk:
    """Turns so far, (said, replied), what is said last, and the right reply to it.

    ``kind`` names the last turn, ``rule`` is what any right reply to it fits; ``subjects`` are words
    that a story must have.
    """

    history: tuple[tuple[str, str], ...]
    said: str
    reply: str
    kind: str
    rule: str
    subjects: tuple[str, ...] = ()
