"""Every example does what its first lines say: on a real broker, with a real node, or against the contract."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
import yaml
from broker_fixture import SETTINGS, BrokerProcess, until
from cli_call import clean_environment
from node_process import NodeProcess
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from bus_topics import codec
from bus_topics import messages as m
from bus_topics.topics import DEFAULT_BASE, parse

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"
FLOW: list[dict[str, Any]] = json.loads((EXAMPLES / "node_red" / "flow.json").read_text())
SKETCH = (EXAMPLES / "esp32" / "forgebus_ask" / "forgebus_ask.ino").read_text()
PACKAGE = yaml.safe_load((EXAMPLES / "home_assistant" / "forgebus.yaml").read_text())
TWELVE = "12"  # what is 15% of 80


@dataclass(frozen=True)
class RunningBus:
    """A broker with one node that calculates and tells stories."""

    port: int
    clients: Path
    """A folder with the settings of Debian's clients, so that they find this broker by themselves."""

    def run(self, *command: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
        environment = clean_environment() | {"XDG_CONFIG_HOME": str(self.clients)} | more
        return subprocess.run(
            [str(part) for part in command],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@pytest.fixture(scope="module")
def bus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBus]:
    folder = tmp_path_factory.mktemp("examples")
    broker = BrokerProcess(folder, SETTINGS + "allow_anonymous true\n")
    broker.start()
    node = NodeProcess(folder, broker.port, "kitchen", ("math", "text_generation"))
    node.start()
    for client in ("mosquitto_pub", "mosquitto_sub", "mosquitto_rr"):
        (folder / client).write_text(f"-p {broker.port}\n")
    running = RunningBus(broker.port, folder)
    try:
        seen = lambda: "online" in running.run(  # noqa: E731 - a condition
            *("mosquitto_sub", "-C", "1", "-W", "1", "-t", f"{DEFAULT_BASE}/node/+/status")
        ).stdout  # fmt: skip
        until(seen, "the node did not come")
        yield running
    finally:
        node.stop()
        broker.kill()


def needs(*programs: str) -> None:
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")


def one_liners() -> list[str]:
    """The blocks of the README and the page about apps that begin with one of Debian's clients."""
    pages = (ROOT / "README.md", ROOT / "docs" / "apps.md")
    blocks = [
        block
        for page in pages
        for block in re.findall(r"^```sh\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    ]
    found = [block for block in blocks if "mosquitto_" in block and "apt-get" not in block]
    assert len(found) >= 3
    return found


@pytest.mark.parametrize("block", one_liners())
def test_the_one_liners_of_the_pages_get_their_answer(bus: RunningBus, block: str) -> None:
    needs("mosquitto_rr", "mosquitto_sub", "mosquitto_pub")
    done = bus.run("sh", "-c", f"{block}\nwait")
    answers = [codec.decode(line.encode(), m.Answer) for line in done.stdout.splitlines()]
    assert answers, done.stderr
    for answer in answers:
        assert answer.outcome is m.Outcome.DONE
        assert TWELVE in bytes(answer.result or b"").decode()


def test_the_shell_script_prints_the_answer_and_ends_as_the_task_did(bus: RunningBus) -> None:
    needs("mosquitto_rr")
    asked = (EXAMPLES / "ask.sh", "math")
    port = {"PORT": str(bus.port)}
    done = bus.run(*asked, "what is 15% of 80", **port)
    assert (done.returncode, json.loads(done.stdout)["result"]["answer"]) == (0, TWELVE)
    refused = bus.run(*asked, "{ no JSON", **port)
    assert (refused.returncode, json.loads(refused.stdout)["rejected"]) == (1, "invalid")
    assert bus.run(*asked, "1 + 1", PORT="1").returncode == 4
    assert bus.run(EXAMPLES / "ask.sh").returncode == 2


def test_the_client_without_our_package_needs_none_of_it(bus: RunningBus) -> None:
    script = EXAMPLES / "python_paho.py"
    imported = {
        str(node.module if isinstance(node, ast.ImportFrom) else node.names[0].name).partition(".")[
            0
        ]
        for node in ast.walk(ast.parse(script.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert imported - set(sys.stdlib_module_names) == {"paho"}
    done = bus.run(sys.executable, script, "--port", str(bus.port), "math", "what is 15% of 80")
    assert (done.returncode, json.loads(done.stdout)["result"]["answer"]) == (0, TWELVE)
    nobody = bus.run(sys.executable, script, "--port", "1", "math", "1 + 1")
    assert (nobody.returncode, nobody.stdout) == (4, "")


def test_the_client_of_our_own_asks_follows_and_looks(bus: RunningBus) -> None:
    script = EXAMPLES / "python_mesh.py"
    there = {"PYTHONPATH": str(ROOT)}
    done = bus.run(sys.executable, script, "--port", str(bus.port), **there)
    assert done.returncode == 0, done.stderr
    assert f'kitchen says {{"answer":"{TWELVE}"' in done.stdout
    assert "kitchen: online" in done.stdout
    assert bus.run(sys.executable, script, "--port", "1", **there).returncode == 4


class App:
    """A client with the packets that somebody else's program would send; it keeps what came."""

    def __init__(self, port: int, login: str, protocol: MQTTProtocolVersion) -> None:
        clean = True if protocol is MQTTProtocolVersion.MQTTv311 else None
        self.came: list[bytes] = []
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=login, clean_session=clean, protocol=protocol
        )
        self._ready = threading.Event()
        self._client.on_message = lambda _client, _data, message: self.came.append(
            bytes(message.payload)
        )
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.connect("127.0.0.1", port, keepalive=15)
        self._client.loop_start()

    def subscribe(self, topic: str, qos: int) -> None:
        self._ready.clear()
        self._client.subscribe(topic, qos)
        assert self._ready.wait(10)

    def ask(self, topic: str, payload: bytes, qos: int) -> m.Answer:
        """Publish, and the next thing that comes."""
        before = len(self.came)
        self._client.publish(topic, payload, qos)
        until(lambda: len(self.came) > before, "no answer came")
        return codec.decode(self.came[before], m.Answer)

    def leave(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def constant(name: str) -> str:
    """What the sketch calls so, as the compiler reads it."""
    found = re.search(rf'\b{name}\[\] = ("(?:[^"\\]|\\.)*")', SKETCH)
    assert found, name
    text: str = json.loads(found[1])
    return text


def number(name: str) -> int:
    found = re.search(rf"\b{name} = (\d+);", SKETCH)
    assert found, name
    return int(found[1])


def test_the_sketch_asks_with_mqtt_3_1_1(bus: RunningBus) -> None:
    login, topic = constant("LOGIN"), constant("ASK_TOPIC")
    asked, answered = parse(DEFAULT_BASE, topic), parse(DEFAULT_BASE, constant("ANSWER_TOPIC"))
    assert (asked.topic.name, asked.sender) == ("ask", login)
    assert (answered.topic.name, answered.to) == ("answer", login)
    assert asked.capability == answered.capability
    payload = (constant("ASK_PAYLOAD") % 41).encode()  # C and Python write %lu and %% alike
    ask = codec.decode_ask(payload)
    assert ask.id == f"{login}-41"
    assert ask.deadline_ms < number("ASK_AGAIN_MS")

    app = App(bus.port, login, MQTTProtocolVersion.MQTTv311)
    try:
        app.subscribe(constant("ANSWER_TOPIC"), 1)
        answer = app.ask(topic, payload, 0)
        assert constant("DONE").encode() in app.came[0]
        assert f'"id":"{ask.id}"'.encode() in app.came[0]
        assert len(app.came[0]) + 200 < number("LARGEST_ANSWER")
        assert app.ask(topic, payload, 0).result == answer.result  # sent again it is one task
        assert app.ask(topic, b"what is 15% of 80", 1).outcome is m.Outcome.DONE
    finally:
        app.leave()


def test_the_flow_is_whole_and_of_the_contract() -> None:
    ids = [node["id"] for node in FLOW]
    assert len(set(ids)) == len(ids)
    for node in FLOW:
        assert {target for wire in node.get("wires", []) for target in wire} <= set(ids)
        assert node["type"] == "mqtt-broker" or node.get("broker", ids[0]) in ids
    heard = next(node for node in FLOW if node["type"] == "mqtt in")
    assert heard["topic"] == f"{DEFAULT_BASE}/answer/nodered/#"
    broker = next(node for node in FLOW if node["type"] == "mqtt-broker")
    assert broker["protocolVersion"] == "5"


def test_what_the_flow_publishes_is_an_ask(bus: RunningBus) -> None:
    needs("node")
    function = next(node for node in FLOW if node["type"] == "function")["func"]
    question = next(node for node in FLOW if node["type"] == "inject")["payload"]
    program = (
        f"const made = (msg => {{ {function}\n }})({{_msgid: '1f', payload: {json.dumps(question)}}});"
        "console.log(JSON.stringify([made.topic, JSON.stringify(made.payload)]))"
    )
    done = subprocess.run(["node", "-e", program], capture_output=True, text=True, check=True)
    topic, payload = json.loads(done.stdout)
    ask = codec.decode_ask(payload.encode())
    assert ask.id == "flow-1f"
    assert ask.reply_to is not None
    app = App(bus.port, "nodered", MQTTProtocolVersion.MQTTv5)
    try:
        app.subscribe(next(node for node in FLOW if node["type"] == "mqtt in")["topic"], 1)
        answer = app.ask(topic, payload.encode(), 1)
        assert (answer.id, answer.outcome) == (ask.id, m.Outcome.DONE)
    finally:
        app.leave()


def test_the_flow_runs_in_node_red(bus: RunningBus, tmp_path: Path) -> None:
    program = os.environ.get("NODE_RED") or shutil.which("node-red")
    if program is None:
        pytest.skip(
            "node-red is not installed: npm install node-red, and NODE_RED names its program"
        )
    port = json.dumps(str(bus.port))
    flow = (EXAMPLES / "node_red" / "flow.json").read_text().replace('"1883"', port)
    (tmp_path / "flows.json").write_text(flow)
    (tmp_path / "settings.js").write_text(
        'module.exports = {uiHost: "127.0.0.1", uiPort: 0, flowFile: "flows.json",'
        " telemetry: {enabled: false}, editorTheme: {tours: false}}"
    )
    log = tmp_path / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [program, "-u", tmp_path, "-s", tmp_path / "settings.js"], stdout=out, stderr=out
        )
    try:
        until(lambda: f"answer: '{TWELVE}'" in log.read_text(), "no answer in Node-RED", 60)
    finally:
        process.terminate()
        process.wait(20)


def rendered(template: str, **known: object) -> str:
    """A template of Home Assistant's with what is used of its filters."""
    jinja2 = pytest.importorskip("jinja2", reason="jinja2 is not installed")
    environment = jinja2.Environment(autoescape=False)
    environment.filters["to_json"] = json.dumps
    text: str = environment.from_string(template).render(
        states=lambda _: "what is 15% of 80", **known
    )
    return text


def test_the_automation_asks_and_reacts(bus: RunningBus) -> None:
    asking, reacting = PACKAGE["automation"]
    (publish,) = asking["actions"]
    data = publish["data"]
    (heard,) = reacting["triggers"]
    asked = parse(DEFAULT_BASE, data["topic"])
    assert (publish["action"], asked.topic.name, asked.sender) == (
        "mqtt.publish",
        "ask",
        "homeassistant",
    )
    assert data["retain"] is False  # a kept ask would be a task with every connection
    state = {
        "state": "what is 15% of 80",
        "context": {"id": "01JD0000000000000000000000"},
    }
    payload = rendered(data["payload"], trigger={"to_state": state})
    assert codec.decode_ask(payload.encode()).reply_to is None
    answered = parse(DEFAULT_BASE, heard["topic"])
    assert (answered.topic.name, answered.to) == ("answer", "homeassistant")
    assert answered.capability == asked.capability

    app = App(bus.port, "homeassistant", MQTTProtocolVersion.MQTTv5)
    try:
        app.subscribe(heard["topic"], heard["qos"])
        answer = app.ask(data["topic"], payload.encode(), data["qos"])
        assert answer.outcome is m.Outcome.DONE
        assert reaction(reacting, app.came[0]) == TWELVE
        unsure = payload.replace("what is 15% of 80", "what is the meaning of it all").replace(
            "01JD", "01JE"
        )
        app.ask(data["topic"], unsure.encode(), data["qos"])
        refused = payload.replace('"id"', '"once": 1, "ID"')
        app.ask(data["topic"], refused.encode(), data["qos"])
        for other in app.came[1:]:
            words = reaction(reacting, other)
            assert len(words) > 5, other
            assert words != TWELVE
    finally:
        app.leave()


def reaction(automation: dict[str, Any], payload: bytes) -> str:
    """The message that the automation shows for this answer."""
    trigger = {"payload_json": json.loads(payload)}
    (choice,) = automation["actions"]
    (branch,) = choice["choose"]
    (condition,) = branch["conditions"]
    (shown,) = choice["default"]
    if rendered(condition["value_template"], trigger=trigger).strip() == "True":
        (shown,) = branch["sequence"]
    return rendered(shown["data"]["message"], trigger=trigger).strip()
