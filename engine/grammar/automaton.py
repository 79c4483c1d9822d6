"""A grammar as an automaton over bytes, made state by state while it is walked.

The tree of combinators is laid out once as a graph (Thompson 1968); sets of its states are joined
while they are needed (the subset construction, lazily). A `shared` part is laid out once and entered
from many places: a set then holds, beside each state, the stack of places to return to. A grammar
is a tree without cycles, so stacks are bounded, and everything accepted is a regular language.
"""

import heapq
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from engine.errors import BadGrammar

_MOST_STATES = 50_000
_MOST_KEPT = 2048
_MOST_AT_ONCE = 5000


@dataclass(frozen=True, slots=True, eq=False)
class Grammar:
    """A set of byte strings, as a tree of combinators; made with the functions of `engine.grammar.combinators`.

    Attributes:
        kind: text | bytes | sequence | either | repeat | shared.
        data: what a `text` node is, or the set of bytes of which a `bytes` node accepts one.
        parts: the nodes below.
        least, most: how often a `repeat` node's part comes; most None is any number.
    """

    kind: str
    data: bytes = b""
    parts: tuple["Grammar", ...] = ()
    least: int = 1
    most: int | None = 1

    def accepts(self, text: str | bytes) -> bool:
        """Whether `text` is in the set."""
        automaton = Automaton(self)
        state = automaton.start
        for byte in text.encode("utf-8") if isinstance(text, str) else text:
            state = automaton.next(state, byte)
            if not state:
                return False
        return automaton.accepting(state)


Stack = tuple[int, Any] | None
"""Where to go on after a shared part, innermost first: (state, the stack below)."""

State = frozenset[tuple[int, Stack]]
"""Everything that a text so far may be the beginning of; the empty set is the dead end."""

Moves = tuple[tuple[bytes, int], ...]
"""(a set of bytes, the number of the state that they lead to): disjoint, the dead end left out."""


