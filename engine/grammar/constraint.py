"""A grammar over a vocabulary: which tokens may come next, and which of them leave time to finish.

Automaton and trie are walked together: from narrow places byte by byte, from wide ones (inside a
string nearly every token may come) a level of the trie at a time.
"""

from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from engine.errors import BadGrammar
from engine.grammar.automaton import Automaton, Grammar, State
from engine.grammar.vocabulary import NO_TOKEN, Vocabulary
from engine.tokenizer import END, Tokenizer

Ids = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.int32]

# Above this many bytes that may come, and children of a node, whole levels are looked at at once.
_WIDE = 24
_MOST_BYTES = 4 << 20
_FAR = 1 << 30


@dataclass(slots=True)
class _Allowed:
    """What may come in one state: sorted ids and the numbers of the states that they lead to.

    Once somebody asked: the most bytes from one of those states to an end, and the tokens from each,
    as far as they are at most `known`; `_FAR` stands for more.
    """

    ids: Ids
    reached: Numbers
    farthest: int | None = None
    costs: Numbers | None = None
    known: int = 0

    @property
    def size(self) -> int:
        costs = 0 if self.costs is None else self.costs.nbytes
        return self.ids.nbytes + self.reached.nbytes + costs + 400


class Constraint:
    """A grammar over a vocabulary; use it for as many answers as you like, from one thread.

    It remembers sets of allowed tokens (4 MiB) and states (2,048, at most about 6 MiB with their
    table): what does not fit is computed again.
    """

    def __init__(self, grammar: Grammar, vocabulary: Vocabulary | Tokenizer) -> None:
        if isinstance(vocabulary, Tokenizer):
            vocabulary = Vocabulary(vocabulary)
        self.vocabulary = vocabulary
        self.automaton = Automaton(grammar)
        self._allowed: OrderedDict[State, _Allowed] = OrderedDict()
        self._size = 0
        self._endings: dict[State, tuple[int, ...]] = {}
        self._forget()

    def start(self) -> "Walk":
        """At the beginning of an answer."""
        return Walk(self)

    @cached_property
    def shortest(self) -> int:
        """How many tokens an answer takes at least, `<|end|>` not counted."""
        return len(self.ending(self.automaton.start))

    def allowed(self, state: State) -> Ids:
        """Sorted ids that may come in `state`; `<|end|>` where the text may be complete."""
        return self._look(state).ids

    def costs(self, state: State, within: int) -> Numbers | None:
        """For each of `allowed(state)` how many tokens finish the answer after it.

        Upper bounds: those of a text with the fewest bytes. What is more than `within` may be told
        as any larger number. None where all are at most `within` because even their bytes are.
        """
        found = self._look(state)
        if found.farthest is None:
            found.farthest = max(self.automaton.distance(end) for _, end in self._ends(found))
        if found.farthest <= within:
            return None
        if found.costs is None or found.known < within:
            # As many tokens of the longest kind would not reach further: no need to look for them.
            reach = within * self.vocabulary.longest
            each = np.full(len(self.automaton.states), _FAR, np.int32)
            for number, end in self._ends(found):
                if self.automaton.distance(end) <= reach:
                    each[number] = len(self.ending(end))
            self._size -= found.size
            found.costs, found.known = each[found.reached], within
            self._size += found.size
        return found.costs

    def ending(self, state: State) -> tuple[int, ...]:
        """Tokens that complete the text: those of a text with the fewest bytes."""
        found = self._endings.get(state)
        if found is None:
            found = self.vocabulary.fewest(self.automaton.ending(state))
            self._endings[state] = found
        return found

    def _ends(self, found: _Allowed) -> list[tuple[int, State]]:
        """Each state that is reached once, with its number."""
        numbers = np.flatnonzero(np.bincount(found.reached)).tolist()
        return [(number, self.automaton.states[number]) for number in numbers]

    def _look(self, state: State) -> _Allowed:
        found = self._allowed.get(state)
        if found is None:
            if self.automaton.crowded:
                self._forget()
            found = self._allowed[state] = self._compute(state)
            self._size += found.size
            while self._size > _MOST_BYTES and len(self._allowed) > 1:
                self._size -= self._allowed.popitem(last=False)[1].size
        else:
            self._allowed.move_to_end(state)
        return found

    def _forget(self) -> None:
        self.automaton.forget()
        self._allowed.clear()
        self._endings.clear()
        self._size = 0
        # Row n, once filled: where each byte leads from state n.
        self._table = np.zeros((0, 256), np.int32)
        self._filled = np.zeros(0, np.bool_)

    def _compute(self, state: State) -> _Allowed:
        number = self.automaton.number(state)
        ids: list[int] = []
        reached: list[int] = []
        if self.automaton.accepting(state):
            ids.append(END)
            reached.append(number)
        many = [*self._descend(number, ids, reached)]
        all_ids = np.concatenate([np.array(ids, np.int64), *(tokens for tokens, _ in many)])
        all_reached = np.concatenate([np.array(reached, np.int32), *(then for _, then in many)])
        order = np.argsort(all_ids)
        return _Allowed(all_ids[order].astype(np.int64), all_reached[order])

    def _descend(
        self, number: int, ids: list[int], reached: list[int]
    ) -> list[tuple[Numbers, Numbers]]:
        """Walk trie and automaton together; narrow places go into `ids` and `reached`."""
        labels, first, token = (
            self.vocabulary.labels,
            self.vocabulary.first,
            self.vocabulary.token,
        )
        many = []
        open_ = [(0, number)]
        while open_:
            node, at = open_.pop()
            low, high = first[node], first[node + 1]
            moves = self.automaton.moves(at)
            width = sum(len(some) for some, _ in moves)
            if min(width, high - low) > _WIDE:
                many += self._levels(node, at)
                continue
            if width < high - low:
                found = [
                    (child, then)
                    for some, then in moves
                    for byte in some
                    if (child := labels.find(byte, low, high)) >= 0
                ]
            else:
                found = [
                    (child, then)
                    for child in range(low, high)
                    for some, then in moves
                    if labels[child] in some
                ]
            open_ += found
            for child, then in found:
                if token[child] != NO_TOKEN:
                    ids.append(token[child])
                    reached.append(then)
        return many

    def _levels(self, node: int, number: int) -> list[tuple[Numbers, Numbers]]:
        """As `_descend` from one node down, all nodes of a level at once."""
        trie = self.vocabulary
        found = []
        nodes, states = np.array([node]), np.array([number])
        while nodes.size:
            self._fill(states)
            low = trie.first_array[nodes]
            count = trie.first_array[nodes + 1] - low
            parents = np.repeat(np.arange(len(nodes)), count)
            # Number each parent's children 0, 1, ... and count from its first.
            ordinal = np.arange(len(parents)) - np.repeat(np.cumsum(count) - count, count)
            children = low[parents] + ordinal
            then = self._table[states[parents], trie.label_array[children]]
            live = then.nonzero()[0]
            nodes, states = children[live], then[live]
            tokens = trie.token_array[nodes]
            ends = tokens != NO_TOKEN
            found.append((tokens[ends], states[ends]))
        return found

    def _fill(self, states: npt.NDArray[np.integer]) -> None:
        """Have rows for these states."""
        most = int(states.max()) + 1
        if most > len(self._table):
            room = max(most, 2 * len(self._table), 64)
            table, filled = np.zeros((room, 256), np.int32), np.zeros(room, np.bool_)
            table[: len(self._table)], filled[: len(self._filled)] = self._table, self._filled
            self._table, self._filled = table, filled
        for number in {*states[~self._filled[states]].tolist()}:
            for some, then in self.automaton.moves(number):
                self._table[number, np.frombuffer(some, np.uint8)] = then
            self._filled[number] = True


