"""The doors that need nothing installed in Home Assistant, tried in a real one: discovery of nodes, and Wyoming."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from broker_fixture import free_port
from ha_checks import must
from ha_stage import NODES, Stage

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
    with _door(stage, token) as port:
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
    entries = await house.get("config/config_entries/entry")
    (entry,) = [entry["entry_id"] for entry in entries if entry["domain"] == "wyoming"]
    await house.delete(f"config/config_entries/entry/{entry}")


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


@contextmanager
def _door(stage: Stage, token: str) -> Iterator[int]:
    """The Wyoming door as a process of its own; its port."""
    secret = stage.folder / "token"
    secret.touch(0o600)
    secret.write_text(token)
    port = free_port()
    settings = {
        "BROKER__PORT": str(stage.broker.port),
        "BROKER__START": "never",
        "DOORS__PASSWORD_FILE": str(stage.password_file("doors")),
        "WYOMING__LISTEN": f"127.0.0.1:{port}",
        "WYOMING__HOME_ASSISTANT_URL": stage.house.url,
        "WYOMING__TOKEN_FILE": str(secret),
    }
    environment = os.environ | {f"FORGEBUS_{key}": value for key, value in settings.items()}
    with (stage.folder / "doors.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "daemon.cli", "serve"], env=environment, stdout=log, stderr=log
        )
    try:
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


DOORS = (
    nodes_are_devices_by_discovery,
    what_nodes_do_is_seen_and_steered,
    a_dead_nodes_entities_are_unavailable,
    what_is_said_to_assist_goes_by_wyoming,
    a_node_takes_its_device_back,
)
