"""What the custom integration must show in a real Home Assistant; each check goes on where the last one ended."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Any

from ha_house import HouseError
from ha_stage import NODES, Stage


async def is_found_and_set_up(stage: Stage) -> None:
    """Found by a node's card; a wrong login is told in the flow, the right one makes the entry."""
    house = stage.house

    async def found() -> list[dict[str, Any]]:
        flows = await house.ask("config_entries/flow/progress")
        return [flow for flow in flows if flow["handler"] == "forgebus"]

    await house.until(found, "no flow of ours was begun by a card")
    (flow,) = await found()
    must(flow["context"]["source"] == "mqtt", flow)
    refused = await stage.give(flow["flow_id"], {"login": "somebody-else"})
    must(refused.get("errors") == {"base": "no_answer"}, refused)
    made = await stage.give(flow["flow_id"], {"login": "homeassistant"})
    must(made["type"] == "create_entry", made)
    stage.entry = made["result"]["entry_id"]
    stage.agent = await _entity(stage, "_agent")
    stage.data = await _entity(stage, "_data")


async def a_second_entry_is_refused(stage: Stage) -> None:
    """The same bus twice is none."""
    twice = await stage.fill("forgebus", {"base": "forgebus/v1", "login": "homeassistant"})
    must(twice["type"] == "abort" and twice["reason"] == "already_configured", twice)


async def a_command_turns_a_light_on(stage: Stage) -> None:
    """conversation.process with our agent: one lamp, then a room, and a question."""
    house = stage.house
    must(await house.state("light.bedroom_lamp") == "off", "the lamp was on before")
    said = await house.say("turn on the bedroom lamp", stage.agent)
    await house.comes_to("light.bedroom_lamp", "on", 5)
    must(said["response"]["response_type"] == "action_done", said)
    # The words are ours: Home Assistant's own agent says "Turned on the light".
    must(said["speech"] == "Turned on Bedroom Lamp.", said)
    must(await house.state("light.kitchen_counter") == "off", "another lamp was turned on too")
    said = await house.say("turn on all the lights in the kitchen", stage.agent)
    must(said["speech"] == "Turned on Kitchen Ceiling and Kitchen Counter.", said)
    for light in ("light.kitchen_ceiling", "light.kitchen_counter"):
        await house.comes_to(light, "on", 5)
    said = await house.say("is the kitchen ceiling light on?", stage.agent)
    must(said["response"]["response_type"] == "query_answer", said)
    must(said["speech"] == "Kitchen Ceiling is On.", said)
    said = await house.say("schalte die Floor Lamp ein", stage.agent, language="de")
    await house.comes_to("light.floor_lamp", "on", 5)
    must(said["speech"] == "Floor Lamp eingeschaltet.", said)
    await house.say("turn off all the lights", stage.agent)
    await house.comes_to("light.bedroom_lamp", "off", 5)


async def what_is_not_exposed_stays_as_it_is(stage: Stage) -> None:
    """Assist may not use the lamp any more: so it is not in what the bus is told."""
    house = stage.house
    told = {"assistants": ["conversation"], "entity_ids": ["light.bedroom_lamp"]}
    await house.ask("homeassistant/expose_entity", **told, should_expose=False)
    await house.say("turn on the bedroom lamp", stage.agent)
    must(await house.state("light.bedroom_lamp") == "off", "it was commanded all the same")
    await house.ask("homeassistant/expose_entity", **told, should_expose=True)
    await house.say("turn on the bedroom lamp", stage.agent)
    await house.comes_to("light.bedroom_lamp", "on", 5)


async def an_abstention_goes_to_the_next_agent(stage: Stage) -> None:
    """A sentence that only this Home Assistant knows, by an automation."""
    said = await stage.house.say("let the party begin", stage.agent)
    must(said["speech"] == "The party has begun.", said)
    said = await stage.house.say("colourless green ideas sleep furiously", stage.agent)
    must(said["response"]["data"].get("code") == "no_intent_match", said)


async def talk_comes_in_pieces(stage: Stage) -> None:
    """With talk switched on, what nobody understands is told a text about, in a pipeline, as it is written."""
    house = stage.house
    flow = await house.post("config/config_entries/options/flow", {"handler": stage.entry})
    told = {
        "capability": "text_generation",
        "next_agent": "conversation.home_assistant",
        "talk": True,
    }
    made = await house.post(f"config/config_entries/options/flow/{flow['flow_id']}", told)
    must(made["type"] == "create_entry", made)
    await house.until(lambda: _is_available(stage, stage.agent), "the agent did not come back")
    pipeline = await house.ask("assist_pipeline/pipeline/create", **_pipeline(stage.agent))
    number = await house.send(
        "assist_pipeline/run",
        start_stage="intent",
        end_stage="intent",
        pipeline=pipeline["id"],
        input={"text": "tell me a story about a fox and a lantern"},
    )
    events = await house.events(number, lambda event: event["type"] == "run-end")
    pieces = [
        event["data"]["chat_log_delta"].get("content", "")
        for event in events
        if event["type"] == "intent-progress" and "chat_log_delta" in event["data"]
    ]
    (end,) = [event["data"] for event in events if event["type"] == "intent-end"]
    whole = end["intent_output"]["response"]["speech"]["plain"]["speech"]
    must(
        len([piece for piece in pieces if piece]) > 1, events
    )  # a quick node is done with its second
    must("".join(filter(None, pieces)) == whole, (pieces, whole))
    must("fox" in whole.lower(), whole)