class Walk:
    """One answer's way through a constraint.

    Attributes:
        done: `<|end|>` was taken.
    """

    def __init__(self, constraint: Constraint) -> None:
        self._constraint = constraint
        self._state = constraint.automaton.start
        # Tokens that finish the answer from here, kept while they are what holds it to its length.
        self._plan: tuple[int, ...] | None = None
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

    def allowed(self, remaining: int | None = None) -> Ids:
        """Ids that may come next, sorted, never empty before the end.

        Args:
            remaining: how many tokens may still be written, this one included and `<|end|>` not;
                at least 1. Only what can then be finished is allowed. If it could be when the
                answer began (`Constraint.shortest`), and every call counts one less, it ends
                complete. Where it cannot be, the shortest way to an end is all that is allowed.
                None: no matter.
        """
        constraint, state = self._constraint, self._state
        ids = constraint.allowed(state)
        costs = None if remaining is None else constraint.costs(state, remaining - 1)
        if remaining is None or costs is None:
            self._plan = None
            return ids
        least = constraint.automaton.distance(state) / constraint.vocabulary.longest
        if self._plan is None or least < len(self._plan):
            ending = constraint.ending(state)
            if self._plan is None or len(ending) < len(self._plan):
                self._plan = ending
        fits = costs < remaining
        # An ending with fewer bytes may have more tokens than the one already under way.
        fits[np.searchsorted(ids, self._plan[0] if self._plan else END)] = True
        return ids[fits]

    def advance(self, token: int) -> None:
        """Take `token`.

        Raises:
            BadGrammar: it is not allowed here.
        """
        state = self._state
        if token == END and self.complete:
            self.done = True
            return
        piece = self._constraint.vocabulary.token_bytes[token]
        for byte in piece:
            state = self._constraint.automaton.next(state, byte)
        if not state or not piece:
            raise BadGrammar(f"token {token} is not allowed here", "choose one of allowed()")
        self._state = state
        follows = self._plan and self._plan[0] == token
        self._plan = self._plan[1:] if self._plan and follows else None
