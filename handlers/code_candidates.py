"""Several answers of the code model to one request, the likeliest first, each a function that parses."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from engine.batching import generate_many
from engine.runtime import Forge
from engine.sampling import GREEDY, Sampling
from handlers.code_program import NotTaken, Program, program
from handlers.code_view import View
from handlers.protocol import Call, Cancelled

ROUND = 8
"""Candidates that are written together."""

MAX_TOKENS = 200
_TEMPERATURE = 0.9
_TOP_P = 0.97


@dataclass(frozen=True, slots=True)
class Candidate:
    """A function, and the log-probability of the tokens that it was made of."""

    made: Program
    logprob: float


class Candidates:
    """What the model writes for a view: its likeliest answer, then rounds of samples.

    Attributes:
        refused: why what was written last could not be given out; "" where all could.
    """

    def __init__(self, forge: Forge, shown: View, call: Call) -> None:
        self._forge = forge
        self._shown = shown
        self._call = call
        self._ids = forge.tokenizer.chat(shown.prompt, task="code")
        self._seen: set[str] = set()
        self._round = 0
        self.refused = ""

    def next_round(self) -> Iterator[Candidate]:
        """New functions, the likeliest first; the first round has one at most.

        Raises:
            Cancelled: nobody wants them any more.
            EngineError: the model cannot be run.
        """
        if self._round == 0:
            samplings = [GREEDY]
        else:
            first = self._round * ROUND
            samplings = [
                Sampling(temperature=_TEMPERATURE, top_p=_TOP_P, seed=first + n)
                for n in range(ROUND)
            ]
        self._round += 1
        call = self._call
        done = generate_many(
            self._forge,
            [self._ids] * len(samplings),
            max_tokens=max(1, min(call.max_tokens, MAX_TOKENS)),
            sampling=samplings,
            cancelled=call.cancelled,
        )
        call.usage.prefill_tokens += sum(one.prompt_tokens - one.reused_tokens for one in done)
        call.usage.prefill_s += sum(one.prefill_s for one in done)
        call.usage.decode_tokens += sum(len(one.ids) for one in done)
        call.usage.decode_s += sum(one.decode_s for one in done)
        if any(one.reason == "cancelled" for one in done):
            raise Cancelled("cancelled while the code was being written")
        for one in sorted(done, key=lambda completion: -completion.logprob):
            if one.reason != "end":
                self.refused = "what was written is too long"
                continue
            try:
                made = program(one.text, self._shown)
            except NotTaken as why:
                self.refused = str(why)
                continue
            if made.code not in self._seen:
                self._seen.add(made.code)
                yield Candidate(made, one.logprob)


def probability(logprob: float, temperature: float) -> float:
    """Of an answer whose tokens have this log-probability together."""
    return math.exp(min(0.0, logprob) / temperature)
