"""The doors that need nothing installed in Home Assistant, tried in a real one: discovery of nodes, and Wyoming."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from broker_fixture import free_port, until
from ha_checks import must
from ha_environment import Environment
from ha_stage import NODES, Stage

SUBSCRIBED_S = 2.0
"""Home Assistant gathers subscriptions for half a second, and does not say when they are made."""
Check = Callable[[Stage], Awaitable[None]]
OFTEN_S = 40.0
"""A node tells its state each 20 s, if nothing has changed; its device again within 5 s of a birth."""


async def nodes_are_devices_by_discovery(stage: Stage) -> None:
    """Every node shows itself as a device with its entities."""
    house = stage.house
    for node in NODES:
        await house.comes_to(f"sensor.forgebus_{node}_state", "idle", OFTEN_S)
        await house.comes_to(f"switch.forgebus_{node}_accept_work", "on")
        await house.comes_to(f"sensor.forgebus_{node}_nodes", "2", OFTEN_S)
    devices = await house.ask("config/device_registry/list")
    shown = {device["name"]: device for device in devices}
    for node in NODES:
        device = shown[f"Forgebus {node}"]
        must(device["manufacturer"] == "Forgebus" and device["sw_version"], device)
    entities = await house.entities_of("mqtt")
    kinds = {entity["entity_category"] for entity in entities}
    must({None, "config", "diagnostic"} <= kinds and len(entities) >= 40, (len(entities), kinds))


async def what_nodes_do_is_seen_and_steered(stage: Stage) -> None:
    """A task raises a count; switch, choice and button are done by the node, and seen to be."""
    house = stage.house
    counts = [f"sensor.forgebus_{node}_tasks_done" for node in NODES]
    before = sum([int(await house.state(count) or 0) for count in counts])
    topic = "forgebus/v1/ask/homeassistant/intent_classification"
    await house.post("services/mqtt/publish", {"topic": topic, "payload": "hello", "qos": 1})

    async def counted() -> bool:
        return sum([int(await house.state(count) or 0) for count in counts]) > before

    await house.until(counted, "no node counts the task that it has done", OFTEN_S)
    must(
        "why" in ((await house.whole("sensor.forgebus_attic_last_winner")) or {})["attributes"], ""
    )
    state = "sensor.forgebus_attic_state"
    switch = {"entity_id": "switch.forgebus_attic_accept_work"}
    await house.post("services/switch/turn_off", switch)
    await house.comes_to(state, "paused", OFTEN_S)
    await house.post("services/switch/turn_on", switch)
    await house.comes_to(state, "idle", OFTEN_S)
    await house.post("services/button/press", {"entity_id": "button.forgebus_attic_drain"})
    await house.comes_to(state, "paused", OFTEN_S)
    await house.post("services/switch/turn_on", switch)
    choice = "select.forgebus_attic_preference"
    await house.post("services/select/select_option", {"entity_id": choice, "option": "fastest"})
    await house.comes_to(choice, "fastest", OFTEN_S)
    await house.comes_to(state, "idle", OFTEN_S)


async def the_examples_automation_asks_and_reacts(stage: Stage) -> None:
    """`examples/home_assistant`: a question is typed in, and its answer is shown."""
    house = stage.house
    # Home Assistant was started before it knew its broker, and MQTT must be there before the automation.
    for action in ("turn_off", "turn_on"):
        await house.post(
            f"services/automation/{action}", {"entity_id": "automation.forgebus_answer"}
        )
    await asyncio.sleep(SUBSCRIBED_S)
    asked = {"entity_id": "input_text.forgebus_question", "value": "what is seven times eight"}
    await house.post("services/input_text/set_value", asked)

    async def shown() -> bool:
        notes = await house.ask("persistent_notification/get")
        return any(note["message"] == "56" for note in notes)

    await house.until(shown, "no notification has the answer")


async def a_dead_nodes_entities_are_unavailable(stage: Stage) -> None:
    """kill -9 of a node, and of the broker: unavailable; and as they were, when each is back."""
    house, node = stage.house, stage.nodes["attic"]
    state = "sensor.forgebus_attic_state"
    node.kill()
    await house.comes_to(state, "unavailable", OFTEN_S)
    await house.comes_to("sensor.forgebus_kitchen_nodes", "1", OFTEN_S)
    node.start()
    await house.comes_to(state, "idle", OFTEN_S)
    await house.comes_to("select.forgebus_attic_preference", "fastest", OFTEN_S)
    stage.broker.kill()
    await house.comes_to(state, "unavailable", OFTEN_S)
    stage.broker.start()
    await house.comes_to(state, "idle", 2 * OFTEN_S)


async def what_is_said_to_assist_goes_by_wyoming(stage: Stage) -> None:
    """`forgebus serve` as a Wyoming server: sentence, intent, and Home Assistant turns the lamp on."""
    house = stage.house
    token = await house.ask(
        "auth/long_lived_access_token", client_name="the Wyoming door", lifespan=1
    )
    with _wyoming(stage, token) as port:
        made = await stage.fill("wyoming", {"host": "127.0.0.1", "port": port})
        must(made["type"] == "create_entry", made)
        (agent,) = [
            entity["entity_id"]
            for entity in await house.entities_of("wyoming")
            if entity["entity_id"].startswith("conversation.")
        ]
        lamp = "light.floor_lamp"
        for on, state in ((True, "on"), (False, "off"), (True, "on"), (False, "off")):
            said = await house.say(f"turn {'on' if on else 'off'} the floor lamp", agent)
            must(said["response"]["response_type"] == "action_done", said)
            await house.comes_to(lamp, state, 10)
        said = await house.say("what is seven times eight", agent)
        must("56" in said["speech"], said)
    await _remove(stage, "wyoming")


async def a_node_takes_its_device_back(stage: Stage) -> None:
    """With discovery switched off, nothing of the node is left in Home Assistant."""
    house = stage.house
    node = stage.renewed("attic", home_assistant__discovery="false")
    node.start()

    async def gone() -> bool:
        names = [entity["unique_id"] for entity in await house.entities_of("mqtt")]
        return not [name for name in names if name.startswith("forgebus_attic_")]

    await house.until(gone, "entities of the node stayed", OFTEN_S)
    stage.renewed("attic").start()
    await house.comes_to("sensor.forgebus_attic_state", "idle", OFTEN_S)


async def what_is_said_goes_by_the_openai_endpoint(stage: Stage) -> None:
    """`forgebus serve` as such an endpoint, and Home Assistant's own integration for llama.cpp."""
    house, port = stage.house, free_port()
    with _served(stage, {"OPENAI__LISTEN": f"127.0.0.1:{port}"}, port):
        flow = await house.post("config/config_entries/flow", {"handler": "llama_cpp"})
        flow = await stage.give(flow["flow_id"], {"base_url": f"http://127.0.0.1:{port}/v1"})
        made = await stage.give(flow["flow_id"], {"chat_model": "auto"})
        must(made["type"] == "create_entry", made)
        agents: list[str] = []

        async def found() -> bool:
            entities = [each["entity_id"] for each in await house.entities_of("llama_cpp")]
            agents[:] = [each for each in entities if each.startswith("conversation.")]
            return bool(agents)

        await house.until(found, "no agent came of it")
        await house.say("turn on the floor lamp", agents[0])
        await house.comes_to("light.floor_lamp", "on", 20)
        await house.say("turn off the floor lamp", agents[0])
        await house.comes_to("light.floor_lamp", "off", 20)
    await _remove(stage, "llama_cpp")


