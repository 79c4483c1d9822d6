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
_WORD = re.compile(r"[^ ;]+|;")


class Writing:
    """One line under way: of all that the grammar has, what the words so far leave open."""

    def __init__(self, grammar: Grammar, texts: Iterable[str], tokenizer: Tokenizer) -> None:
        """``texts`` have all words that the grammar has, each text one or several."""
        self._automaton = Automaton(grammar)
        said = dict.fromkeys(word for text in texts for word in _WORD.findall(text))
        self._words = [
            (spelt.encode(), spell(tokenizer, spelt))
            for word in said
            for spelt in (word, f" {word}")
        ]
        self._under_way: list[tuple[tuple[int, ...], State]] = []
        self._begin(self._automaton.start)

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
                self._begin(then)

    def _begin(self, state: State) -> None:
        """Let every word follow that the grammar has after this state."""
        for said, tokens in self._words:
            then = state
            for byte in said:
                then = self._automaton.next(then, byte)
                if not then:
                    break
            else:
                if self._ends_word(then):
                    self._under_way.append((tokens, then))
        self._may_end = self._automaton.accepting(state)

    def _ends_word(self, state: State) -> bool:
        """Whether a word ends here, and not only what another word begins with."""
        automaton = self._automaton
        return automaton.accepting(state) or any(automaton.next(state, byte) for byte in b" ;")


@lru_cache(maxsize=8192)
def spell(tokenizer: Tokenizer, word: str) -> tuple[int, ...]:
    """The tokens of a word, the space before it included."""
    return tuple(tokenizer.encode(word))