async def an_ai_task_gives_structured_data(stage: Stage) -> None:
    """Data in the structure that was asked for."""
    given = await stage.house.act(
        "ai_task.generate_data",
        entity_id=stage.data,
        task_name="weather report",
        instructions="Tell of the weather in a few words.",
        structure={
            "summary": {"selector": {"text": {}}, "required": True},
            "warm": {"selector": {"boolean": {}}, "required": True},
            "degrees": {"selector": {"number": {"min": -20, "max": 40}}, "required": True},
            "sky": {"selector": {"select": {"options": ["clear", "cloudy"]}}, "required": True},
        },
    )
    data = given["data"]
    must(set(data) == {"summary", "warm", "degrees", "sky"}, data)
    must(isinstance(data["summary"], str) and isinstance(data["warm"], bool), data)
    must(-20 <= data["degrees"] <= 40 and data["sky"] in ("clear", "cloudy"), data)
    plain = await stage.house.act(
        "ai_task.generate_data",
        entity_id=stage.data,
        task_name="story",
        instructions="Tell me a story about an owl.",
    )
    must(isinstance(plain["data"], str) and plain["data"], plain)


async def the_action_gives_its_answer(stage: Stage) -> None:
    """`forgebus.ask` returns what came of a task, and says what cannot be."""
    answer = await stage.house.act(
        "forgebus.ask", capability="intent_classification", content="turn on the lamp", deadline=20
    )
    must(answer["outcome"] == "done" and answer["node"] in NODES, answer)
    must(answer["result"]["intent"], answer)
    must(answer["provenance"]["handler"] == "intent_classification", answer)
    try:
        await stage.house.act("forgebus.ask", capability="vision", content="a picture")
    except HouseError as fault:
        must(": 500 " in str(fault) or ": 400 " in str(fault), fault)
    else:
        raise HouseError("a capability that nobody has was answered")


async def sensors_follow_the_bus(stage: Stage) -> None:
    """Nodes online, tasks, the last winner and why; a device for each node."""
    house = stage.house
    await house.comes_to(await _entity(stage, "_nodes_online"), "2")
    done = await _entity(stage, "_tasks_done")
    before = int(await house.state(done) or 0)
    await house.act("forgebus.ask", capability="intent_classification", content="hello")

    async def counted() -> bool:
        # An earlier check's task may be told only now.
        return int(await house.state(done) or 0) > before

    await house.until(counted, "a task that was done is not counted")
    winner = await house.whole(await _entity(stage, "_last_winner"))
    must(winner is not None and winner["state"] in NODES, winner)
    assert winner is not None
    must(bool(winner["attributes"]["reason"]), winner)
    for node in NODES:
        await house.comes_to(await _entity(stage, f"_{node}_online"), "on")
    devices = await house.ask("config/device_registry/list")
    names = {d["name"] for d in devices if stage.entry in d["config_entries"]}
    must(names >= {"Forgebus", *NODES}, names)


async def diagnostics_keep_secrets(stage: Stage) -> None:
    """What is downloaded names nodes and no login."""
    told = await stage.house.get(f"diagnostics/config_entry/{stage.entry}")
    must(told["data"]["entry"]["data"]["login"] == "**REDACTED**", told["data"]["entry"])
    must({node["node"] for node in told["data"]["nodes"]} == set(NODES), told["data"]["nodes"])
    must(told["data"]["connected"] is True, told["data"])


async def a_node_dies_and_comes_back(stage: Stage) -> None:
    """kill -9 of one node is seen; the other goes on; it is seen when it is back."""
    house, node = stage.house, stage.nodes["attic"]
    online = await _entity(stage, "_attic_online")
    node.kill()
    await house.comes_to(online, "off")
    await house.comes_to(await _entity(stage, "_attic_tasks_won"), "unavailable")
    await house.comes_to(await _entity(stage, "_nodes_online"), "1")
    await _switch(stage, "light.kitchen_counter", on=True)
    node.start()
    await house.comes_to(online, "on")
    await house.comes_to(await _entity(stage, "_nodes_online"), "2")


async def without_nodes_the_next_agent_does_it(stage: Stage) -> None:
    """Nobody is there: commands still work, by Home Assistant's own agent, and a repair says why."""
    house = stage.house
    for node in stage.nodes.values():
        node.kill()
    await house.comes_to(await _entity(stage, "_nodes_online"), "0")
    await _switch(stage, "light.kitchen_counter", on=False)

    async def told() -> bool:
        return "no_hub" in await house.issues()

    await house.until(told, "no repair says that nobody is there", 60)
    for node in stage.nodes.values():
        node.start()
    await house.comes_to(await _entity(stage, "_nodes_online"), "2")

    async def healed() -> bool:
        return not await house.issues()

    await house.until(healed, "the repair stayed", 30)


