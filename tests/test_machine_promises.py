"""What the bus promises, in any weather: see `machine_world` for the storm and for what is checked."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from machine_world import CALM, Broken, Weather, World
from msgspec.structs import replace

from bus_topics import messages as m
from bus_topics.messages import Outcome
from daemon.actions import Run, Save
from daemon.contract import Phase

WORLDS = 400
BLOCK = 100


@pytest.mark.parametrize("block", range(WORLDS // BLOCK))
def test_every_promise_outlives_every_storm(block: int) -> None:
    outcomes: Counter[str] = Counter()
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        world = World(seed).run()
        outcomes.update(_end(ends[0]) for ends in world.ends.values())
    # A world in which little happens would keep every promise.
    assert set(Outcome) < set(outcomes)
    assert outcomes["done"] > outcomes.total() / 2


def test_in_fair_weather_what_has_time_is_done() -> None:
    for seed in range(20):
        world = World(seed, CALM).run()
        for id_, (end,) in world.ends.items():
            submit = world.submits[id_][1]
            allowed = {Outcome.DONE, Outcome.CANCELLED}
            if submit.once:
                allowed.add(Outcome.FAILED)  # a handler's fault ends it
            if submit.deadline_ms < 60_000:
                allowed |= {Outcome.EXPIRED, Outcome.UNKNOWN}
            assert isinstance(end, m.Final), end
            assert end.outcome in allowed, (seed, end)


def test_with_a_third_lost_nothing_is_given_up() -> None:
    kept = Counter[str]()
    for seed in range(20):
        world = World(seed, Weather(loss=0.3)).run()
        kept.update(
            _end(ends[0])
            for id_, ends in world.ends.items()
            if world.submits[id_][1].deadline_ms >= 60_000
        )
    assert kept["done"] >= 0.85 * kept.total()
    assert kept["busy"] == 0


def test_the_same_seed_is_the_same_world() -> None:
    first, second = World(7).run(), World(7).run()
    assert first.given == second.given
    assert {id_: _end(ends[0]) for id_, ends in first.ends.items()} == {
        id_: _end(ends[0]) for id_, ends in second.ends.items()
    }


# --- the world goes red when a protection is taken out -------------------------------------------

Function = Callable[..., tuple[Any, list[Any]]]


def unsaved(function: Function) -> Function:
    """The same, but nothing is written before it is sent."""

    def forgetful(*args: Any, **kwargs: Any) -> tuple[Any, list[Any]]:
        state, actions = function(*args, **kwargs)
        return state, [action for action in actions if not isinstance(action, Save)]

    return forgetful


def unclaimed(_: Function) -> Function:
    """A slot begins the effect of a `once` attempt, and no claim is asked for."""
    return lambda contract, _boot, now: (
        replace(contract, phase=Phase.RUNNING, begun=now, due=None),
        [Run(contract.home, contract.award)],
    )


@pytest.mark.parametrize(
    ("places", "mutant"),
    [
        (["daemon.auction.award", "daemon.attempt.award"], unsaved),
        (["daemon.auction.claim"], unsaved),
        (["daemon.auction.finish", "daemon.attempt.finish"], unsaved),
        (["daemon.contract._go"], unsaved),
        (["daemon.contract._begin"], unclaimed),
    ],
    ids=["award", "claim", "final", "begun", "no claim"],
)
def test_without_its_protection_a_promise_breaks(
    places: list[str], mutant: Callable[[Function], Function], monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in places:
        module, _, name = place.rpartition(".")
        original = getattr(__import__(module, fromlist=[name]), name)
        monkeypatch.setattr(place, mutant(original))
    with pytest.raises(Broken):
        _run(range(60))


def _run(seeds: Iterable[int]) -> None:
    for seed in seeds:
        World(seed).run()


def _end(end: m.Final | m.Rejected) -> str:
    return (end.outcome if isinstance(end, m.Final) else end.code).value
