"""From logits to the next token, in numpy.

Greedy, temperature, top-k, top-p (nucleus, Holtzman et al. 2020), min-p (Nguyen et al. 2024) and
the repetition penalty of CTRL (Keskar et al. 2019). Candidates are found by partition: sorting the
whole vocabulary would take longer than a small model's step.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.errors import BadSampling

Floats = npt.NDArray[np.float32]

# Nucleus candidates looked at first; a sharper distribution than this never needs a full sort.
_FIRST_LOOK = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How the next token is chosen; the default is greedy.

    Attributes:
        temperature: 0 takes the likeliest token; up to 5.
        top_k: only the k likeliest; 0 takes all.
        top_p: only the likeliest that together have this probability, in (0, 1].
        min_p: only those with at least this share of the likeliest one's probability, [0, 1).
        repetition_penalty: logits of tokens seen are divided (above 0) or multiplied (below 0)
            by it; 1 is none, up to 10.
        seed: the same seed, prompt and model give the same text.

    Raises:
        BadSampling: a value out of range.
    """

    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        ranges = {
            "temperature": 0 <= self.temperature <= 5,
            "top_k": self.top_k >= 0,
            "top_p": 0 < self.top_p <= 1,
            "min_p": 0 <= self.min_p < 1,
            "repetition_penalty": 0 < self.repetition_penalty <= 10,
            "seed": self.seed >= 0,
        }
        for name, fits in ranges.items():
            if not fits:
                raise BadSampling(f"{name}={getattr(self, name)} is out of range", "see Sampling")


GREEDY = Sampling()


class Sampler:
    """Draws tokens; its random numbers depend on the seed and on how many were drawn."""

    def __init__(self, settings: Sampling) -> None:
        self._settings = settings
        self._random = np.random.default_rng(settings.seed)

    def pick(
        self,
        logits: Floats,
        seen: Sequence[int] = (),
        allowed: npt.NDArray[np.int64] | None = None,
    ) -> int:
        """The next token.

        Args:
            logits: (V,); left as they are.
            seen: tokens that the repetition penalty applies to.
            allowed: ids to choose from, not empty; default all.
        """
        s = self._settings
        if s.repetition_penalty != 1 and seen:
            logits = penalise(logits, seen, s.repetition_penalty)
        if allowed is not None:
            logits = logits[allowed]
        if s.temperature == 0:
            choice = int(logits.argmax())
        else:
            ids, chances = candidates(logits, s)
            place = int(np.searchsorted(chances.cumsum(), self._random.random(), side="right"))
            choice = int(ids[min(place, len(ids) - 1)])
        return choice if allowed is None else int(allowed[choice])


def candidates(
    logits: Floats, settings: Sampling
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """The ids that may be drawn, likeliest first, and their probabilities (which sum to 1).

    top-k applies first, then min-p, then top-p on what is left, each renormalised.
    """
    order = _top(logits, settings.top_k) if settings.top_k else np.arange(len(logits))
    scaled = logits[order].astype(np.float64) / max(settings.temperature, 1e-6)
    chances = np.exp(scaled - scaled.max())
    if settings.min_p:
        kept = chances >= settings.min_p  # the likeliest one is at 1 here
        order, chances = order[kept], chances[kept]
    chances /= chances.sum()
    if settings.top_p < 1:
        kept_at = _nucleus(chances, settings.top_p)
        order, chances = order[kept_at], chances[kept_at]
        chances /= chances.sum()
    likeliest_first = np.argsort(-chances, kind="stable")
    return order[likeliest_first].astype(np.int64), chances[likeliest_first]


def penalise(logits: Floats, seen: Sequence[int], penalty: float) -> Floats:
    """A copy of `logits` with those of `seen` moved down."""
    ids = np.fromiter(set(seen), np.int64)
    changed = logits.copy()
    part = changed[ids]
    changed[ids] = np.where(part > 0, part / penalty, part * penalty)
    return changed


def _top(values: npt.NDArray[np.floating], count: int) -> npt.NDArray[np.int64]:
    """Places of the `count` largest, in no order."""
    if count >= len(values):
        return np.arange(len(values))
    return np.argpartition(values, len(values) - count)[len(values) - count :]


def _nucleus(chances: npt.NDArray[np.float64], share: float) -> npt.NDArray[np.int64]:
    """Places of the fewest likeliest that together reach `share`, likeliest first."""
    look = _FIRST_LOOK
    while True:
        places = _top(chances, look)
        places = places[np.argsort(-chances[places], kind="stable")]
        reached = chances[places].cumsum()
        if reached[-1] >= share or look >= len(chances):
            return places[: int(np.searchsorted(reached, share)) + 1]
        look *= 8
