"""Each filter keeps exactly what its definition says, and draws follow the probabilities."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import BadSampling
from engine.sampling import GREEDY, Sampler, Sampling, candidates, penalise


def random_logits(seed: int, size: int, spread: float) -> np.ndarray:
    return np.asarray(np.random.default_rng(seed).normal(0, spread, size), np.float32)


logits_of = st.builds(
    random_logits,
    st.integers(0, 10**6),
    st.integers(1, 700),
    st.floats(0.1, 8),
)


def softmax(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    scaled = logits.astype(np.float64) / temperature
    weights = np.exp(scaled - scaled.max())
    return np.asarray(weights / weights.sum())


@given(logits=logits_of)
def test_greedy_takes_the_likeliest(logits: np.ndarray) -> None:
    assert Sampler(GREEDY).pick(logits) == int(logits.argmax())


@given(logits=logits_of, temperature=st.floats(0.1, 3))
def test_unfiltered_candidates_are_the_softmax(logits: np.ndarray, temperature: float) -> None:
    ids, chances = candidates(logits, Sampling(temperature=temperature))
    assert sorted(ids) == list(range(len(logits)))
    np.testing.assert_allclose(chances, softmax(logits, temperature)[ids], rtol=1e-9)
    assert (np.diff(chances) <= 0).all()


@given(logits=logits_of, top_k=st.integers(1, 800))
def test_top_k_keeps_the_k_likeliest(logits: np.ndarray, top_k: int) -> None:
    ids, chances = candidates(logits, Sampling(temperature=1, top_k=top_k))
    best = np.sort(logits)[::-1][:top_k]
    np.testing.assert_array_equal(np.sort(logits[ids])[::-1], best)
    assert chances.sum() == pytest.approx(1)


@given(logits=logits_of, top_p=st.floats(0.01, 0.999))
def test_top_p_keeps_the_fewest_that_reach_it(logits: np.ndarray, top_p: float) -> None:
    ids, _ = candidates(logits, Sampling(temperature=1, top_p=top_p))
    full = softmax(logits)
    assert full[ids].sum() >= top_p - 1e-9
    assert full[ids[:-1]].sum() < top_p + 1e-9
    assert full[ids].min() >= np.delete(full, ids).max(initial=0)


@given(logits=logits_of, min_p=st.floats(0.01, 0.99))
def test_min_p_is_relative_to_the_likeliest(logits: np.ndarray, min_p: float) -> None:
    ids, _ = candidates(logits, Sampling(temperature=1, min_p=min_p))
    full = softmax(logits)
    expected = np.flatnonzero(np.exp(logits.astype("f8") - logits.max()) >= min_p)
    assert sorted(ids) == sorted(expected)
    assert int(full.argmax()) in ids


@given(logits=logits_of, penalty=st.floats(1.01, 5), seed=st.integers(0, 99))
def test_a_penalty_moves_seen_tokens_down_and_no_other(
    logits: np.ndarray, penalty: float, seed: int
) -> None:
    seen = np.random.default_rng(seed).integers(0, len(logits), 5).tolist()
    before = logits.copy()
    changed = penalise(logits, seen, penalty)
    np.testing.assert_array_equal(logits, before)
    others = np.setdiff1d(np.arange(len(logits)), seen)
    np.testing.assert_array_equal(changed[others], logits[others])
    assert (changed[seen] <= logits[seen]).all()


@given(logits=logits_of, seed=st.integers(0, 99), temperature=st.sampled_from([0.0, 1.0]))
def test_only_allowed_tokens_are_chosen(logits: np.ndarray, seed: int, temperature: float) -> None:
    random = np.random.default_rng(seed)
    allowed = np.unique(random.integers(0, len(logits), 4))
    sampler = Sampler(Sampling(temperature=temperature, seed=seed))
    assert all(sampler.pick(logits, allowed=allowed) in allowed for _ in range(5))


def test_draws_follow_the_probabilities() -> None:
    logits = np.log(np.array([0.5, 0.3, 0.15, 0.05], np.float32))
    sampler = Sampler(Sampling(temperature=1, seed=4))
    drawn = np.bincount([sampler.pick(logits) for _ in range(8000)], minlength=4) / 8000
    np.testing.assert_allclose(drawn, [0.5, 0.3, 0.15, 0.05], atol=0.02)


def test_the_seed_decides() -> None:
    logits = np.zeros(500, np.float32)

    def draw(seed: int) -> list[int]:
        sampler = Sampler(Sampling(temperature=1, seed=seed))
        return [sampler.pick(logits) for _ in range(20)]

    assert draw(1) == draw(1)
    assert draw(1) != draw(2)


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperature": -1.0},
        {"temperature": float("nan")},
        {"temperature": 6.0},
        {"top_k": -1},
        {"top_p": 0.0},
        {"top_p": 1.1},
        {"min_p": 1.0},
        {"repetition_penalty": 0.0},
        {"seed": -1},
    ],
)
def test_values_out_of_range_are_named(wrong: dict[str, float]) -> None:
    with pytest.raises(BadSampling, match=next(iter(wrong))):
        Sampling(**wrong)  # type: ignore[arg-type]