async def a_broker_dies_and_comes_back(stage: Stage) -> None:
    """kill -9 of the broker: unavailable, a repair when it lasts, and all as it was when it is back."""
    house = stage.house
    sensor = await _entity(stage, "_nodes_online")
    stage.broker.kill()
    await house.comes_to(sensor, "unavailable")
    await house.comes_to(stage.agent, "unavailable")
    # Home Assistant's own agent goes on.
    await _switch(stage, "light.kitchen_counter", on=True)

    async def told() -> bool:
        return "no_broker" in await house.issues()

    await house.until(told, "no repair tells of the broker", 60)
    stage.broker.start()
    await house.comes_to(sensor, "2", 60)
    await house.until(lambda: _is_available(stage, stage.agent), "the agent stayed unavailable")

    async def healed() -> bool:
        return not await house.issues()

    await house.until(healed, "the repair stayed", 30)
    await _switch(stage, "light.kitchen_counter", on=False)


async def an_answer_outlives_the_broker(stage: Stage) -> None:
    """The broker is killed with an ask that it keeps for frozen nodes: it is sent again, and answered."""
    for node in stage.nodes.values():
        node.freeze()  # of one that is killed the broker tells, and nothing would be asked of it
    asked = asyncio.ensure_future(
        stage.house.act(
            "forgebus.ask",
            capability="text_generation",
            content="tell me a story about a whale",
            deadline=60,
        )
    )
    await asyncio.sleep(0.5)  # the broker has acknowledged it, and had no time to store it
    must(not asked.done(), "it was answered by nobody")
    stage.broker.kill()
    for node in stage.nodes.values():
        os.kill(node.pid, signal.SIGKILL)  # before it wakes and reads what the broker has sent
        node.kill()
    stage.broker.start()
    for node in stage.nodes.values():
        node.start()
    answer = await asked
    must(answer["outcome"] == "done" and answer["result"]["text"], answer)


async def it_starts_again_as_it_was(stage: Stage) -> None:
    """Reloaded, then with a Home Assistant that is started anew: one entry, no new entities, commands work."""
    house = stage.house
    before = {entity["entity_id"] for entity in await house.entities_of("forgebus")}
    await house.post(f"config/config_entries/entry/{stage.entry}/reload", {})
    await house.comes_to(await _entity(stage, "_nodes_online"), "2")
    await house.leave()
    house.stop()
    house.start()
    await house.reach()
    await house.comes_to(await _entity(stage, "_nodes_online"), "2", 60)
    must({e["entity_id"] for e in await house.entities_of("forgebus")} == before, before)
    await _switch(stage, "light.kitchen_counter", on=True)


async def it_leaves_nothing_behind(stage: Stage) -> None:
    """Removed: no entity, no repair, no fault of ours in the log."""
    house = stage.house
    await house.delete(f"config/config_entries/entry/{stage.entry}")
    must(not await house.entities_of("forgebus"), "entities stayed")
    must(not await house.issues(), "repairs stayed")
    must(not house.complaints(), "\n".join(house.complaints()))


def must(holds: object, otherwise: object) -> None:
    """Raises HouseError with what was seen instead."""
    if not holds:
        raise HouseError(str(otherwise))


async def _entity(stage: Stage, key: str) -> str:
    return await stage.ours(key)


async def _is_available(stage: Stage, entity_id: str) -> bool:
    return await stage.house.state(entity_id) not in (None, "unavailable")


async def _switch(stage: Stage, light: str, *, on: bool) -> None:
    """By a sentence to our agent."""
    name = light.partition(".")[2].replace("_", " ")
    await stage.house.say(f"turn {'on' if on else 'off'} the {name} light", stage.agent)
    await stage.house.comes_to(light, "on" if on else "off", 10)


def _pipeline(agent: str) -> dict[str, Any]:
    nothing = dict.fromkeys(
        ("stt_engine", "stt_language", "tts_engine", "tts_language", "tts_voice")
    )
    words = {"wake_word_entity": None, "wake_word_id": None}
    engine = {"conversation_engine": agent, "conversation_language": "en"}
    return {"name": "By the bus", "language": "en", **engine, **nothing, **words}


CHECKS = (
    is_found_and_set_up,
    a_second_entry_is_refused,
    a_command_turns_a_light_on,
    what_is_not_exposed_stays_as_it_is,
    an_abstention_goes_to_the_next_agent,
    talk_comes_in_pieces,
    an_ai_task_gives_structured_data,
    the_action_gives_its_answer,
    sensors_follow_the_bus,
    diagnostics_keep_secrets,
    a_node_dies_and_comes_back,
    without_nodes_the_next_agent_does_it,
    a_broker_dies_and_comes_back,
    an_answer_outlives_the_broker,
    it_starts_again_as_it_was,
    it_leaves_nothing_behind,
)
