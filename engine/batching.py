"""Several sequences of one model decoded together: the weights are read once for all of them.

A step of B sequences takes less than B steps of one. Sequences join and leave between steps (continuous
batching, Yu et al. 2022, "Orca"): one that joins has its prompt computed alone, after which it
is part of every step until its answer is over. Each keeps its own sampling, seed, stop strings,
grammar and length, and gives the text that it would give alone, wherever the backend's rows do
not depend on one another (docs/engine.md says where that holds to the bit).

    >>> generate_many(forge, ["Once upon a time", "The fox"], max_tokens=40)
    >>> batch = Batch(forge)
    >>> seats = [batch.join(Answer(forge, text, stop=["."])) for text in texts]
    >>> while batch.step():                    # a token each; one may join here at any time
    ...     for seat in seats: ...             # take() gives the text that has come

"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from engine.answer import Answer, Completion, system_length
from engine.errors import BadPrompt, Busy, OutOfMemory
from engine.grammar import Constraint
from engine.runtime import Floats, Forge
from engine.sampling import GREEDY, Sampling

MOST = 8
"""More sequences than this gain little more: their own products outweigh the reading of weights."""


def generate_many(
    forge: Forge,
    prompts: Sequence[str | Sequence[int]],
    *,
    max_tokens: int = 128,
    sampling: Sampling | Sequence[Sampling] = GREEDY,
    stop: Sequence[str] = (),
    constraint: Constraint | None = None,
    cancelled: Callable[[], bool] = lambda: False,
    most: int = MOST,
) -> list[Completion]:
    """Answers to all of `prompts`, in their order.

    The arguments are those of `engine.decoding.stream`, for every one of them. `sampling` may be
    one for each prompt. `cancelled` ends all answers, with what has come so far. `most` are decoded
    together, and fewer where memory has no room for them.

    Raises:
        BadPrompt: a prompt is empty, too long or no text, there are not as many samplings as
            prompts, or max_tokens or `most` is below 1; nothing has been computed then.
        Busy: `forge` is in the middle of another request.
        EngineError: the model cannot be run.
    """
    each = [sampling] * len(prompts) if isinstance(sampling, Sampling) else list(sampling)
    if len(each) != len(prompts):
        raise BadPrompt(f"{len(each)} samplings for {len(prompts)} prompts", "give one for each")
    waiting = deque(
        Answer(
            forge,
            prompt,
            max_tokens=max_tokens,
            sampling=settings,
            stop=stop,
            constraint=constraint,
            cancelled=cancelled,
        )
        for prompt, settings in zip(prompts, each, strict=True)
    )
    batch, seats = Batch(forge, most), list[Seat]()
    try:
        while waiting or batch.size:
            while waiting and batch.has_room():
                seats.append(batch.join(waiting.popleft()))
                seats[-1].take()
            batch.step()
            for seat in batch.seats():
                seat.take()
    finally:
        batch.close()
    return [seat.completion for seat in seats]


class Batch:
    """The sequences that a model decodes together; the model is held while there are any."""

    def __init__(self, forge: Forge, most: int = MOST) -> None:
        """Of at most `most` sequences at once; it begins without any.

        Raises:
            BadPrompt: `most` is below 1.
        """
        if most < 1:
            raise BadPrompt(f"a batch of {most} sequences", "give 1 or more")
        self._forge = forge
        self._most = most
        self._reserved = 1
        self._seats: list[Seat] = []  # in the order of the caches
        self._spent = 0.0  # seconds in the model and in choosing tokens, all told
        self._held = ExitStack()

    @property
    def size(self) -> int:
        """How many sequences there are now."""
        return len(self._seats)

    def seats(self) -> "tuple[Seat, ...]":
        """Those there are now."""
        return tuple(self._seats)

    def has_room(self) -> bool:
        """Whether one more may join. The memory for it is taken here, or found lacking for good."""
        count = self.size
        if count < self._reserved or count >= self._most:
            return count < self._most
        for wanted in (min(2 * count, self._most), count + 1):
            try:
                self._forge.reserve(wanted)
            except OutOfMemory:
                continue
            self._reserved = wanted
            return True
        self._most = self._reserved
        return False

    def join(self, answer: Answer) -> "Seat":
        """Compute the prompt of `answer`, the others waiting meanwhile; `take` its first token next.

        Raises:
            Busy: there is no room, or the model is in the middle of another request.
            EngineError: the model cannot be run; the others are as they were.
        """
        if not self.has_room():
            raise Busy(f"{self.size} sequences are being decoded", "wait until one is over")
        if not self._seats:
            self._held.enter_context(self._forge.request())
        try:
            return self._seated(answer)
        finally:
            self._rest()

    def step(self) -> int:
        """Compute the next token's logits for every sequence; each must `take` its own before the next.

        Returns:
            How many there were.

        Raises:
            BadPrompt: one has not taken its logits.
            EngineError: the model cannot be run; all are as they were before the step.
        """
        seats = self.seats()
        if any(seat.logits is not None for seat in seats):
            raise BadPrompt("a sequence has logits that it did not take", "call take() on each")
        if not seats:
            return 0
        began = time.perf_counter()
        tokens = [seat.answer.token for seat in seats]
        if len(seats) == 1:
            rows = self._forge.step(tokens[0])[None]
        else:
            rows = self._forge.step_many(tokens)
        took = time.perf_counter() - began
        self.spent(took)
        for seat, row in zip(seats, rows, strict=True):
            seat.logits = row
            seat.decode_s += took / len(seats)
        return len(seats)

    def leave(self, seat: "Seat") -> None:
        """Give up a place; the last sequence moves into it, so that those left lie side by side."""
        if seat not in self._seats:
            return
        place, last = self._seats.index(seat), self._seats.pop()
        if last is not seat:
            self._forge.move(len(self._seats), place)
            self._seats[place] = last
        self._rest()

    def spent(self, seconds: float) -> float:
        """Count `seconds` in the model or in choosing tokens; how many it has been, all told."""
        self._spent += seconds
        return self._spent

    def close(self) -> None:
        """Let all sequences go, finished or not."""
        self._seats.clear()
        self._rest()

    def _seated(self, answer: Answer) -> "Seat":
        forge, slot = self._forge, self.size
        began = time.perf_counter()
        logits = forge.prefill(answer.prompt, keep=system_length(answer.prompt), slot=slot)
        took = time.perf_counter() - began
        seat = Seat(self, answer, logits, forge.reused, took, self.spent(took))
        self._seats.append(seat)
        return seat

    def _rest(self) -> None:
        """Let the model go when nobody needs it."""
        if not self._seats:
            self._held.close()


class Seat:
    """One sequence of a batch; made by `Batch.join`.

    Attributes:
        answer: what is asked; its `reason` says whether it is over.
        logits: what `take` will choose from; None between taking and the next step.
        decode_s: as in `Completion`, so far.
    """

    def __init__(
        self,
        batch: Batch,
        answer: Answer,
        logits: Floats,
        reused: int,
        prefill_s: float,
        spent: float,
    ) -> None:
        self.answer = answer
        self.logits: Floats | None = logits
        self.decode_s = 0.0
        self._batch = batch
        self._reused = reused
        self._prefill_s = prefill_s
        self._joined = self._ended = spent

    def take(self) -> str:
        """Choose the next token; the text that may be shown now, often none.

        The sequence leaves the batch when its answer is over, and when this raises.

        Raises:
            BadPrompt: there are no new logits.
            EngineError: the grammar cannot go on.
        """
        logits, self.logits = self.logits, None
        if logits is None:
            raise BadPrompt("there are no new logits", "call step() first")
        began = time.perf_counter()
        try:
            text = self.answer.take(logits)
        except BaseException:
            self.leave()
            raise
        took = time.perf_counter() - began
        self.decode_s += took
        self._ended = self._batch.spent(took)
        if self.answer.reason:
            self.leave()
        return text

    def leave(self) -> None:
        """Leave the batch, finished or not; the others go on."""
        self._batch.leave(self)

    @property
    def completion(self) -> Completion:
        """What came out.

        Raises:
            BadPrompt: the answer is not over.
        """
        others = self._ended - self._joined - self.decode_s
        return self.answer.completion(self._reused, self._prefill_s, self.decode_s, others)
