"""A kind of turn in a talk."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Turn:
    """A kind of turn. Templates are those of :mod:`data.phrasing`; ``rule`` is a regular expression."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    replies: tuple[str, ...]
    rule: str
