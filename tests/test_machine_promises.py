"""What the bus promises, in any weather: see `machine_world` for the storm and for what is checked."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from machine_node import ABSTAINED, TRUSTED
from machine_world import APP, CALM, Broken, Weather, World
from msgspec.structs import replace

from bus_topics import messages as m
from bus_topics.messages import Outcome, Privacy
from daemon.actions import FACT, Forget, Run, Save
from daemon.contract import Phase
from daemon.task import Task

WORLDS = 400
BLOCK = 100


@pytest.mark.parametrize("block", range(WORLDS // BLOCK))
def test_every_promise_outlives_every_storm(block: int) -> None:
    outcomes: Counter[str] = Counter()
    turns: Counter[tuple[int, bool, bool]] = Counter()
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        world = World(seed).run()
        outcomes.update(_end(ends[0]) for ends in world.ends.values())
        turns.update(
            (_turns(task), submit.once, task.result == submit.content)
            for submit, task in _known(world)
        )
    # A world in which little happens would keep every promise.
    assert set(Outcome) < set(outcomes)
    assert outcomes["done"] > outcomes.total() / 2
    for once in (True, False):
        assert turns[1, once, True] > 2, "nobody better has answered"
        assert turns[1, once, False] > 2, "no abstention was kept"
    assert any(count > 1 for count, _, _ in turns), "nobody better has abstained"


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


def test_in_fair_weather_an_abstention_is_kept_only_when_nobody_better_may_have_it() -> None:
    kept = 0
    for seed in range(100):
        world = World(seed, CALM).run()
        for submit, task in _known(world):
            if not _turns(task) or task.result != ABSTAINED or submit.deadline_ms < 60_000:
                continue
            kept += 1
            home = world.submits[submit.id][0]
            open_to_all = submit.privacy is Privacy.OPEN
            allowed = {one for one in world.nodes if open_to_all or one in (home, TRUSTED)}
            tried = {step.node for step in task.steps if step.kind == "abstained"}
            best = max(world.nodes[one].quality for one in allowed)
            asked = max(world.nodes[str(one)].quality for one in tried)
            failed = sum(step.kind == "result failed" for step in task.steps)
            assert asked == best or failed, (seed, submit.id, task.steps)
    assert kept > 10


def test_with_a_third_lost_nothing_is_given_up() -> None:
    kept = Counter[str]()
    for seed in range(60):
        world = World(seed, Weather(loss=0.3)).run()
        kept.update(
            _end(ends[0])
            for id_, ends in world.ends.items()
            if world.submits[id_][1].deadline_ms >= 60_000
        )
    wanted = kept.total() - kept["cancelled"] - kept["unknown-task"]  # cancelled before it arrived
    assert kept["done"] >= 0.9 * wanted
    assert kept["busy"] <= 0.01 * wanted  # nobody was heard for a minute


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


def unwritten(_: Function) -> Function:
    """A row that says nothing, in place of the task's."""
    return lambda _order, _task: Forget(FACT, "nothing")  # type: ignore[return-value]


def anybody(_: Function) -> Function:
    """Whoever is there is good enough."""
    return lambda _task, _quality: True  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("places", "mutant"),
    [
        (["daemon.auction.award", "daemon.attempt.award"], unsaved),
        (["daemon.auction.claim"], unsaved),
        (["daemon.auction.finish", "daemon.attempt.finish", "daemon.judging.finish"], unsaved),
        (["daemon.judging.saved"], unwritten),
        (["daemon.attempt.is_better"], anybody),
        (["daemon.contract._go"], unsaved),
        (["daemon.contract._begin"], unclaimed),
    ],
    ids=["award", "claim", "final", "abstention", "no better", "begun", "no claim"],
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


def _known(world: World) -> list[tuple[m.Submit, Task]]:
    """Every task that a home has taken, as it has it on disk."""
    found = [
        (submit, world.nodes[home].disk.recall(f"{APP}/{id_}"))
        for id_, (home, submit) in world.submits.items()
    ]
    return [(submit, known[1]) for submit, known in found if known is not None]


def _turns(task: Task) -> int:
    return sum(step.kind == "abstained" for step in task.steps)


def _end(end: m.Final | m.Rejected) -> str:
    return (end.outcome if isinstance(end, m.Final) else end.code).value
