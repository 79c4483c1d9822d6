"""What the bus promises, in any weather: see `machine_world` for the storm, `machine_ledger` for what is checked.

More seeds, and what to do with one that fails: docs/simulator.md.
"""

from collections import Counter
from dataclasses import replace

import machine_storms
import pytest
from machine_ledger import Broken
from machine_node import ABSTAINED, Node
from machine_script import TRUSTED, Script, Setting, clear, drawn, shrunk
from machine_world import World, broken, shortest

from bus_topics import messages as m
from bus_topics.messages import Outcome, Privacy
from daemon.task import Task

SEEDS = 240
BLOCK = 120
KINDS = ("writes", "admits", "lost", "doubled", "late")


@pytest.mark.parametrize("block", range(SEEDS // BLOCK))
def test_every_promise_outlives_every_storm(block: int) -> None:
    outcomes: Counter[str] = Counter()
    mishaps: Counter[str] = Counter()
    turns: Counter[tuple[int, bool, bool]] = Counter()
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        world = _run(drawn(seed))
        outcomes.update(_end(end) for *_, end in _ends(world))
        mishaps.update(_kind(key, how) for key, how in world.mishaps.items())
        turns.update(
            (_turns(task), submit.once, task.result != ABSTAINED)
            for _, submit, task in _known(world)
            if task.outcome is Outcome.DONE
        )
    # A world in which little happens would keep every promise.
    assert {*Outcome, "busy"} <= set(outcomes)
    assert outcomes["done"] > outcomes.total() / 2
    assert set(mishaps) == set(KINDS)
    for once in (True, False):
        assert turns[1, once, True] > 2, "nobody better has answered"
        assert turns[1, once, False] > 2, "no abstention was kept"
    assert any(count > 1 for count, _, _ in turns), "nobody better has abstained"


def test_in_fair_weather_what_has_time_is_done() -> None:
    for seed in range(30):
        world = _run(clear(seed))
        for home, submit, end in _ends(world):
            allowed = {Outcome.DONE, Outcome.CANCELLED}
            if submit.once or not _able(world, home, submit):
                allowed |= {Outcome.FAILED, Outcome.EXPIRED}  # a handler's fault ends it
            if submit.deadline_ms < 60_000:
                allowed |= {Outcome.EXPIRED, Outcome.UNKNOWN}
            assert isinstance(end, m.Final), (seed, end)
            assert end.outcome in allowed, (seed, end)


def test_in_fair_weather_an_abstention_is_kept_only_when_nobody_better_may_have_it() -> None:
    kept = 0
    for seed in range(60):
        world = _run(clear(seed))
        for home, submit, task in _known(world):
            if not _turns(task) or task.result != ABSTAINED or submit.deadline_ms < 60_000:
                continue
            kept += 1
            tried = {step.node for step in task.steps if step.kind == "abstained"}
            best = max(world.quality(one) for one in _allowed(world, home, submit))
            asked = max(world.quality(str(one)) for one in tried)
            failed = sum(step.kind == "result failed" for step in task.steps)
            assert asked == best or failed, (seed, submit.id, task.steps)
    assert kept > 10


def test_with_two_of_five_lost_nothing_is_given_up() -> None:
    ended: Counter[str] = Counter()
    for seed in range(60):
        script = clear(seed)
        lossy = replace(script, setting=replace(script.setting, loss=0.4))
        world = _run(lossy)
        ended.update(
            _end(end)
            for home, submit, end in _ends(world)
            if submit.deadline_ms >= 60_000 and _able(world, home, submit)
        )
    wanted = ended.total() - ended["cancelled"] - ended["unknown-task"]  # overtaken by a cancel
    assert ended["done"] >= 0.85 * wanted, ended
    assert ended["busy"] <= 0.01 * wanted, ended  # nobody was heard for a minute


def test_the_same_seed_is_the_same_world_and_so_is_its_whole_script() -> None:
    for seed in (4, 7, 11):
        first = _run(drawn(seed))
        again, told = _run(drawn(seed)), _run(first.script.whole(first.mishaps))
        assert first.ledger.given == again.ledger.given == told.ledger.given
        assert first.mishaps == again.mishaps == told.mishaps != {}
        assert list(_ends(first)) == list(_ends(again)) == list(_ends(told))


def test_a_failing_seed_is_told_as_the_shortest_script_that_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = World.run

    def once_is_enough(world: World) -> World:
        if any(attempt > 1 for *_, attempt in run(world).ledger.given):
            raise Broken("P0: an attempt was needed again")
        return world

    monkeypatch.setattr(World, "run", once_is_enough)
    world = World(drawn(0))
    with pytest.raises(Broken):
        world.run()
    whole = world.script.whole(world.mishaps)
    small, said = shrunk(whole, broken)
    assert said.startswith("P0: ")
    assert broken(small) == said
    assert len(small.events) == 1, small
    assert len(small.mishaps or {}) <= 2, small
    text = shortest(drawn(0))
    assert text.startswith(said)
    assert "submits" in text
    assert len(text.splitlines()) < len(str(whole).splitlines()) / 4
    for part in small.events:
        assert broken(replace(small, events=tuple(e for e in small.events if e != part))) == ""


def test_the_command_counts_what_happened_and_says_what_broke(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert machine_storms.main(["--seeds", "3", "--first", "8"]) == 0
    assert capsys.readouterr().out.startswith("3 seeds from 8: 0 broken; ")
    monkeypatch.setattr(Node, "hasty", True)
    assert machine_storms.main(["--seeds", "1", "--first", "8"]) == 1
    said = capsys.readouterr().out.splitlines()
    assert (said[0][:1], said[1]) == ("P", "seed 8")
    assert said[-1].startswith("1 seeds from 8: 1 broken; ")


def test_a_run_that_keeps_its_promises_has_no_script_to_show() -> None:
    assert shortest(clear(1)) == ""
    assert broken(Script(1, Setting(drawn(1).setting.machines))) == ""


def _run(script: Script) -> World:
    """Run it; a failure is told as its shortest script."""
    world = World(script)
    try:
        return world.run()
    except Broken:
        pytest.fail(shortest(script))


def _kind(key: str, how: tuple[float, ...]) -> str:
    for word in ("writes", "admits"):
        if f" {word} " in key:
            return word
    return {0: "lost", 1: "late"}.get(len(how), "doubled")


def _ends(world: World) -> list[tuple[str, m.Submit, m.Final | m.Rejected]]:
    """Home, submit and last word of everything that was asked."""
    return [
        (home, submit, app.ends[id_][-1])
        for app in world.apps.values()
        for id_, (home, submit) in app.submits.items()
    ]


def _known(world: World) -> list[tuple[str, m.Submit, Task]]:
    """Every task that a home has taken, as it has it on disk."""
    found = [
        (home, submit, world.nodes[home].disk.recall(f"{app.name}/{id_}"))
        for app in world.apps.values()
        for id_, (home, submit) in app.submits.items()
    ]
    return [(home, submit, known[1]) for home, submit, known in found if known is not None]


def _allowed(world: World, home: str, submit: m.Submit) -> set[str]:
    """Who may have it and can do it."""
    private = submit.privacy is Privacy.PRIVATE
    return {
        name
        for name, node in world.nodes.items()
        if node.quality and (not private or name in (home, TRUSTED))
    }


def _able(world: World, home: str, submit: m.Submit) -> bool:
    return bool(_allowed(world, home, submit))


def _turns(task: Task) -> int:
    return sum(step.kind == "abstained" for step in task.steps)


def _end(end: m.Final | m.Rejected) -> str:
    return (end.outcome if isinstance(end, m.Final) else end.code).value
