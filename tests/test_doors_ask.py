"""The doors for apps that only publish, tried with Debian's own clients and with bare paho."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import paho.mqtt.client as paho
import pytest
from broker_fixture import BrokerProcess, eventually
from node_process import NodeProcess, on_the_bus, quarantined
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from daemon.hub import SETTLE_S
from daemon.mesh import Mesh

BASE = "forgebus/v1"
ECHO = "selftest_echo"
PUB, SUB = shutil.which("mosquitto_pub"), shutil.which("mosquitto_sub")
debian = pytest.mark.skipif(PUB is None or SUB is None, reason="mosquitto-clients is not installed")


@pytest.fixture
async def hub(broker: BrokerProcess, tmp_path: Path) -> Any:
    node = NodeProcess(tmp_path, broker.port, "hub", (ECHO,))
    node.start()
    async with Mesh(port=broker.port, login="watch") as mesh:
        await on_the_bus(mesh, "hub")
        yield node
    node.kill()


async def run(*command: str | None, within_s: float = 20.0) -> str:
    process = await asyncio.create_subprocess_exec(
        *(part for part in command if part is not None), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await asyncio.wait_for(process.communicate(), within_s)
    return out.decode()


async def hear_one(port: int, topic: str, *publish: str) -> str:
    """What mosquitto_sub prints of the first message on `topic` after a mosquitto_pub."""
    at = ("-p", str(port))
    hearing = asyncio.create_task(run(SUB, *at, "-t", topic, "-C", "1", "-W", "15"))
    await asyncio.sleep(0.5)
    await run(PUB, *at, *publish)
    return (await hearing).strip()


@debian
@pytest.mark.parametrize("version", ["mqttv311", "mqttv5"])
async def test_plain_text_is_answered_on_the_apps_own_topic(
    broker: BrokerProcess, hub: NodeProcess, version: str
) -> None:
    ask = f"{BASE}/ask/nodered/{ECHO}"
    publish = ("-V", version, "-t", ask, "-m", "turn off the kitchen lights")
    answer = orjson.loads(await hear_one(broker.port, f"{BASE}/answer/nodered/{ECHO}", *publish))
    assert answer["outcome"] == "done"
    assert answer["result"] == "turn off the kitchen lights"
    assert answer["node"] == "hub"


@debian
async def test_json_chooses_its_answer_topic_and_id(
    broker: BrokerProcess, hub: NodeProcess
) -> None:
    topic = f"{BASE}/answer/nodered/lights"
    ask = {"content": {"text": "hi"}, "id": "n1", "reply_to": topic, "priority": 9}
    publish = ("-t", f"{BASE}/ask/nodered/{ECHO}", "-m", orjson.dumps(ask).decode())
    answer = orjson.loads(await hear_one(broker.port, topic, *publish))
    assert (answer["id"], answer["outcome"], answer["result"]) == ("n1", "done", {"text": "hi"})


@debian
async def test_mqtt_5_response_topic_wins_and_the_correlation_comes_back(
    broker: BrokerProcess, hub: NodeProcess
) -> None:
    topic = f"{BASE}/answer/ha/mine"
    ask = f"{BASE}/ask/ha/{ECHO}"
    request: tuple[str, ...] = ("-V", "mqttv5", "-D", "PUBLISH", "response-topic", topic)
    request += ("-D", "PUBLISH", "correlation-data", "c-17", "-t", ask, "-m", '{"content": 5}')
    at = ("-p", str(broker.port), "-V", "mqttv5", "-t", topic, "-C", "1", "-W", "15")
    hearing = asyncio.create_task(run(SUB, *at, "-F", "%D %p"))
    await asyncio.sleep(0.5)
    await run(PUB, "-p", str(broker.port), *request)
    correlation, _, payload = (await hearing).strip().partition(" ")
    assert correlation == "c-17"
    assert orjson.loads(payload)["result"] == 5


@debian
@pytest.mark.parametrize(
    "elsewhere", [f"{BASE}/answer/victim/x", f"{BASE}/in/victim/hub/final", "light/kitchen/set"]
)
async def test_a_reply_topic_of_somebody_else_is_refused(
    broker: BrokerProcess, hub: NodeProcess, elsewhere: str
) -> None:
    ask = orjson.dumps({"content": "x", "id": "n1", "reply_to": elsewhere}).decode()
    publish = ("-t", f"{BASE}/ask/mallory/{ECHO}", "-m", ask)
    answer = orjson.loads(await hear_one(broker.port, f"{BASE}/answer/mallory/{ECHO}", *publish))
    assert answer["rejected"] == "denied"
    assert elsewhere in answer["error"]
    await eventually(lambda: ("mallory", "reply-topic") in quarantined(hub), "not quarantined")


@debian
async def test_a_malformed_ask_is_told_what_is_wrong(
    broker: BrokerProcess, hub: NodeProcess
) -> None:
    publish = ("-t", f"{BASE}/ask/nodered/{ECHO}", "-m", '{"content": "x", "prioriti": 3}')
    answer = orjson.loads(await hear_one(broker.port, f"{BASE}/answer/nodered/{ECHO}", *publish))
    assert answer["rejected"] == "invalid"
    assert "prioriti" in answer["error"]


@pytest.fixture
def client(broker: BrokerProcess, request: pytest.FixtureRequest) -> Iterator[paho.Client]:
    made = paho.Client(CallbackAPIVersion.VERSION2, "esp32", protocol=request.param)
    made.connect("127.0.0.1", broker.port)
    made.loop_start()
    yield made
    made.disconnect()
    made.loop_stop()


@pytest.mark.parametrize("client", [paho.MQTTv311, paho.MQTTv5], indirect=True)
async def test_a_bare_client_of_either_version_speaks_the_submit_protocol(
    hub: NodeProcess, client: paho.Client
) -> None:
    """What a program in any language does: publish a submit, hear the final, acknowledge it."""
    heard: list[tuple[str, Any]] = []
    final = threading.Event()

    def on_message(_client: paho.Client, _userdata: Any, message: paho.MQTTMessage) -> None:
        kind = message.topic.rpartition("/")[2]
        heard.append((kind, orjson.loads(message.payload)))
        if kind == "final":
            final.set()

    client.on_message = on_message
    client.subscribe(f"{BASE}/in/esp32/#", 1)
    await asyncio.sleep(0.3)
    submit = {"id": "t1", "capability": ECHO, "content": [1, 2]}
    client.publish(f"{BASE}/in/hub/esp32/submit", orjson.dumps(submit), 1)
    assert await asyncio.to_thread(final.wait, 15)
    kinds = [kind for kind, _ in heard]
    answer = next(payload for kind, payload in heard if kind == "final")
    assert (answer["id"], answer["outcome"], answer["result"]) == ("t1", "done", [1, 2])
    client.publish(f"{BASE}/in/hub/esp32/final_ack", orjson.dumps({"ids": ["t1"]}), 1)
    client.publish(f"{BASE}/in/hub/esp32/submit", orjson.dumps(submit), 1)
    await asyncio.sleep(1.0)
    assert [kind for kind, _ in heard].count("final") == kinds.count("final") + 1, (
        "the same id again is answered by the same final, not by a second run"
    )


async def test_the_response_topic_of_a_paho_client(broker: BrokerProcess, hub: NodeProcess) -> None:
    answered = threading.Event()
    heard: list[paho.MQTTMessage] = []

    def on_message(_client: paho.Client, _userdata: Any, message: paho.MQTTMessage) -> None:
        heard.append(message)
        answered.set()

    made = paho.Client(CallbackAPIVersion.VERSION2, "rpc", protocol=paho.MQTTv5)
    made.on_message = on_message
    made.connect("127.0.0.1", broker.port)
    made.loop_start()
    try:
        made.subscribe(f"{BASE}/answer/rpc/#", 1)
        await asyncio.sleep(0.3)
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.ResponseTopic = f"{BASE}/answer/rpc/calls"
        properties.CorrelationData = b"\x00\xff7"
        made.publish(f"{BASE}/ask/rpc/{ECHO}", b'"hello"', 1, properties=properties)
        assert await asyncio.to_thread(answered.wait, 15)
    finally:
        made.disconnect()
        made.loop_stop()
    assert orjson.loads(heard[0].payload)["result"] == "hello"
    assert getattr(heard[0].properties, "CorrelationData", None) == b"\x00\xff7"


async def test_another_hub_takes_over_from_a_frozen_one(
    broker: BrokerProcess, tmp_path: Path
) -> None:
    """Every ask is answered, although the hub whose turn it is does not move."""
    hubs = [NodeProcess(tmp_path, broker.port, id_, (ECHO,)) for id_ in ("hub-a", "hub-b")]
    for node in hubs:
        node.start()
    answers: set[str] = set()
    try:
        async with Mesh(port=broker.port, login="watch") as mesh:
            await on_the_bus(mesh, "hub-a", "hub-b")
            hubs[0].freeze()
            made = paho.Client(CallbackAPIVersion.VERSION2, "nodered")
            made.on_message = lambda _c, _u, message: answers.add(
                orjson.loads(message.payload)["result"]
            )
            made.connect("127.0.0.1", broker.port)
            made.loop_start()
            made.subscribe(f"{BASE}/answer/nodered/#", 1)
            await asyncio.sleep(0.3)
            wanted = {f"ask {number}" for number in range(8)}
            for text in wanted:
                made.publish(f"{BASE}/ask/nodered/{ECHO}", text.encode(), 1)
            async with asyncio.timeout(20):
                while answers != wanted:  # noqa: ASYNC110 - filled by another thread
                    await asyncio.sleep(0.05)
            made.disconnect()
            made.loop_stop()
    finally:
        for node in hubs:
            node.kill()


async def test_an_ask_that_the_broker_keeps_is_done_once(
    broker: BrokerProcess, hub: NodeProcess
) -> None:
    """A retained message comes again with every connection; it must not be a task each time."""
    heard: list[str] = []
    app = paho.Client(CallbackAPIVersion.VERSION2, "ha")
    app.on_message = lambda _c, _u, message: heard.append(message.topic)
    app.connect("127.0.0.1", broker.port)
    app.loop_start()
    try:
        app.subscribe(f"{BASE}/answer/ha/#", 1)
        app.publish(f"{BASE}/ask/ha/{ECHO}", "lights off", 1, retain=True).wait_for_publish(5)
        await eventually(lambda: bool(heard), "no answer to the live message")
        hub.restart()
        await eventually(
            lambda: ("ha", "wrong-shape") in quarantined(hub), "the kept copy was not put aside"
        )
        async with Mesh(port=broker.port, login="watch", home="hub") as mesh:
            await on_the_bus(mesh, "hub")
            answer = await asyncio.wait_for((await mesh.submit(ECHO, "after it")).final(), 20)
            assert answer.outcome == "done"
        assert len(heard) == 1
    finally:
        app.disconnect()
        app.loop_stop()


async def test_a_hub_that_comes_back_does_not_do_again_what_another_did(
    broker: BrokerProcess, hub: NodeProcess, tmp_path: Path
) -> None:
    """The broker keeps the asks of the last minute for it, and after them who took them."""
    other = NodeProcess(tmp_path, broker.port, "other", (ECHO,))
    other.start()
    heard: list[bytes] = []
    app = paho.Client(CallbackAPIVersion.VERSION2, "ha")
    app.on_message = lambda _c, _u, message: heard.append(bytes(message.payload))
    app.connect("127.0.0.1", broker.port)
    app.loop_start()
    try:
        app.subscribe(f"{BASE}/answer/ha/#", 1)
        async with Mesh(port=broker.port, login="watch") as mesh:
            await on_the_bus(mesh, "hub", "other")
            other.stop()
            for number in range(6):
                app.publish(f"{BASE}/ask/ha/{ECHO}", f"toggle {number}", 1).wait_for_publish(5)
            await eventually(lambda: len(heard) == 6, "the hub that stayed did not answer")
            other.start()
            await on_the_bus(mesh, "hub", "other")
            await asyncio.sleep(SETTLE_S + 1.0)
            assert len(heard) == 6
            app.publish(f"{BASE}/ask/ha/{ECHO}", "once more", 1).wait_for_publish(5)
            await eventually(lambda: len(heard) == 7, "no answer afterwards")
    finally:
        app.disconnect()
        app.loop_stop()
        other.kill()
