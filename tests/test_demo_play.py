"""The demo as a newcomer sees it, and that it cannot claim what did not happen."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from cli_call import finished, started
from rich.console import Console

from bus_topics import messages as m
from daemon import demo
from daemon.demo_scene import Scene
from daemon.demo_stage import DemoError, Part, Stage


@pytest.fixture(autouse=True)
def nothing_is_left() -> Any:
    before = {process.pid for process in psutil.Process().children(recursive=True)}
    yield
    left = [each for each in psutil.Process().children(recursive=True) if each.pid not in before]
    assert left == []


@pytest.mark.slow
def test_the_demo_shows_everything_and_leaves_nothing(tmp_path: Path) -> None:
    told = finished("demo", within_s=60)
    assert told.code == 0, told
    assert told.err == ""
    assert "\x1b" not in told.out
    for words in (
        *("a sentence is routed", "a home is commanded", "a text is continued", "a node dies"),
        *("zero", "pi", "desk", "score", "fastest: ", "HassTurnOff", "kill -9", "went offline"),
        "All of it happened as told, and no process is left.",
    ):
        assert words in told.out, words


@pytest.mark.slow
def test_the_demo_as_json_carries_its_claims() -> None:
    told = finished("demo", "--json", within_s=60)
    assert (told.code, told.err) == (0, "")
    play = told.json
    assert play["ok"] is True
    assert {card["node"]: card["profile"] for card in play["nodes"]} == {
        "zero": "pi_zero",
        "pi": "pi_5",
        "desk": "desktop",
    }
    assert [scene["capability"] for scene in play["scenes"]] == [
        *("intent_classification", "intent_classification", "home_control"),
        *("text_generation", "text_generation"),
    ]
    for scene in play["scenes"]:
        record = scene["record"]
        assert record["outcome"] == "done"
        assert record["decisions"][0]["reason"]
        assert record["steps"][0]["kind"] == "received"
    last = play["scenes"][-1]["record"]
    assert last["attempts"] > 1
    assert last["node"] == play["death"]["ended_by"] != play["death"]["node"]


def test_an_interrupted_demo_leaves_nothing() -> None:
    process = started("demo")
    assert process.stdout is not None
    process.stdout.readline()
    children = psutil.Process(process.pid).children(recursive=True)
    assert children
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert not any(child.is_running() for child in children)


async def test_a_node_that_does_not_come_up_is_told_with_its_last_words() -> None:
    async with Stage() as stage:
        await stage.start(Part("odd", "pi_5", {"work.slots": 0}))
        async with demo._mesh(stage) as mesh:
            with pytest.raises(DemoError, match=r"node odd ended with status 2.*slots"):
                await demo._all_there(stage, mesh, Console(quiet=True))


async def test_the_stage_is_empty_after_a_fault() -> None:
    async def play() -> None:
        async with Stage() as stage:
            await stage.start(Part("pi", "pi_5", {}))
            await asyncio.sleep(0.5)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await play()


def test_a_node_without_its_models_is_told_at_once() -> None:
    card = m.Card(node="zero", boot="0" * 8, version="1")
    with pytest.raises(DemoError, match=r"zero does not offer intent_classification.*doctor"):
        demo._check_skills([card])


RECORD = m.TaskRecord(task="cli/x", capability="home_control", state="closed")
OFF = {"name": "HassTurnOff", "entities": ["light.kitchen_ceiling", "light.kitchen_counter"]}


def _scene(result: Any, bidders: set[str]) -> Scene:
    bids = tuple(m.Considered(node=node) for node in sorted(bidders))
    decision = m.Decision(
        attempt=1, winner="pi", preference=m.Preference.FASTEST, reason="x", bids=bids
    )
    record = m.TaskRecord(task="cli/x", capability="x", state="closed", decisions=(decision,))
    return Scene("a scene", "x", "x", result=result, record=record, pieces=1)


@pytest.mark.parametrize(
    ("check", "result", "bidders"),
    [
        (demo._check_routed, {"intent": ""}, {"zero", "pi", "desk"}),
        (demo._check_routed, {"intent": "code"}, {"pi", "desk"}),
        (demo._check_kitchen, {"intents": []}, {"pi", "desk"}),
        (demo._check_kitchen, {"intents": [{**OFF, "name": "HassTurnOn"}]}, {"pi", "desk"}),
        (demo._check_kitchen, {"intents": [{**OFF, "entities": ["light.hall"]}]}, {"pi", "desk"}),
        (demo._check_kitchen, {"intents": [OFF]}, {"pi", "desk", "zero"}),
        (demo._check_streamed, {"text": " "}, {"pi", "desk"}),
    ],
)
def test_a_claim_that_does_not_hold_ends_the_demo(
    check: Callable[[Scene], None], result: Any, bidders: set[str]
) -> None:
    with pytest.raises(DemoError, match="does not hold"):
        check(_scene(result, bidders))


def test_claims_that_hold_pass() -> None:
    demo._check_routed(_scene({"intent": "code"}, {"zero", "pi", "desk"}))
    demo._check_kitchen(_scene({"intents": [OFF]}, {"pi", "desk"}))
    demo._check_streamed(_scene({"text": "a text"}, {"pi", "desk"}))


async def test_a_death_that_does_not_move_the_task_is_no_success(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def played(scene: Scene, *_: object) -> str:
        scene.record, scene.result = RECORD, {"text": "x"}
        return "pi"

    async def there(*_: object) -> list[m.Card]:
        return []

    monkeypatch.setattr(demo, "_killed_while_playing", played)
    monkeypatch.setattr(demo, "_all_there", there)
    monkeypatch.setattr(Stage, "start", _started)
    finished_by_the_victim = m.TaskRecord(task="cli/x", capability="x", state="closed", node="pi")
    monkeypatch.setattr("test_demo_play.RECORD", finished_by_the_victim)
    async with Stage() as stage:
        with pytest.raises(DemoError, match="no node was killed in the middle"):
            await demo._death(stage, Console(quiet=True))


async def _started(*_: object) -> None:
    """A node that needs not run."""
