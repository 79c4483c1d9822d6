"""A line of a grammar written word by word, each word in the one spelling that the model has learnt.

A grammar over bytes lets "sandpaper" be written as sand-paper, s-and-paper or letter by letter. All
of them are the same line, but each takes a share of the probability, and what begins in an unusual
spelling goes on badly. So a word is offered as a whole, in the tokenizer's own spelling. Spelling a
line word by word gives the same tokens as spelling it whole (a test holds that).
"""

import re
from collections.abc import Iterable
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from engine.grammar import Grammar
from engine.grammar.automaton import Automaton, State
from engine.tokenizer import END, Tokenizer

Ids = npt.NDArray[np.int64]
Word = tuple[tuple[int, ...], State]
"""The tokens of a word that are still to come, and where it ends."""

_WORD = re.compile(r"[^ ;]+|;")


class Lines:
    """All that a grammar has, as words that may follow each other."""

    def __init__(self, grammar: Grammar, texts: Iterable[str], tokenizer: Tokenizer) -> None:
        """``texts`` have all words that the grammar has, each text one or several."""
        self._automaton = Automaton(grammar)
        said = dict.fromkeys(word for text in texts for word in _WORD.findall(text))
        self._words = [
            (spelt.encode(), spell(tokenizer, spelt))
            for word in said
            for spelt in (word, f" {word}")
        ]
        self._followers: dict[State, list[Word]] = {}

    def start(self) -> "Writing":
        """A line of which nothing is written."""
        return Writing(self, self._automaton.start)

    def may_end(self, state: State) -> bool:
        """Whether the line may end here."""
        return self._automaton.accepting(state)

    def after(self, state: State) -> list[Word]:
        """Every word that may follow."""
        found = self._followers.get(state)
        if found is None:
            ends = ((tokens, self._end(state, said)) for said, tokens in self._words)
            found = self._followers[state] = [(tokens, end) for tokens, end in ends if end]
        return found

    def _end(self, state: State, said: bytes) -> State:
        """Where a word leads; the empty set where it may not stand, or only begins another."""
        automaton = self._automaton
        for byte in said:
            state = automaton.next(state, byte)
            if not state:
                return state
        whole = automaton.accepting(state) or any(automaton.next(state, byte) for byte in b" ;")
        return state if whole else frozenset()


class Writing:
    """One line under way: what the words so far leave open."""

    def __init__(self, lines: Lines, start: State) -> None:
        """See :meth:`Lines.start`."""
        self._lines = lines
        self._under_way = list(lines.after(start))
        self._may_end = lines.may_end(start)

    def allowed(self) -> Ids:
        """Ids that may come next: the next tokens of words, and END where the line may end."""
        first = {tokens[0] for tokens, _ in self._under_way}
        return np.array(sorted(first | ({END} if self._may_end else set())), dtype=np.int64)

    @property
    def only_end(self) -> bool:
        """Whether nothing can follow."""
        return not self._under_way

    def advance(self, token: int) -> None:
        """Take one of :meth:`allowed`, not END."""
        further = [(tokens[1:], then) for tokens, then in self._under_way if tokens[0] == token]
        self._under_way, self._may_end = [(t, then) for t, then in further if t], False
        for tokens, then in further:
            if not tokens:
                self._under_way += self._lines.after(then)
                self._may_end |= self._lines.may_end(then)


@lru_cache(maxsize=8192)
def spell(tokenizer: Tokenizer, word: str) -> tuple[int, ...]:
    """The tokens of a word, the space before it included."""
    return tuple(tokenizer.encode(word))