class Automaton:
    """The grammar as states over bytes.

    A state has a number while it is kept: 0 is the dead end. `forget` bounds what is kept; states
    themselves stay valid, their numbers do not.
    """

    def __init__(self, grammar: Grammar) -> None:
        """Lay it out.

        Raises:
            BadGrammar: more than 50,000 states, or nested beyond Python's stack.
        """
        # Edges out of each state: (bytes, to), (None, to) freely, (a shared part's number, to).
        self._out: list[list[tuple[bytes | int | None, int]]] = []
        self._shared: dict[int, int] = {}
        self._parts: list[tuple[int, int]] = []  # (first state, last state) of each shared part
        first = self._new()
        try:
            self._final = self._add(grammar, first)
        except RecursionError as fault:
            raise BadGrammar("the grammar nests too deep", "nest less") from fault
        self._lasts = {last for _, last in self._parts}
        self._masks: dict[bytes, int] = {}
        self.start = self._closure([(first, None)])
        self.forget()

    def forget(self) -> None:
        """Drop all numbers and what is known by them."""
        self.states: list[State] = [frozenset()]
        self._numbers: dict[State, int] = {frozenset(): 0}
        self._moves: list[Moves | None] = [()]

    @property
    def crowded(self) -> bool:
        """Whether it is time to forget."""
        return len(self.states) > _MOST_KEPT

    def number(self, state: State) -> int:
        """The number of `state`, given now if it has none."""
        found = self._numbers.get(state)
        if found is None:
            found = self._numbers[state] = len(self.states)
            self.states.append(state)
            self._moves.append(None)
        return found

    def moves(self, number: int) -> Moves:
        """What may follow the state of this number."""
        found = self._moves[number]
        if found is None:
            found = self._moves[number] = self._joined(self.states[number])
        return found

    def next(self, state: State, byte: int) -> State:
        """Where `byte` leads."""
        for some, then in self.moves(self.number(state)):
            if byte in some:
                return self.states[then]
        return self.states[0]

    def accepting(self, state: State) -> bool:
        """Whether the text so far is complete."""
        return (self._final, None) in state

    def distance(self, state: State) -> int:
        """The fewest bytes that complete the text."""
        return min(self._left(*place) for place in state)

    def ending(self, state: State) -> bytes:
        """A shortest text that completes it; of several always the same."""
        # The frames make the choice the same for equal sets, whatever their order in memory.
        place, stack = min(state, key=lambda it: (self._left(*it), it[0], _frames(it[1])))
        text = bytearray()
        while True:
            edge = self._ways[place][1]
            if edge is None:
                if stack is None:
                    return bytes(text)
                place, stack = stack
                continue
            what, place = edge
            if isinstance(what, bytes):
                text.append(what[0])
            elif what is not None:
                place, stack = self._parts[what][0], (place, stack)

    @cached_property
    def _ways(self) -> list[tuple[int, tuple[bytes | int | None, int] | None]]:
        """For each state: bytes to the end of its part by the shortest way, and that way's edge."""
        back: list[list[tuple[int, bytes | int | None]]] = [[] for _ in self._out]
        for place, edges in enumerate(self._out):
            for what, to in edges:
                back[to].append((place, what))
        ways: list[tuple[int, tuple[bytes | int | None, int] | None]] = [(-1, None)] * len(back)
        # A part is numbered after all that it enters (see `_enter`); the whole comes last.
        for last in [*(last for _, last in self._parts), self._final]:
            ways[last] = (0, None)
            open_ = [(0, last)]
            while open_:
                far, place = heapq.heappop(open_)
                if far > ways[place][0]:
                    continue
                for before, what in back[place]:
                    match what:
                        case int():
                            length = far + ways[self._parts[what][0]][0]
                        case None:
                            length = far
                        case _:
                            length = far + 1
                    if ways[before][0] < 0 or length < ways[before][0]:
                        ways[before] = (length, (what, place))
                        heapq.heappush(open_, (length, before))
        return ways

    def _left(self, place: int, stack: Stack) -> int:
        left = self._ways[place][0]
        while stack is not None:
            left += self._ways[stack[0]][0]
            stack = stack[1]
        return left

    def _joined(self, state: State) -> Moves:
        """The edges out of a set of states as disjoint sets of bytes."""
        edges = [
            (what, (to, stack))
            for place, stack in state
            for what, to in self._out[place]
            if isinstance(what, bytes)
        ]
        seen = 0
        for some, _ in edges:
            mask = self._mask(some)
            if seen & mask:
                return self._split(edges)
            seen |= mask
        return tuple((some, self.number(self._closure([to]))) for some, to in edges)

    def _split(self, edges: list[tuple[bytes, tuple[int, Stack]]]) -> Moves:
        """`_joined` where a byte has several ways."""
        by_byte: dict[int, list[tuple[int, Stack]]] = {}
        for some, to in edges:
            for byte in some:
                by_byte.setdefault(byte, []).append(to)
        by_target: dict[frozenset[tuple[int, Stack]], list[int]] = {}
        for byte, targets in by_byte.items():
            by_target.setdefault(frozenset(targets), []).append(byte)
        return tuple(
            (bytes(sorted(some)), self.number(self._closure(targets)))
            for targets, some in by_target.items()
        )

    def _mask(self, some: bytes) -> int:
        found = self._masks.get(some)
        if found is None:
            found = self._masks[some] = sum(1 << byte for byte in some)
        return found

    def _closure(self, places: Iterable[tuple[int, Stack]]) -> State:
        reached = set(places)
        open_ = list(reached)
        kept = []
        while open_:
            at = open_.pop()
            place, stack = at
            after: list[tuple[int, Stack]] = []
            decides = False
            for what, to in self._out[place]:
                if isinstance(what, bytes):
                    decides = True
                elif what is None:
                    after.append((to, stack))
                else:
                    after.append((self._parts[what][0], (to, stack)))
            if stack is not None and place in self._lasts:
                after.append(stack)
            # Only these decide what comes next: fewer, and so more often the same, sets.
            if decides or (place == self._final and stack is None):
                kept.append(at)
            for then in after:
                if then not in reached:
                    reached.add(then)
                    open_.append(then)
            if len(reached) > _MOST_AT_ONCE:
                raise BadGrammar(
                    f"a text can be read in over {_MOST_AT_ONCE} ways at once",
                    "give fewer choices that begin alike",
                )
        return frozenset(kept)

    def _new(self) -> int:
        if len(self._out) >= _MOST_STATES:
            raise BadGrammar(
                f"the grammar has over {_MOST_STATES} states", "repeat less, or give fewer choices"
            )
        self._out.append([])
        return len(self._out) - 1

    def _add(self, grammar: Grammar, start: int) -> int:
        """Lay `grammar` out from `start`; the state where it ends."""
        match grammar.kind:
            case "text":
                for byte in grammar.data:
                    start = self._edge(start, _BYTES[byte])
                return start
            case "bytes":
                return self._edge(start, grammar.data)
            case "sequence":
                for part in grammar.parts:
                    start = self._add(part, start)
                return start
            case "either":
                end = self._new()
                for part in grammar.parts:
                    self._out[self._add(part, start)].append((None, end))
                return end
            case "shared":
                return self._edge(start, self._enter(grammar))
            case _:
                return self._add_repeat(grammar, start)

    def _edge(self, start: int, what: bytes | int | None) -> int:
        end = self._new()
        self._out[start].append((what, end))
        return end

    def _enter(self, grammar: Grammar) -> int:
        """The number of a shared part, laid out when it is met first."""
        found = self._shared.get(id(grammar))
        if found is None:
            first = self._new()
            (part,) = grammar.parts
            last = self._edge(self._add(part, first), None)
            found = self._shared[id(grammar)] = len(self._parts)
            self._parts.append((first, last))
        return found

    def _add_repeat(self, grammar: Grammar, start: int) -> int:
        (part,) = grammar.parts
        for _ in range(grammar.least):
            start = self._add(part, start)
        if grammar.most is None:
            # A state of its own: what else begins at `start` must not be begun again.
            hub = self._edge(start, None)
            self._out[self._add(part, hub)].append((None, hub))
            return self._edge(hub, None)
        end = self._edge(start, None)
        for _ in range(grammar.most - grammar.least):
            start = self._add(part, start)
            self._out[start].append((None, end))
        return end


_BYTES = tuple(bytes([byte]) for byte in range(256))


def _frames(stack: Stack) -> tuple[int, ...]:
    frames = []
    while stack is not None:
        frames.append(stack[0])
        stack = stack[1]
    return tuple(frames)
