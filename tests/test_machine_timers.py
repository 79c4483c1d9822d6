"""One instant a key, and nothing left behind."""

import math
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.timers import SLACK, Timers

KEYS = st.sampled_from("abcde")
DUES = st.one_of(st.none(), st.just(math.inf), st.integers(0, 50).map(float))


def test_earliest_first_and_once() -> None:
    timers = Timers()
    for key, due in (("late", 3.0), ("soon", 1.0), ("mid", 2.0)):
        timers.arm(key, due)
    assert timers.wake() == 1.0
    assert list(timers.over(2.0)) == ["soon", "mid"]
    assert list(timers.over(2.0)) == []
    assert timers.wake() == 3.0


def test_a_key_has_its_last_instant_alone() -> None:
    timers = Timers()
    timers.arm("a", 1.0)
    timers.arm("a", 5.0)
    assert timers.wake() == 5.0
    timers.arm("a", 2.0)
    assert list(timers.over(10.0)) == ["a"]
    assert timers.wake() == math.inf


def test_a_key_may_be_armed_again_by_what_it_wakes() -> None:
    timers, woken = Timers(), []
    timers.arm("a", 1.0)
    for key in timers.over(3.0):
        woken.append(key)
        timers.arm(key, 1.0 + len(woken))
    assert woken == ["a", "a", "a"]


@settings(deadline=None)
@given(st.lists(st.tuples(KEYS, DUES)), st.integers(0, 50))
def test_it_is_a_dictionary_of_instants(arms: list[tuple[str, float | None]], now: int) -> None:
    timers, model = Timers(), dict[str, float]()
    for key, due in arms:
        timers.arm(key, due)
        model.pop(key, None)
        if due is not None and due != math.inf:
            model[key] = due
    assert timers.wake() == min(model.values(), default=math.inf)
    assert len(timers) == len(model)
    assert set(timers.over(now)) == {key for key, due in model.items() if due <= now}
    assert len(timers) == sum(due > now for due in model.values())


def test_the_heap_is_as_small_as_the_keys() -> None:
    timers, random = Timers(), Random(1)
    for _ in range(3000):
        timers.arm(random.choice("abcde"), random.choice([None, random.random()]))
        assert len(timers._heap) <= 2 * len(timers) + SLACK
