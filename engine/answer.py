"""One answer on its way, from logits to text; who computes the logits is not its matter."""

import codecs
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from engine.errors import BadPrompt
from engine.grammar import Constraint
from engine.runtime import Forge
from engine.sampling import GREEDY, Sampler, Sampling
from engine.tokenizer import END, SYSTEM, USER

Reason = Literal["end", "stop", "length", "cancelled"]


@dataclass(frozen=True, slots=True)
class Completion:
    """A finished answer.

    Attributes:
        text: without the stop string that ended it.
        ids: its tokens, without `<|end|>`.
        reason: end (the model, or the grammar, was finished), stop (a stop string came), length
            (max_tokens, or the context is full), cancelled.
        prompt_tokens: of which `reused_tokens` were in the cache already.
        prefill_s, decode_s: seconds until the first logits, and after them; in a batch, of the
            steps that several sequences shared an equal part.
        logprob: sum of the log-probabilities that the model gave to the chosen tokens, `<|end|>`
            included; under a grammar, still over the whole vocabulary.
        others_s: seconds between its tokens that went to other sequences of its batch.
    """

    text: str
    ids: tuple[int, ...]
    reason: Reason
    prompt_tokens: int
    reused_tokens: int
    prefill_s: float
    decode_s: float
    logprob: float
    others_s: float = 0.0


class Answer:
    """What was asked, and what has come of it so far.

    Attributes:
        prompt: its token ids.
        token: the one chosen last, of which the next logits are wanted.
        reason: why it is over; None while it is not.
    """

    def __init__(
        self,
        forge: Forge,
        prompt: str | Sequence[int],
        *,
        max_tokens: int = 128,
        sampling: Sampling = GREEDY,
        stop: Sequence[str] = (),
        constraint: Constraint | None = None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        """Arguments as for `engine.decoding.stream`; computes nothing.

        Raises:
            BadPrompt: empty, too long for the context, not text, or max_tokens below 1.
        """
        if max_tokens < 1:
            raise BadPrompt(f"max_tokens is {max_tokens}", "give 1 or more")
        self.prompt = prompt_ids(forge, prompt)
        forge.check(self.prompt)
        self.token = END
        self.reason: Reason | None = None
        # The last token needs no place in the cache.
        self._most = min(max_tokens, forge.config.context - len(self.prompt) + 1)
        self._bytes = forge.tokenizer.token_bytes
        self._sampler = Sampler(sampling)
        self._shown = Shown((stop,) if isinstance(stop, str) else tuple(stop))  # not its letters
        self._walk = constraint.start() if constraint else None
        self._cancelled = cancelled
        self._ids: list[int] = []
        self._logprob = 0.0

    def take(self, logits: npt.NDArray[np.float32]) -> str:
        """Choose the next token from `logits` (V,), unless it is cancelled.

        Returns:
            The text that may be shown now, often none.
        """
        if self._cancelled():
            return self._end("cancelled")
        walk = self._walk
        allowed = walk.allowed(self._most - len(self._ids)) if walk else None
        token = self._sampler.pick(logits, self._ids, allowed)
        self._logprob += float(logits[token]) - logsumexp(logits)
        if token == END:
            return self._end("end")
        self.token = token
        self._ids.append(token)
        if walk:
            walk.advance(token)
        text = self._shown.add(self._bytes[token])
        if self._shown.stopped:
            return text + self._end("stop")
        if walk and walk.only_end:
            return text + self._end("end")
        return text + self._end("length") if len(self._ids) == self._most else text

    def completion(
        self, reused: int, prefill_s: float, decode_s: float, others_s: float = 0.0
    ) -> Completion:
        """What came out, with what it took.

        Raises:
            BadPrompt: it is not over.
        """
        if self.reason is None:
            raise BadPrompt("the answer is not finished", "read the stream to its end first")
        return Completion(
            text=self._shown.text,
            ids=tuple(self._ids),
            reason=self.reason,
            prompt_tokens=len(self.prompt),
            reused_tokens=reused,
            prefill_s=prefill_s,
            decode_s=decode_s,
            logprob=self._logprob,
            others_s=others_s,
        )

    def _end(self, reason: Reason) -> str:
        self.reason = reason
        return self._shown.finish()


class Shown:
    """Bytes to text: holds back a character that is cut, and a stop string that has begun."""

    def __init__(self, stop: tuple[str, ...]) -> None:
        self._stop = tuple(text for text in stop if text)
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._held = ""
        self._given: list[str] = []
        self.stopped = False

    @property
    def text(self) -> str:
        """All that was given out."""
        return "".join(self._given)

    def add(self, piece: bytes) -> str:
        """What may be shown now that `piece` has come."""
        self._held += self._decoder.decode(piece)
        found = [place for text in self._stop if (place := self._held.find(text)) >= 0]
        if found:
            self.stopped = True
            ready, self._held = self._held[: min(found)], ""
        else:
            ready, self._held = self._split()
        self._given.append(ready)
        return ready

    def finish(self) -> str:
        """What was held back, at the end."""
        if self.stopped:
            return ""
        rest = self._held + self._decoder.decode(b"", final=True)
        self._held = ""
        self._given.append(rest)
        return rest

    def _split(self) -> tuple[str, str]:
        """The part that begins no stop string, and the rest."""
        longest = max((len(text) for text in self._stop), default=1)
        for start in range(max(0, len(self._held) - longest + 1), len(self._held)):
            if any(text.startswith(self._held[start:]) for text in self._stop):
                return self._held[:start], self._held[start:]
        return self._held, ""


def prompt_ids(forge: Forge, prompt: str | Sequence[int]) -> list[int]:
    """A text in the form of `Tokenizer.chat`; ids as they are.

    Raises:
        BadPrompt: empty, or no well-formed text.
    """
    if not prompt:
        raise BadPrompt("the prompt is empty", "say what is wanted")
    return forge.tokenizer.chat(prompt) if isinstance(prompt, str) else list(prompt)


def system_length(ids: Sequence[int]) -> int:
    """How many of `ids` come before the user's turn, where there is a system prompt; else 0."""
    if SYSTEM in ids and USER in ids:
        return ids.index(USER)
    return 0


def logsumexp(logits: npt.NDArray[np.float32]) -> float:
    """Of `logits` (V,)."""
    top = logits.max()
    return float(top) + math.log(np.exp(logits - top).sum())
