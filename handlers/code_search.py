"""The code model's likeliest answers to one request, all different, with their exact probabilities.

Samples come twice, and of what they leave out nothing is known. Here the likeliest answer is written
first, and wherever it might have gone another way, that way is kept; the likeliest of the ways not yet
taken is then followed to its end, and so on (best first, as :mod:`handlers.math_search` does).
"""

import heapq
import math
import time
from dataclasses import dataclass

import numpy as np

from engine.runtime import Forge
from engine.tokenizer import END
from handlers.protocol import Call, Cancelled

MOST_TOKENS = 200
MOST_WRITINGS = 10
"""Answers written to their end."""

ENOUGH = 0.95
"""Once those written have this probability together, no others are sought."""

_LEAST = math.log(0.01)
"""Ways less likely than this are not followed."""

_OTHERS = 3
"""Tokens looked at beside the likeliest."""


@dataclass(frozen=True, slots=True)
class Writing:
    """An answer; ``ended`` unless it was cut. ``logprob`` is that of its tokens, the end included."""

    text: str
    logprob: float
    ended: bool


def writings(forge: Forge, ids: list[int], call: Call) -> list[Writing]:
    """Answers to a prompt, the greedy one first, then as the ways to them are likely.

    Raises:
        Cancelled: nobody wants them any more.
        EngineError: the model cannot be run.
    """
    found: list[Writing] = []
    waiting: list[tuple[float, tuple[int, ...]]] = [(0.0, ())]
    together = 0.0
    with forge.request():
        while waiting and len(found) < MOST_WRITINGS and together < ENOUGH:
            less, tokens = heapq.heappop(waiting)
            if tokens[-1:] == (END,):
                one = Writing(forge.tokenizer.decode(tokens[:-1]), -less, ended=True)
            else:
                one = _to_the_end(forge, ids, tokens, -less, waiting, call)
            found.append(one)
            together += math.exp(one.logprob)
    return found


def _to_the_end(
    forge: Forge,
    ids: list[int],
    begun: tuple[int, ...],
    logprob: float,
    waiting: list[tuple[float, tuple[int, ...]]],
    call: Call,
) -> Writing:
    """The likeliest continuation; other ways that are likely enough are put among those waiting."""
    written, most = list(begun), max(1, min(call.max_tokens, MOST_TOKENS))
    started = time.perf_counter()
    logits = forge.prefill([*ids, *begun])
    prefilled = time.perf_counter()
    call.usage.prefill_s += prefilled - started
    call.usage.prefill_tokens += len(ids) + len(begun) - forge.reused
    ended = False
    while len(written) < most and len(ids) + len(written) < forge.config.context:
        if call.cancelled():
            raise Cancelled("cancelled while the code was being written")
        best = np.argpartition(logits, -_OTHERS - 1)[-_OTHERS - 1 :]
        likely = logits[best].astype(np.float64)
        likely -= float(logits.max()) + math.log(float(np.exp(logits - logits.max()).sum()))
        order = likely.argsort()[::-1]
        for other in order[1:]:
            if logprob + likely[other] > _LEAST:
                way = (*written, int(best[other]))
                heapq.heappush(waiting, (-(logprob + float(likely[other])), way))
        logprob += float(likely[order[0]])
        token = int(best[order[0]])
        if token == END:
            ended = True
            break
        written.append(token)
        logits = forge.step(token)
    call.usage.decode_tokens += len(written) - len(begun)
    call.usage.decode_s += time.perf_counter() - prefilled
    return Writing(forge.tokenizer.decode(written), logprob, ended)
