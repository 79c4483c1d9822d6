"""The Wyoming server as Home Assistant meets it: the `wyoming` package's client, a real broker, a real node."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from assist_server import AssistServer
from broker_fixture import SETTINGS, BrokerProcess, eventually, free_port
from node_process import NodeProcess, on_the_bus
from wyoming.asr import Transcript
from wyoming.client import AsyncTcpClient
from wyoming.event import Event
from wyoming.handle import Handled, NotHandled
from wyoming.info import Describe, Info
from wyoming.intent import Intent, NotRecognized, Recognize
from wyoming.ping import Ping, Pong
from zeroconf import IPVersion
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

from daemon import config
from daemon.config import Config, ConfigError
from daemon.mesh import Mesh
from doors import wyoming_door
from doors.wyoming_announce import SERVICE, announced
from doors.wyoming_door import MOST_CONNECTIONS, MOST_OF_A_PEER, open_door
from doors.wyoming_wire import LONGEST_LINE, MOST_DATA

SKILLS = ("home_control", "intent_classification", "math")


def settings(port: int, **more: str) -> Config:
    """Of a door on `port`."""
    named = {f"FORGEBUS_WYOMING__{key.upper()}": value for key, value in more.items()}
    env = {"FORGEBUS_NODE__ID": "pi", "FORGEBUS_WYOMING__LISTEN": f"127.0.0.1:{port}", "HOME": "/"}
    return config.load(None, env | named)


@contextlib.asynccontextmanager
async def door(mesh: Mesh, **more: str) -> AsyncIterator[int]:
    port = free_port()
    async with open_door(settings(port, **more), mesh):
        yield port


@pytest.fixture(scope="module")
def bus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, NodeProcess]]:
    """The port of a broker, and the node `pi` there, for all tests of this module."""
    directory = tmp_path_factory.mktemp("wyoming")
    broker = BrokerProcess(directory, SETTINGS + "allow_anonymous true\n")
    broker.start()
    made = NodeProcess(directory, broker.port, "pi", SKILLS)
    made.start()
    yield broker.port, made
    made.kill()
    broker.kill()


@pytest.fixture
async def mesh(bus: tuple[int, NodeProcess]) -> AsyncIterator[Mesh]:
    async with Mesh(port=bus[0], login="doors") as made:
        yield made


@pytest.fixture
async def node(bus: tuple[int, NodeProcess], mesh: Mesh) -> NodeProcess:
    """On the bus, as the mesh sees it."""
    await on_the_bus(mesh, "pi")
    return bus[1]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[AssistServer]:
    made = AssistServer(tmp_path)
    await made.start()
    yield made
    await made.stop()


def access(server: AssistServer) -> dict[str, str]:
    return {"home_assistant_url": server.url, "token_file": str(server.token_file)}


async def reply(port: int, *events: Event) -> list[Event]:
    """One event for each that is sent, as Home Assistant asks: a connection for each sentence."""
    got = []
    async with AsyncTcpClient("127.0.0.1", port) as client, asyncio.timeout(20):
        for event in events:
            await client.write_event(event)
            answer = await client.read_event()
            assert answer is not None
            got.append(answer)
    return got


async def say(port: int, text: str, language: str | None = None) -> Event:
    context = {"conversation_id": "01K"}
    (answer,) = await reply(port, Transcript(text, context=context, language=language).event())
    return answer


def slots(event: Event) -> dict[str, Any]:
    return {one.name: one.value for one in Intent.from_event(event).entities}


async def test_a_sentence_becomes_an_intent_for_home_assistant_to_carry_out(
    mesh: Mesh, node: NodeProcess, server: AssistServer
) -> None:
    with structlog.testing.capture_logs() as logs:
        async with door(mesh, **access(server)) as port:
            await eventually(lambda: "get_config" in server.asked, "not linked")
            answer = await say(port, "turn off the kitchen light")
            assert Intent.from_event(answer).name == "HassTurnOff"
            assert slots(answer) == {"name": "light.kitchen_light"}
            assert answer.data["text"] == "Turned off Kitchen Light."

            by_alias = await say(port, "turn off the light in the cooking place", "de")
            assert slots(by_alias) == {"name": "light.kitchen_light"}
            assert by_alias.data["text"] == "Kitchen Light ausgeschaltet."

            hidden = await say(port, "turn on the hall light")
            assert NotRecognized.is_type(hidden.type)
            assert "no such device" in hidden.data["text"]

            asked = await say(port, "is the lamp on")
            assert (asked.data["name"], asked.data["text"]) == ("HassGetState", "Lamp is on.")
    assert "kitchen" not in str(logs).lower()
    assert [line["outcome"] for line in logs if line["event"] == "wyoming-answered"] == [
        *("intent", "intent", "device", "intent")
    ]


async def test_several_commands_are_carried_out_although_one_answer_holds_one(
    mesh: Mesh, node: NodeProcess, server: AssistServer
) -> None:
    async with door(mesh, **access(server)) as port:
        await eventually(lambda: "get_config" in server.asked, "not linked")
        answer = await say(port, "turn off the kitchen light and the lamp")
        assert Handled.is_type(answer.type)
        assert answer.data["text"] == "Turned off Kitchen Light. Turned off Lamp."
        assert [one["data"] for one in server.handled] == [
            {"name": "light.kitchen_light"},
            {"name": "light.lamp"},
        ]
        server.refusing.add("light.lamp")
        failed = await say(port, "turn off the kitchen light and the lamp")
        assert NotHandled.is_type(failed.type)


async def test_a_newer_home_assistant_takes_several_intents(
    mesh: Mesh, node: NodeProcess, server: AssistServer
) -> None:
    server.version = "2026.10.4"
    async with door(mesh, **access(server)) as port:
        await eventually(lambda: "get_config" in server.asked, "not linked")
        async with AsyncTcpClient("127.0.0.1", port) as client, asyncio.timeout(20):
            await client.write_event(Transcript("turn off the kitchen light and the lamp").event())
            got = [await client.read_event() for _ in range(4)]
    assert [one.type for one in got if one] == [
        *("intents-start", "intent", "intent", "intents-stop")
    ]
    assert server.handled == []
    assert got[1] is not None
    assert got[1].data["text"] == "Turned off Kitchen Light. Turned off Lamp."


async def test_without_a_home_it_answers_what_needs_none(mesh: Mesh, node: NodeProcess) -> None:
    async with door(mesh) as port:
        assert Handled.from_event(await say(port, "what is seven times eight")).text == "56"
        timer = await say(port, "set a timer for five minutes")
        assert (timer.data["name"], slots(timer)) == ("HassStartTimer", {"minutes": 5})
        home = await say(port, "turn on the kitchen light")
        assert NotRecognized.is_type(home.type)
        assert "devices of this home" in home.data["text"]
        long = await say(port, "lamp " * 200)
        assert "too long" in long.data["text"]
        nothing = await say(port, "   ")
        assert NotRecognized.is_type(nothing.type)
        asked = Recognize("set a timer for five minutes").event()
        (recognized,) = await reply(port, asked)
        assert recognized.data["name"] == "HassStartTimer"


async def test_it_says_what_it_is_and_one_connection_may_ask_again(mesh: Mesh) -> None:
    async with door(mesh) as port:
        told, pong, again = await reply(
            port, Describe().event(), Ping("are you there").event(), Describe().event()
        )
    info = Info.from_event(told)
    assert [one.name for one in info.intent] == ["Forgebus pi"]
    assert info.intent[0].installed
    assert info.intent[0].models[0].languages == ["en", "de"]
    assert [one.installed for one in info.handle] == [True]
    assert Pong.from_event(pong).text == "are you there"
    assert again.data == told.data


async def test_nobody_on_the_bus_is_said_in_words(
    broker: BrokerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.mesh.FIND_S", 0.2)
    async with Mesh(port=broker.port, login="doors") as mesh, door(mesh) as port:
        answer = await say(port, "mach das licht an", "de")
    assert NotHandled.is_type(answer.type)
    assert answer.data["text"] == "Das kann gerade niemand beantworten."


async def test_a_client_that_leaves_cancels_its_task(mesh: Mesh, node: NodeProcess) -> None:
    node.freeze()
    async with door(mesh) as port:
        async with AsyncTcpClient("127.0.0.1", port) as client:
            await client.write_event(Transcript("turn on the light").event())
            await eventually(lambda: bool(mesh._asking), "not asked")
            (task,) = mesh._asking
        told = mesh._requester._requests
        await eventually(lambda: told[task].cancelled, "not cancelled", within_s=5.0)
    node.thaw()


HOSTILE = {
    "no JSON": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "no object": b"[1, 2]\n",
    "no type": b'{"data": {}}\n',
    "a type that is none": b'{"type": 5}\n',
    "data that is none": b'{"type": "transcript", "data": [1]}\n',
    "a sentence that is none": b'{"type": "transcript", "data": {"text": 5}}\n',
    "no sentence": b'{"type": "transcript"}\n',
    "a context that is none": b'{"type": "transcript", "data": {"text": "x", "context": 1}}\n',
    "a giant payload": b'{"type": "audio-chunk", "payload_length": 1099511627776}\n',
    "a payload": b'{"type": "describe", "payload_length": 1}\nx',
    "giant data": b'{"type": "transcript", "data_length": %d}\n' % (MOST_DATA + 1),
    "a negative length": b'{"type": "transcript", "data_length": -5}\n',
    "a length that is none": b'{"type": "transcript", "data_length": "5"}\n',
    "data of another length": b'{"type": "transcript", "data_length": 3}\n{"text": "x"}\n',
    "a line without an end": b'{"type": "' + b"a" * (2 * LONGEST_LINE),
    "deep nesting": b'{"type": "a", "data": ' + b'{"a":' * 3000 + b"\n",
    "bad UTF-8": b'{"type": "\xff\xfe"}\n',
    "a long type": b'{"type": "' + b"a" * 100 + b'"}\n',
    "nothing but an end": b"\n",
}


async def test_what_is_no_wyoming_is_hung_up_on_and_the_next_is_served(mesh: Mesh) -> None:
    with structlog.testing.capture_logs() as logs:
        async with door(mesh) as port:
            for what, sent in HOSTILE.items():
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(sent)
                with contextlib.suppress(ConnectionError):
                    assert await asyncio.wait_for(reader.read(), 5) == b"", what
                writer.close()
            (told,) = await reply(port, Describe().event())
            assert Info.is_type(told.type)
    assert [line for line in logs if line["log_level"] in {"error", "warning"}][1:] == []


async def test_an_event_that_is_not_known_is_dropped(mesh: Mesh) -> None:
    async with door(mesh) as port, AsyncTcpClient("127.0.0.1", port) as client:
        await client.write_event(Event("select-program", {"name": "x"}))
        await client.write_event(Describe().event())
        answer = await asyncio.wait_for(client.read_event(), 5)
        assert answer is not None
        assert Info.is_type(answer.type)


async def test_one_peer_has_no_more_than_its_share_of_connections(mesh: Mesh) -> None:
    async with door(mesh) as port:
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(MOST_OF_A_PEER)]
        await _describe(*held[-1])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with contextlib.suppress(ConnectionError):
            assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()
        held[0][1].close()
        async with asyncio.timeout(5):
            while not await _served(port):  # noqa: ASYNC110 - the other side's doing
                await asyncio.sleep(0.01)
        for _, one in held:
            one.close()


async def test_all_peers_together_have_no_more_than_there_are(mesh: Mesh) -> None:
    async with door(mesh) as port:
        held = []
        for peer in range(2, 2 + MOST_CONNECTIONS // MOST_OF_A_PEER):
            for _ in range(MOST_OF_A_PEER):
                at = (f"127.0.0.{peer}", 0)
                held.append(await asyncio.open_connection("127.0.0.1", port, local_addr=at))
        await _describe(*held[-1])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with contextlib.suppress(ConnectionError):
            assert await asyncio.wait_for(reader.read(), 5) == b""
        for one in (writer, *(other for _, other in held)):
            one.close()


async def _describe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b'{"type": "describe"}\n')
    assert await asyncio.wait_for(reader.readline(), 5)


async def _served(port: int) -> bool:
    try:
        (told,) = await reply(port, Describe().event())
    except (OSError, AssertionError):
        return False
    return Info.is_type(told.type)


@pytest.mark.parametrize("sent", [b"", b'{"type": "des', b'{"type":"a","data_length":9}\n{'])
async def test_a_peer_that_says_nothing_more_is_hung_up_on(
    mesh: Mesh, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(wyoming_door, "IDLE_S", 0.1)
    async with door(mesh) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()


async def test_a_peer_that_takes_no_answer_is_hung_up_on(
    mesh: Mesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wyoming_door, "WRITE_S", 0.1)
    with structlog.testing.capture_logs() as logs:
        async with door(mesh) as port:
            with socket.socket() as peer:
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                peer.connect(("127.0.0.1", port))
                peer.settimeout(0)
                asking = b'{"type": "describe"}\n' * 500
                async with asyncio.timeout(20):
                    with contextlib.suppress(ConnectionError):
                        while not any(line["event"] == "wyoming-hung-up" for line in logs):
                            with contextlib.suppress(BlockingIOError):
                                peer.send(asking)
                            await asyncio.sleep(0.005)
            assert [line["reason"] for line in logs if line["event"] == "wyoming-hung-up"] == [
                "TimeoutError"
            ]


async def test_closing_the_door_ends_what_is_being_answered(mesh: Mesh, node: NodeProcess) -> None:
    node.freeze()
    async with door(mesh) as port:
        client = AsyncTcpClient("127.0.0.1", port)
        await client.connect()
        await client.write_event(Transcript("turn on the light").event())
        await eventually(lambda: bool(mesh._asking), "not asked")
    assert await asyncio.wait_for(client.read_event(), 5) is None
    await client.disconnect()
    node.thaw()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"home_assistant_url": "http://127.0.0.1:8123"}, "go together"),
        ({"token_file": "/nowhere/token"}, "go together"),
        (
            {"home_assistant_url": "http://h", "token_file": "/nowhere/token"},
            "/nowhere/token cannot be read",
        ),
    ],
)
async def test_a_configuration_that_cannot_work_is_told(
    mesh: Mesh, more: dict[str, str], told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        async with door(mesh, **more):
            pass


@pytest.mark.parametrize(
    "url", ["homeassistant.local:8123", "http://a:b@c", "http://h/path", "ftp://h", "http://h?x"]
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match=r"homeassistant\.local:8123, or empty"):
        settings(1024, home_assistant_url=url)


async def test_a_port_that_is_taken_is_told(mesh: Mesh) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ConfigError, match="choose another port"):
            async with open_door(settings(taken.getsockname()[1]), mesh):
                pass


async def test_it_is_announced_under_its_nodes_name_until_it_ends() -> None:
    name, port = f"wyoming-test-{free_port()}", free_port()
    announcing = asyncio.create_task(announced(name, "127.0.0.1", port, ["127.0.0.1"]))
    link = AsyncZeroconf(interfaces=["127.0.0.1"])
    info = AsyncServiceInfo(SERVICE, f"forgebus-{name}.{SERVICE}")
    try:
        async with asyncio.timeout(20):
            while not await info.async_request(link.zeroconf, 300):
                assert not announcing.done()
        assert info.port == port
        assert info.parsed_addresses(IPVersion.V4Only) == ["127.0.0.1"]
    finally:
        announcing.cancel()
        await asyncio.gather(announcing, return_exceptions=True)
        await link.async_close()