async def _remove(stage: Stage, domain: str) -> None:
    entries = await stage.house.get("config/config_entries/entry")
    (entry,) = [entry["entry_id"] for entry in entries if entry["domain"] == domain]
    await stage.house.delete(f"config/config_entries/entry/{entry}")


@contextmanager
def _wyoming(stage: Stage, token: str) -> Iterator[int]:
    """The Wyoming door, which asks Home Assistant what is exposed; its port."""
    secret, port = stage.folder / "token", free_port()
    secret.touch(0o600)
    secret.write_text(token)
    settings = {
        "WYOMING__LISTEN": f"127.0.0.1:{port}",
        "WYOMING__HOME_ASSISTANT_URL": stage.house.url,
        "WYOMING__TOKEN_FILE": str(secret),
    }
    with _served(stage, settings, port):
        yield port


@contextmanager
def _served(stage: Stage, settings: dict[str, str], port: int) -> Iterator[None]:
    """Doors as a process of their own, once this one listens."""
    broker = {
        "BROKER__PORT": str(stage.broker.port),
        "BROKER__START": "never",
        "DOORS__PASSWORD_FILE": str(stage.password_file("doors")),
    }
    told = {f"FORGEBUS_{key}": value for key, value in (broker | settings).items()}
    with (stage.folder / "doors.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "daemon.cli", "serve"],
            env=os.environ | told,
            stdout=log,
            stderr=log,
        )
    try:
        until(lambda: _listens(port), "the door did not open")
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def doors(environment: Environment) -> list[Check]:
    """The checks for this version: the older one has no integration for llama.cpp."""
    played: list[Check] = [
        nodes_are_devices_by_discovery,
        what_nodes_do_is_seen_and_steered,
        the_examples_automation_asks_and_reacts,
        a_dead_nodes_entities_are_unavailable,
        what_is_said_to_assist_goes_by_wyoming,
    ]
    if (environment.components() / "llama_cpp").is_dir():
        played.append(what_is_said_goes_by_the_openai_endpoint)
    return [*played, a_node_takes_its_device_back]
