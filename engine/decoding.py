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

import time
from collections.abc import Callable, Generator, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from engine.answer import Answer, Completion, logsumexp, prompt_ids, system_length
from engine.errors import BadPrompt
from engine.grammar import Constraint
from engine.runtime import Forge
from engine.sampling import GREEDY, Sampling
from engine.tokenizer import END, label_token


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
        constraint: the answer follows this grammar, and ends complete where `max_tokens` suffices
            for its shortest text; else it is a mere beginning, and `reason` is "length".
        cancelled: asked before every token.

    Raises:
        BadPrompt: empty, too long for the context, not text, or max_tokens below 1.
        Busy (while iterating): `forge` is in the middle of another request.
        EngineError (while iterating): the model cannot be run.
    """
    answer = Answer(
        forge,
        prompt,
        max_tokens=max_tokens,
        sampling=sampling,
        stop=stop,
        constraint=constraint,
        cancelled=cancelled,
    )
    return Stream(forge, answer)


class Stream:
    """Chunks of an answer; no chunk splits a UTF-8 character or shows part of a stop string."""

    def __init__(self, forge: Forge, answer: Answer) -> None:
        self._forge = forge
        self._answer = answer
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
        forge, answer = self._forge, self._answer
        with forge.request():
            started = time.perf_counter()
            logits = forge.prefill(answer.prompt, keep=system_length(answer.prompt))
            reused = forge.reused
            decoding = time.perf_counter()
            while True:
                if chunk := answer.take(logits):
                    yield chunk
                if answer.reason:
                    break
                logits = forge.step(answer.token)
            ended = time.perf_counter()
            self._completion = answer.completion(reused, decoding - started, ended - decoding)


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
    ids = prompt_ids(forge, prompt)
    result = np.empty(len(choices), np.float64)
    with forge.request():
        first = forge.prefill(ids, keep=system_length(ids)).copy()[None]
        for number, encoded in enumerate(forge.tokenizer.encode_many(choices)):
            logits = first
            if encoded:
                logits = np.concatenate([first, forge.extend(encoded, every=True)])
                forge.rewind(len(ids))
            wanted = logits[np.arange(len(logits)), [*encoded, END]]
            result[number] = sum(
                float(value) - logsumexp(row) for value, row in zip(wanted, logits, strict=True)
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
    ids = prompt_ids(forge, prompt)
    with forge.request():
        logits = forge.prefill(ids, keep=system_length(ids))
    chosen = logits[tokens].astype(np.float64)
    weights = np.exp(chosen - chosen.max())
    share: npt.NDArray[np.float64] = weights / weights.sum()
    return share
