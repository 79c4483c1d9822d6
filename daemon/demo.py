"""`forgebus demo`: a broker, three nodes, three tasks, and a node that dies in the middle of a fourth.

Nothing is staged but the machines: all three nodes run here, as processes of their own, so each measures
this machine's speed. They differ as their profiles do: in what they can do, in threads, and in the price
that their owners ask. Every step is checked; one that does not happen as told ends the demo with an error.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.rule import Rule

from bus_topics import messages as m
from daemon import logs, show
from daemon.config import BrokerConfig
from daemon.demo_scene import Scene, play
from daemon.demo_stage import DemoError, Part, Stage
from daemon.mesh import Mesh
from daemon.plain import as_json, plain

LIMIT_S = 240.0
START_S = 30.0
TRIES = 4
WILL_DELAY_S = 1
LONG = 480
"""Tokens of the text in the middle of which a node dies."""

_SHARED = {"broker.will_delay_s": WILL_DELAY_S}
PARTS = {
    "zero": Part("zero", "pi_zero", {**_SHARED, "work.cost_per_s": 0.02}),
    "pi": Part("pi", "pi_5", {**_SHARED, "work.cost_per_s": 0.1}),
    "desk": Part("desk", "desktop", {**_SHARED, "work.cost_per_s": 0.5}),
}
SKILLS = {
    "zero": {"intent_classification"},
    "pi": {"intent_classification", "home_control", "text_generation"},
    "desk": {"intent_classification", "home_control", "text_generation"},
}

SENTENCE = "write a python function that sorts a list"
HOME: dict[str, Any] = {
    "text": "turn off the kitchen lights",
    "areas": ["Kitchen", "Hall", "Living room"],
    "entities": [
        {"entity_id": "light.kitchen_ceiling", "name": "Ceiling light", "area": "Kitchen"},
        {"entity_id": "light.kitchen_counter", "name": "Counter light", "area": "Kitchen"},
        {"entity_id": "light.hall", "name": "Hall light", "area": "Hall"},
        {"entity_id": "cover.living_room", "name": "Living room blinds", "area": "Living room"},
        {"entity_id": "climate.hall", "name": "Thermostat", "area": "Hall"},
    ],
}
STORY = "Once upon a time there was a little girl who lived in a house by the sea."
LONG_STORY = {"prompt": "The old king called his three sons and said:", "max_tokens": LONG}


@dataclass(frozen=True, slots=True)
class Death:
    """Which node was killed, in which attempt, and who ended the task."""

    node: str
    attempt: int
    ended_by: str


@dataclass(slots=True)
class Play:
    """Everything that was shown."""

    nodes: list[m.Card] = field(default_factory=list)
    scenes: list[Scene] = field(default_factory=list)
    death: Death | None = None


async def run(*, json: bool = False) -> int:
    """Play it. Raises DemoError when something does not happen as told."""
    began = time.monotonic()
    logs.silence()
    out = Console(quiet=True) if json else show.console()
    shown = Play()
    try:
        async with asyncio.timeout(LIMIT_S), Stage() as stage:
            await _acts(stage, shown, out)
            out.print(Rule("the end"))
    except TimeoutError:
        raise DemoError(f"not over within {LIMIT_S:.0f} s; is this machine very busy?") from None
    seconds = round(time.monotonic() - began, 1)
    if json:
        told = as_json({"ok": True, "seconds": seconds, **plain(shown)})
        Console(soft_wrap=True, highlight=False, markup=False, emoji=False).print(told)
    out.print(f"All of it happened as told, and no process is left. {seconds} s")
    return 0


async def _acts(stage: Stage, shown: Play, out: Console) -> None:
    out.print(f"A private MQTT broker listens on 127.0.0.1:{stage.broker.port}.")
    out.print(
        "Three nodes start as processes of their own. All run on this machine, so their speeds are its\n"
        "own, measured; they differ in what they can do, in threads, and in what they ask for a second."
    )
    for part in PARTS.values():
        await stage.start(part)
    async with _mesh(stage) as mesh:
        shown.nodes = await _all_there(stage, mesh, out)
        for scene, check in _scenes():
            out.print(Rule(f"{scene.title}: {scene.capability}"))
            await _show(scene, mesh, out)
            check(scene)
            shown.scenes.append(scene)
    out.print(Rule("a node dies in the middle of a task: text_generation"))
    scene, shown.death = await _death(stage, out)
    shown.scenes.append(scene)


def _scenes() -> list[tuple[Scene, Callable[[Scene], None]]]:
    return [
        (Scene("a sentence is routed", "intent_classification", SENTENCE), _check_routed),
        (
            Scene("the same again, priced by experience", "intent_classification", SENTENCE),
            _check_routed,
        ),
        (Scene("a home is commanded", "home_control", HOME), _check_kitchen),
        (Scene("a text is continued, streamed", "text_generation", STORY), _check_streamed),
    ]


def _check_skills(cards: list[m.Card]) -> None:
    for card in cards:
        can = {skill.capability for skill in card.skills}
        lacks = SKILLS[card.node] - can
        if lacks:
            raise DemoError(
                f"{card.node} does not offer {', '.join(sorted(lacks))}: its models are not here or"
                " damaged; `forgebus doctor` says which"
            )


def _check_routed(scene: Scene) -> None:
    _claim(bool(scene.result["intent"]), "the sentence has an intent", scene)
    _claim(scene.bidders() == set(PARTS), "all three nodes bid", scene)


def _check_kitchen(scene: Scene) -> None:
    intents = scene.result["intents"]
    acts_on = {entity for intent in intents for entity in intent["entities"]}
    lights = {one["entity_id"] for one in HOME["entities"] if one["area"] == "Kitchen"}
    off = {intent["name"] for intent in intents} == {"HassTurnOff"}
    _claim(off and acts_on == lights, "the kitchen's lights, and no other, are turned off", scene)
    _claim(scene.bidders() == {"pi", "desk"}, "pi and desk bid, and zero, which cannot, not", scene)


def _check_streamed(scene: Scene) -> None:
    _claim(bool(scene.result["text"].strip()), "there is a text", scene)
    _claim(scene.pieces > 0, "its text came while it was written", scene)
    _claim(scene.bidders() == {"pi", "desk"}, "pi and desk bid, and zero, which cannot, not", scene)


async def _show(scene: Scene, mesh: Mesh, out: Console) -> None:
    """Play one scene: live where there is a terminal, at its end where there is none."""
    if not out.is_terminal:
        await play(scene, mesh, _unseen)
        out.print(scene.picture())
        return
    with Live(scene.picture(), console=out, refresh_per_second=20) as live:
        await play(scene, mesh, lambda: live.update(scene.picture()))


async def _death(stage: Stage, out: Console) -> tuple[Scene, Death]:
    """Kill a contractor at its first words; its task, which another node owns, must end all the same."""
    home, other = "desk", "pi"
    for _ in range(TRIES):
        scene = Scene("a node dies", "text_generation", LONG_STORY, max_tokens=LONG)
        async with _mesh(stage, home) as mesh:
            victim = await _killed_while_playing(scene, stage, mesh)
        if victim is None:
            out.print(f"{home} took its own task, and a home must live; once more from {other}")
            home, other = other, home
            continue
        if scene.record is not None and scene.record.node != victim:
            death = Death(victim, 1, scene.record.node or "")
            _claim(bool(scene.result["text"].strip()), "the task ended with its text", scene)
            _claim(scene.record.attempts > 1, "another attempt was made", scene)
            out.print(
                f"{victim} was writing when it got kill -9; {death.ended_by} was next and ended the"
                f" task.\nThe broker tells of a death after {WILL_DELAY_S} s here, after 5 s by default."
            )
            out.print(scene.picture())
            return scene, death
        out.print(f"{victim} had told its result before it died; it starts again, and once more")
        await stage.start(PARTS[victim])
        async with _mesh(stage) as mesh:
            await _all_there(stage, mesh, Console(quiet=True))
    raise DemoError(f"in {TRIES} tries no node was killed in the middle of its task")


async def _killed_while_playing(scene: Scene, stage: Stage, mesh: Mesh) -> str | None:
    """Play the scene and kill its contractor at the first words, unless that is the home."""
    victims: list[str] = []

    async def kill(scene: Scene) -> None:
        contractor = (await mesh.report(scene.task, home=scene.home))[0].node
        if contractor is not None and contractor != scene.home:
            victims.append(contractor)
            await stage.kill(contractor)

    await play(scene, mesh, _unseen, kill)
    return victims[0] if victims else None


async def _all_there(stage: Stage, mesh: Mesh, out: Console) -> list[m.Card]:
    """Wait for the three cards, and show them."""
    until = time.monotonic() + START_S
    while True:
        stage.check()
        views = [view for view in await mesh.nodes() if view.online and view.card is not None]
        if {view.id for view in views} == set(PARTS):
            out.print(show.nodes(views))
            cards = [view.card for view in views if view.card is not None]
            _check_skills(cards)
            return cards
        if time.monotonic() > until:
            missing = sorted(set(PARTS) - {view.id for view in views})
            words = "; ".join(f"{node}: {stage.last_words(node)}" for node in missing)
            raise DemoError(f"not on the bus within {START_S:.0f} s: {words}")
        await asyncio.sleep(0.1)


def _mesh(stage: Stage, home: str | None = None) -> Mesh:
    return Mesh(login="cli", home=home, broker=BrokerConfig(port=stage.broker.port))


def _claim(holds: bool, what: str, scene: Scene) -> None:  # noqa: FBT001 - a claim, then its words
    if not holds:
        raise DemoError(
            f"{scene.title}: it does not hold that {what}; the task is {scene.task}, its answer "
            f"{str(scene.result)[:200]}"
        )


def _unseen() -> None:
    """Nobody watches while it unfolds."""
