r"""Constrained decoding: only tokens that some text of the grammar goes on with may be chosen.

A grammar is built from a few combinators, turned into an automaton over bytes (Thompson 1968) and
walked with a trie of the vocabulary's byte strings (as Outlines, Willard & Louf 2023, does with
regular expressions). Sets of states are made while they are needed and remembered, so a step
costs a dictionary look-up once it has been seen.

    >>> answer = sequence(literal('{"brightness": '), integer(0, 100), literal("}"))
    >>> answer.accepts('{"brightness": 42}')
    True
    >>> constraint = Constraint(answer, tokenizer)          # once a grammar and tokenizer
    >>> walk = constraint.start()                           # once an answer
    >>> walk.allowed()                                      # ids for the next token, END when done
    >>> walk.advance(token)
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np
import numpy.typing as npt

from engine.errors import BadGrammar
from engine.tokenizer import END, Tokenizer

Ids = npt.NDArray[np.int64]

_MOST_STATES = 200_000


@dataclass(frozen=True, slots=True)
class Grammar:
    """A set of byte strings, as a tree of combinators; make it with the functions below.

    Attributes:
        kind: bytes | sequence | either | repeat.
        data: what a `bytes` node accepts at this place: one byte of this set.
        parts: the nodes below.
        least, most: how often a `repeat` node's part comes.
    """

    kind: str
    data: frozenset[int] = frozenset()
    parts: tuple["Grammar", ...] = ()
    least: int = 1
    most: int = 1

    def accepts(self, text: str | bytes) -> bool:
        """Whether `text` is in the set."""
        automaton = Automaton(self)
        state = automaton.start
        for byte in _bytes(text):
            state = automaton.next(state, byte)
            if not state:
                return False
        return automaton.accepting(state)


def literal(text: str | bytes) -> Grammar:
    """Exactly `text`."""
    return sequence(*(Grammar("bytes", frozenset([byte])) for byte in _bytes(text)))


def choice(texts: Iterable[str | bytes]) -> Grammar:
    """One of `texts`.

    Raises:
        BadGrammar: there is none.
    """
    members = sorted({_bytes(text) for text in texts})
    if not members:
        raise BadGrammar("a choice has nothing to choose from", "give at least one text")
    return _trie(members)


def integer(low: int, high: int) -> Grammar:
    """A decimal number from `low` to `high`, both included, without leading zeros or plus sign.

    Raises:
        BadGrammar: the range is empty.
    """
    if low > high:
        raise BadGrammar(f"no integer from {low} to {high}", "give the smaller number first")
    options = []
    if low < 0:
        negative = _natural(max(1, -high), -low)
        options.append(sequence(literal("-"), negative))
    if high >= 0:
        options.append(_natural(max(0, low), high))
    return either(*options)


def byte_of(allowed: Iterable[int]) -> Grammar:
    """One byte out of `allowed`.

    Raises:
        BadGrammar: there is none, or one is above 255.
    """
    members = frozenset(allowed)
    if not members or min(members) < 0 or max(members) > 255:
        raise BadGrammar("a byte set is empty or has values outside 0 to 255", "give bytes")
    return Grammar("bytes", members)


def sequence(*parts: Grammar) -> Grammar:
    """All of `parts`, one after another; none is the empty text."""
    return Grammar("sequence", parts=parts)


def either(*parts: Grammar) -> Grammar:
    """One of `parts`.

    Raises:
        BadGrammar: there is none.
    """
    if not parts:
        raise BadGrammar("a choice has nothing to choose from", "give at least one text")
    return Grammar("either", parts=parts)


def optional(part: Grammar) -> Grammar:
    """`part` or nothing."""
    return repeat(part, 0, 1)


def repeat(part: Grammar, least: int, most: int) -> Grammar:
    """`part` from `least` to `most` times.

    Raises:
        BadGrammar: the range is empty or negative.
    """
    if not 0 <= least <= most:
        raise BadGrammar(f"cannot repeat {least} to {most} times", "give 0 <= least <= most")
    return Grammar("repeat", parts=(part,), least=least, most=most)


State = frozenset[int]


class Automaton:
    """The grammar as sets of states over bytes; the empty set is the dead end."""

    def __init__(self, grammar: Grammar) -> None:
        """Build it.

        Raises:
            BadGrammar: more than 200,000 states.
        """
        self._edges: list[tuple[frozenset[int], int] | None] = []
        self._free: list[list[int]] = []
        self._steps: dict[tuple[State, int], State] = {}
        first = self._new()
        self._final = self._add(grammar, first)
        self.start = self._closure([first])

    def next(self, state: State, byte: int) -> State:
        """Where `byte` leads."""
        key = (state, byte)
        found = self._steps.get(key)
        if found is None:
            moved = [edge[1] for n in state if (edge := self._edges[n]) and byte in edge[0]]
            found = self._steps[key] = self._closure(moved)
        return found

    def accepting(self, state: State) -> bool:
        """Whether the text so far is complete."""
        return self._final in state

    def _new(self) -> int:
        if len(self._edges) >= _MOST_STATES:
            raise BadGrammar(f"the grammar has over {_MOST_STATES} states", "repeat less")
        self._edges.append(None)
        self._free.append([])
        return len(self._edges) - 1

    def _add(self, grammar: Grammar, start: int) -> int:
        """Lay `grammar` out from `start`; the state where it ends."""
        match grammar.kind:
            case "bytes":
                here, end = self._new(), self._new()
                self._free[start].append(here)
                self._edges[here] = (grammar.data, end)
                return end
            case "sequence":
                for part in grammar.parts:
                    start = self._add(part, start)
                return start
            case "either":
                end = self._new()
                for part in grammar.parts:
                    self._free[self._add(part, start)].append(end)
                return end
            case _:
                return self._add_repeat(grammar, start)

    def _add_repeat(self, grammar: Grammar, start: int) -> int:
        (part,) = grammar.parts
        for _ in range(grammar.least):
            start = self._add(part, start)
        end = self._new()
        self._free[start].append(end)
        for _ in range(grammar.most - grammar.least):
            start = self._add(part, start)
            self._free[start].append(end)
        return end

    def _closure(self, states: Sequence[int]) -> State:
        reached, open_ = set(states), list(states)
        while open_:
            for state in self._free[open_.pop()]:
                if state not in reached:
                    reached.add(state)
                    open_.append(state)
        # Only these decide what comes next: fewer, and so more often the same, sets.
        return frozenset(n for n in reached if self._edges[n] or n == self._final)


@dataclass(slots=True)
class _Node:
    """Tokens whose bytes end here, and where further bytes lead."""

    ids: list[int] = field(default_factory=list)
    children: dict[int, "_Node"] = field(default_factory=dict)


class Vocabulary:
    """The byte strings of a tokenizer as a trie; share it among constraints."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        """Build it.

        Raises:
            BadGrammar: some byte is no token, so that some text could not be written.
        """
        self.root = _Node()
        for number, piece in enumerate(tokenizer.token_bytes):
            if piece:
                node = self.root
                for byte in piece:
                    node = node.children.setdefault(byte, _Node())
                node.ids.append(number)
        self.token_bytes = tokenizer.token_bytes
        if any(not (n := self.root.children.get(byte)) or not n.ids for byte in range(256)):
            raise BadGrammar("the vocabulary lacks single bytes", "use a byte-level tokenizer")


class Constraint:
    """A grammar over a vocabulary; remembers every set of allowed tokens that it has computed."""

    def __init__(self, grammar: Grammar, vocabulary: Vocabulary | Tokenizer) -> None:
        if isinstance(vocabulary, Tokenizer):
            vocabulary = Vocabulary(vocabulary)
        self.vocabulary = vocabulary
        self.automaton = Automaton(grammar)
        self._allowed: dict[State, Ids] = {}

    def start(self) -> "Walk":
        """At the beginning of an answer."""
        return Walk(self)

    def allowed(self, state: State) -> Ids:
        """Sorted ids that may come in `state`; `<|end|>` where the text may be complete."""
        found = self._allowed.get(state)
        if found is None:
            ids = [END] if self.automaton.accepting(state) else []
            open_ = [(self.vocabulary.root, state)]
            while open_:
                node, reached = open_.pop()
                ids += node.ids
                for byte, child in node.children.items():
                    if then := self.automaton.next(reached, byte):
                        open_.append((child, then))
            found = self._allowed[state] = np.array(sorted(ids), np.int64)
        return found


class Walk:
    """One answer's way through a constraint.

    Attributes:
        done: `<|end|>` was taken.
    """

    def __init__(self, constraint: Constraint) -> None:
        self._constraint = constraint
        self._state = constraint.automaton.start
        self.done = False

    @property
    def complete(self) -> bool:
        """Whether the text so far is one of the grammar."""
        return self._constraint.automaton.accepting(self._state)

    @property
    def only_end(self) -> bool:
        """Whether nothing can follow."""
        allowed = self._constraint.allowed(self._state)
        return len(allowed) == 1 and int(allowed[0]) == END

    def allowed(self) -> Ids:
        """Ids that may come next, never empty before the end."""
        return self._constraint.allowed(self._state)

    def advance(self, token: int) -> None:
        """Take `token`.

        Raises:
            BadGrammar: it is not allowed here.
        """
        state = self._state
        if token == END and self.complete:
            self.done = True
            return
        for byte in self._constraint.vocabulary.token_bytes[token]:
            state = self._constraint.automaton.next(state, byte)
        if not state or not self._constraint.vocabulary.token_bytes[token]:
            raise BadGrammar(f"token {token} is not allowed here", "choose one of allowed()")
        self._state = state


def _bytes(text: str | bytes) -> bytes:
    return text.encode("utf-8") if isinstance(text, str) else text


def _trie(texts: Sequence[bytes]) -> Grammar:
    """`texts`, sorted and different, with their common beginnings shared."""
    first, last = texts[0], texts[-1]  # of a sorted list, these two differ earliest
    shared = 0
    while shared < min(len(first), len(last)) and first[shared] == last[shared]:
        shared += 1
    head = literal(first[:shared])
    if len(texts) == 1:
        return head
    tails = [text[shared:] for text in texts]
    branches = [_trie(list(group)) for _, group in groupby(tails, key=lambda tail: tail[:1])]
    return sequence(head, either(*branches))


_DIGITS = b"0123456789"
_ANY_DIGIT = Grammar("bytes", frozenset(_DIGITS))


def _natural(low: int, high: int) -> Grammar:
    """Decimal numbers from `low` to `high`, not below 0."""
    options = []
    for length in range(len(str(low)), len(str(high)) + 1):
        smallest = 0 if length == 1 else 10 ** (length - 1)
        first, last = max(low, smallest), min(high, 10**length - 1)
        options.append(_same_length(str(first), str(last)))
    return either(*options)


def _same_length(low: str, high: str) -> Grammar:
    """Digit strings from `low` to `high`, all of one length."""
    if not low:
        return sequence()
    rest = len(low) - 1
    if low[0] == high[0]:
        return sequence(literal(low[0]), _same_length(low[1:], high[1:]))
    options = [
        sequence(literal(low[0]), _same_length(low[1:], "9" * rest)),
        sequence(literal(high[0]), _same_length("0" * rest, high[1:])),
    ]
    between = range(ord(low[0]) + 1, ord(high[0]))
    if between:
        options.append(sequence(byte_of(between), repeat(_ANY_DIGIT, rest, rest)))
    return either(*options)
