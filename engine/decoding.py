"""Answers from a loaded model: text (streamed), log-probabilities of given answers, a class.

A prompt is a text, put into the form of `Tokenizer.chat`, or token ids ready for the model: a system
prompt or a task token comes in as `forge.tokenizer.chat(text, system=..., task=...)`. The cache of
a system prompt is kept for the next request with the same one.

    >>> forge = Forge.load("models/text")
    >>> prompt = forge.tokenizer.chat("Once upon a time", task="text")
    >>> answer = stream(forge, prompt, max_tokens=64)
    >>> for chunk in answer:
    ...     print(chunk, end="")
    >>> answer.completion.reason, answer.completion.decode_s
    >>> classify(forge, "play some jazz", labels=[0, 1, 2])
    >>> score(forge, "is the light on?", ["yes", "no"])
"""

import codecs
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from engine.errors import BadPrompt
from engine.grammar import Constraint
from engine.runtime import Forge
from engine.sampling import GREEDY, Sampler, Sampling
from engine.tokenizer import END, SYSTEM, USER, label_token

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
        prefill_s, decode_s: seconds until the first logits, and after them.
        logprob: sum of the log-probabilities that the model gave to the chosen tokens, `<|end|>`
            included; under a grammar, still over the whole vocabulary.
    """

    text: str
    ids: tuple[int, ...]
    reason: Reason
    prompt_tokens: int
    reused_tokens: int
    prefill_s: float
    decode_s: float
    logprob: float


def generate(
    forge: Forge,
    prompt: str | Sequence[int],
    *,
    max_tokens: int = 128,
    sampling: Sampling = GREEDY,
    stop: Sequence[str] = (),
    constraint: Constraint | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Completion:
    """The whole answer at once; arguments and errors as for `stream`."""
    answer = stream(
        forge,
        prompt,
        max_tokens=max_tokens,
        sampling=sampling,
        stop=stop,
        constraint=constraint,
        cancelled=cancelled,
    )
    for _ in answer:
        pass
    return answer.completion


def stream(
    forge: Forge,
    prompt: str | Sequence[int],
    *,
    max_tokens: int = 128,
    sampling: Sampling = GREEDY,
    stop: Sequence[str] = (),
    constraint: Constraint | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> "Stream":
    """An answer as an iterator of text chunks.

    Args:
        forge: held from the first chunk until the stream ends or is closed.
        prompt: text, or token ids ready for the model.
        max_tokens: at least 1; the room left in the context ends an answer too.
        sampling: how tokens are chosen.
        stop: strings that end the answer and are not part of it.
        constraint: the answer follows this grammar. A text cut by `max_tokens` may be a mere
            beginning of one; `reason` is then "length".
        cancelled: asked before every token.

    Raises (while iterating):
        BadPrompt: empty, too long for the context, not text, or max_tokens below 1.
        Busy: `forge` is in the middle of another request.
        EngineError: the model cannot be run.
    """
    if max_tokens < 1:
        raise BadPrompt(f"max_tokens is {max_tokens}", "give 1 or more")
    ids = _ids(forge, prompt)
    return Stream(forge, ids, max_tokens, sampling, tuple(stop), constraint, cancelled)


class Stream:
    """Chunks of an answer; no chunk splits a UTF-8 character or shows part of a stop string."""

    def __init__(
        self,
        forge: Forge,
        ids: list[int],
        max_tokens: int,
        sampling: Sampling,
        stop: tuple[str, ...],
        constraint: Constraint | None,
        cancelled: Callable[[], bool],
    ) -> None:
        self._forge = forge
        self._prompt = ids
        self._max_tokens = max_tokens
        self._sampler = Sampler(sampling)
        self._stop = stop
        self._walk = constraint.start() if constraint else None
        self._cancelled = cancelled
        self._ids: list[int] = []
        self._logprob = 0.0
        self._reason: Reason = "length"
        self._completion: Completion | None = None
        self._chunks = self._run()

    def __iter__(self) -> Iterator[str]:
        return self._chunks

    def close(self) -> None:
        """Let the model go before the end; `completion` then holds nothing."""
        self._chunks.close()

    @property
    def completion(self) -> Completion:
        """What came out.

        Raises:
            BadPrompt: the stream was not read to its end.
        """
        if self._completion is None:
            raise BadPrompt("the answer is not finished", "read the stream to its end first")
        return self._completion

    def _run(self) -> Generator[str, None, None]:
        forge, prompt = self._forge, self._prompt
        with forge.request():
            started = time.perf_counter()
            logits = forge.prefill(prompt, keep=_system_length(prompt))
            reused = forge.reused
            decoding = time.perf_counter()
            shown = _Shown(self._stop)
            for token in self._tokens(logits):
                if chunk := shown.add(forge.tokenizer.token_bytes[token]):
                    yield chunk
                if shown.stopped:
                    self._reason = "stop"
                    break
            if chunk := shown.finish():
                yield chunk
            self._completion = Completion(
                text=shown.text,
                ids=tuple(self._ids),
                reason=self._reason,
                prompt_tokens=len(prompt),
                reused_tokens=reused,
                prefill_s=decoding - started,
                decode_s=time.perf_counter() - decoding,
                logprob=self._logprob,
            )

    def _tokens(self, logits: npt.NDArray[np.float32]) -> Iterator[int]:
        forge, walk = self._forge, self._walk
        while True:
            if self._cancelled():
                self._reason = "cancelled"
                return
            allowed = walk.allowed() if walk else None
            token = self._sampler.pick(logits, self._ids, allowed)
            self._logprob += float(logits[token]) - _logsumexp(logits)
            if token == END:
                self._reason = "end"
                return
            self._ids.append(token)
            if walk:
                walk.advance(token)
            yield token
            if walk and walk.only_end:
                self._reason = "end"
                return
            if len(self._ids) == self._max_tokens or forge.length == forge.config.context:
                return
            logits = forge.step(token)


def score(
    forge: Forge,
    prompt: str | Sequence[int],
    choices: Sequence[str],
) -> npt.NDArray[np.float64]:
    """Log-probability of each of `choices` as the whole answer to `prompt`.

    The prompt is computed once. `np.exp(s - np.logaddexp.reduce(s))` makes a distribution over
    the closed set of the result `s`.

    Returns:
        (len(choices),) sums over the tokens of the choice and its `<|end|>`.

    Raises:
        BadPrompt: no choices, or prompt and choice exceed the context.
        Busy: `forge` is in the middle of another request.
    """
    if not choices:
        raise BadPrompt("there is nothing to score", "give at least one choice")
    ids = _ids(forge, prompt)
    result = np.empty(len(choices), np.float64)
    with forge.request():
        first = forge.prefill(ids, keep=_system_length(ids)).copy()[None]
        for number, encoded in enumerate(forge.tokenizer.encode_many(choices)):
            logits = first
            if encoded:
                logits = np.concatenate([first, forge.extend(encoded, every=True)])
                forge.rewind(len(ids))
            wanted = logits[np.arange(len(logits)), [*encoded, END]]
            result[number] = sum(
                float(value) - _logsumexp(row) for value, row in zip(wanted, logits, strict=True)
            )
    return result


def classify(
    forge: Forge,
    prompt: str | Sequence[int],
    labels: Sequence[int],
) -> npt.NDArray[np.float64]:
    """Probability of each of `labels` (numbers 0 to 255), from one prefill.

    Returns:
        (len(labels),) softmax over their label tokens.

    Raises:
        BadPrompt: no labels, one out of range, or the prompt exceeds the context.
        Busy: `forge` is in the middle of another request.
    """
    if not labels:
        raise BadPrompt("there are no labels", "give at least one")
    tokens = [label_token(number) for number in labels]
    ids = _ids(forge, prompt)
    with forge.request():
        logits = forge.prefill(ids, keep=_system_length(ids))
    chosen = logits[tokens].astype(np.float64)
    weights = np.exp(chosen - chosen.max())
    share: npt.NDArray[np.float64] = weights / weights.sum()
    return share


class _Shown:
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


def _ids(forge: Forge, prompt: str | Sequence[int]) -> list[int]:
    return forge.tokenizer.chat(prompt) if isinstance(prompt, str) else list(prompt)


def _system_length(ids: Sequence[int]) -> int:
    """How many of `ids` come before the user's turn, where there is a system prompt; else 0."""
    if SYSTEM in ids and USER in ids:
        return ids.index(USER)
    return 0


def _logsumexp(logits: npt.NDArray[np.float32]) -> float:
    top = float(logits.max())
    return top + float(np.log(np.exp(logits - top).sum(dtype=np.float64)))
