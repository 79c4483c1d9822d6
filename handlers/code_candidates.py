"""Several answers of the code model to one request, the likeliest first, each a function that parses."""

import ast
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from engine.batching import generate_many
from engine.runtime import Forge
from engine.sampling import GREEDY, Sampling
from handlers.code_agreement import alike
from handlers.code_alike import canonical
from handlers.code_doubt import Words
from handlers.code_program import NotTaken, Program, program
from handlers.code_search import MOST_TOKENS, Writing, writings
from handlers.code_view import View
from handlers.protocol import Call, Cancelled

ROUND = 8
"""Candidates that are written together."""

_TEMPERATURE = 0.9
_TOP_P = 0.97
_UNSURE = 0.85
_ENOUGH = 0.7
_WORTH = 0.02
"""Functions run side by side, which takes longer than to write them, only where it may decide something: the
likeliest has less than the first, could come to the second, and of the others those run that have the third."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A function, the lines that it was made of, and their log-probability."""

    made: Program
    lines: str
    logprob: float


class Candidates:
    """What the model writes for a view: rounds of samples, or what its likeliest answers mean.

    Attributes:
        prompt: what the model reads.
        refused: why what was written last could not be given out; "" where all could.
    """

    def __init__(self, forge: Forge, shown: View, call: Call) -> None:
        self._forge = forge
        self._shown = shown
        self._call = call
        self._ids = forge.tokenizer.chat(shown.prompt, task="code")
        self._seen: set[str] = set()
        self._round = 0
        self.prompt = shown.prompt
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
            max_tokens=max(1, min(call.max_tokens, MOST_TOKENS)),
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
                yield Candidate(made, _body(one.text), one.logprob)

    def meanings(self, words: Words | None) -> list[Candidate]:
        """Functions that do different things, the likeliest first, as far as that could be found out.

        Each is the likeliest spelling of what it does, with the log-probability of all the spellings
        that were found, and with what the request's words say against it (`words`).

        Raises:
            Cancelled: nobody wants them any more.
            EngineError: the model cannot be run.
        """
        most_first = sorted(
            writings(self._forge, self._ids, self._call), key=lambda one: -one.logprob
        )
        groups: dict[str, list[Candidate]] = {}
        for one in most_first:
            if made := self._made(one):
                spelt = Candidate(made, _body(one.text), one.logprob)
                groups.setdefault(canonical(made.code), []).append(spelt)
        found = []
        for group in self._joined(list(groups.values())):
            likeliest = max(group, key=lambda one: one.logprob)
            doubt = words.doubt(self.prompt, likeliest.lines) if words else 0.0
            found.append(replace(likeliest, logprob=math.log(_share(group)) + doubt))
        return sorted(found, key=lambda one: -one.logprob)

    def _made(self, one: Writing) -> Program | None:
        if not one.ended:
            self.refused = "what was written is too long"
            return None
        try:
            return program(one.text, self._shown)
        except NotTaken as why:
            self.refused = str(why)
            return None

    def _joined(self, groups: list[list[Candidate]]) -> list[list[Candidate]]:
        """Groups that did the same side by side, in one; as they are where that could change nothing."""
        groups.sort(key=_share, reverse=True)
        others = [
            group
            for group in groups[1:]
            if _share(group) >= _WORTH and _arity(group[0]) == _arity(groups[0][0])
        ]
        likeliest = _share(groups[0]) if groups else 1.0
        if likeliest >= _UNSURE or likeliest + sum(map(_share, others)) < _ENOUGH or not others:
            return groups
        compared = [groups[0], *others]
        made = [group[0].made for group in compared]
        known = self.prompt.partition("\n")[2]
        same = alike([one.code for one in made], [one.name for one in made], known)
        joined = [group for group in groups if not any(group is one for one in compared)]
        for place in sorted(set(same)):
            members = [group for group, of in zip(compared, same, strict=True) if of == place]
            joined.append([one for group in members for one in group])
        return joined


def _share(group: list[Candidate]) -> float:
    """The probability of all together."""
    return max(1e-300, min(1.0, sum(math.exp(one.logprob) for one in group)))


def _arity(one: Candidate) -> int:
    function = ast.parse(one.made.code).body[-1]
    return len(function.args.args) if isinstance(function, ast.FunctionDef) else 0


def _body(text: str) -> str:
    """Without the names of the arguments, which stand in the first line."""
    return text.partition("\n")[2]


def probability(logprob: float, temperature: float) -> float:
    """Of an answer whose tokens have this log-probability together."""
    return math.exp(min(0.0, logprob) / temperature)
