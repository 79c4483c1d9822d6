"""Text that was written to be obeyed, through every door of a real node: nothing runs it, keeps it or logs it.

A node that lies tells the command line the same; no terminal is given a control character.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from broker_fixture import BASE, BrokerProcess, Peer
from cli_call import Call, Called, caller
from node_process import NodeProcess, on_the_bus

from bus_topics import messages as m
from daemon.bus import Incoming
from daemon.mesh import Mesh

CANARY = "Canary7"
ESCAPES = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202e\x7f\x08\r\x1b[1A"
"""Clear the screen, name the window, colour by a C1 control, write backwards, overwrite the line before."""


def hostile(folder: Path) -> list[str]:
    """Each has the canary in it; those for a shell would leave a file in `folder`."""
    mark = folder / "owned"
    return [
        f"{CANARY}{ESCAPES}",
        f"$(touch {mark}) `touch {mark}` ; touch {mark} # {CANARY}",
        f"| tee {mark} <{CANARY}> && touch {mark} \n touch {mark}",
        f"../../../../{mark}/{CANARY}\x00",
        f"%s%n%x%(node)s {{0.__class__}} {{self}} {{}} ${{HOME}} {CANARY}",
        f'{CANARY}\n{{"event":"settled","task":"forged/line","level":"info"}}\n',
        f"__import__('os').system('touch {mark}') # {CANARY}",
        f"' OR 1=1; DROP TABLE task; -- {CANARY}",
        f"[bold red]{CANARY}[/] [link=file:///etc/passwd]x[/link]",
    ]


@pytest.fixture
def node(tmp_path: Path, broker: BrokerProcess) -> Iterator[NodeProcess]:
    capabilities = ["selftest_echo", "selftest_work", "home_control"]
    node = NodeProcess(tmp_path, broker.port, "home", capabilities, node__log_level="debug")
    node.start()
    yield node
    node.kill()


@pytest.fixture
def call(broker: BrokerProcess, capfd: pytest.CaptureFixture[str]) -> Call:
    """A command, on whose terminal nothing may be written that commands it."""
    run = caller(capfd, "--port", broker.port)

    def said(*arguments: object) -> Called:
        told = run(*arguments)
        signs = {sign for sign in told.out + told.err if not sign.isprintable()} - {"\n", "\t"}
        assert signs == set(), (arguments, signs)
        return told

    return said


async def asked(port: int, texts: list[str]) -> dict[str, m.Final]:
    """Every text through every door; the ends of what could not be done with it."""
    ends = {}
    async with asyncio.timeout(90), Mesh(port=port, login="app", home="home") as mesh:
        await on_the_bus(mesh, "home")
        for number, text in enumerate(texts):
            back = await (await mesh.submit("selftest_echo", text, id=f"e{number}")).final()
            assert back.result is not None
            assert json.loads(bytes(back.result)) == text
            named = [{"entity_id": "light.a", "name": text}]
            for kind, content in (
                ("selftest_work", {text: 1}),
                ("selftest_work", {"crash": "error", "note": text}),
                ("home_control", {"text": text, "entities": named}),
            ):
                asking = await mesh.submit(kind, content, max_attempts=1, deadline_ms=30_000)
                ends[asking.task] = await asking.final()
    async with Peer(port, "nodered", f"{BASE}/answer/nodered/#") as app:
        for text in texts:
            app.bus.publish(f"{BASE}/ask/nodered/selftest_echo", text.encode(), qos=1)
        await app.has(len(texts))
    return ends


def test_content_is_only_ever_content(
    node: NodeProcess, broker: BrokerProcess, call: Call, tmp_path: Path
) -> None:
    ends = asyncio.run(asked(broker.port, hostile(tmp_path)))
    task = next(key for key, final in ends.items() if CANARY in final.error)
    for command in (["tasks"], ["why", task], ["why", "app/e0"], ["nodes"]):
        assert call(*command).code == 0
    assert node.stop() == 0
    log = node.log()
    assert CANARY not in log
    assert "forged/line" not in log
    assert all(json.loads(line)["event"] for line in log.splitlines())
    assert not (tmp_path / "owned").exists()
    assert {path.name for path in node.state.iterdir()} <= {
        *("journal.db", "journal.lock", "journal.db-wal", "journal.db-shm")
    }


class Liar(Peer):
    """A node whose card, bids, reports and answers command the terminals of those who read them."""

    def __init__(self, port: int) -> None:
        super().__init__(port, "liar", f"{BASE}/in/liar/#")

    def appear(self) -> None:
        skill = {"capability": "text_generation", "model": f"m{ESCAPES}"}
        card = {
            "node": "liar",
            "boot": "0123456789abcdef",
            "version": f"1{ESCAPES}",
            "profile": f"p{ESCAPES}",
            "hub": True,
            "skills": [skill],
            "hardware": {"arch": "x", "board": f"b{ESCAPES}", "cores": 1},
        }
        self.bus.publish(f"{BASE}/node/liar/card", json.dumps(card).encode(), qos=1, retain=True)
        self.bus.publish(f"{BASE}/node/liar/status", b"online", qos=1, retain=True)

    def received(self, message: Incoming) -> None:
        super().received(message)
        *_, sender, kind = message.topic.split("/")
        for answer, said_ in self._answers(kind, json.loads(message.payload)):
            topic = f"{BASE}/in/{sender}/liar/{answer}"
            self.bus.publish(topic, json.dumps(said_).encode(), qos=1)

    def _answers(self, kind: str, asked: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        lie = f"lie{ESCAPES}"
        if kind == "get":
            key = asked.get("task", "app/x")
            step = {"at_ms": 1.0, "kind": lie, "node": "liar", "detail": lie}
            bid = {"node": "liar", "excluded": lie}
            decision = {"attempt": 1, "winner": None, "preference": "fastest", "reason": lie}
            record = {
                "task": key,
                "capability": "text_generation",
                "state": "x\x1b[2J",
                "error": lie,
                "model": lie,
                "steps": [step],
                "decisions": [{**decision, "bids": [bid]}],
            }
            yield "report", {"home": "liar", "tasks": [record]}
        if kind == "submit" and asked["id"] == "no":
            yield "rejected", {"id": "no", "code": "denied", "reason": lie}
        elif kind == "submit":
            task = f"cli/{asked['id']}"
            yield "progress", {"task": task, "attempt": 1, "seq": 0, "text": f"a{ESCAPES}"}
            result = {"text": f"a{ESCAPES}b{ESCAPES}"}
            source = {"node": "liar", "handler": "text_generation", "attempt": 1, "model": lie}
            yield (
                "final",
                {
                    "id": asked["id"],
                    "outcome": "done",
                    "result": result,
                    "node": "liar",
                    "model": lie,
                    "attempts": 1,
                    "provenance": source,
                },
            )


@pytest.fixture
def _liar(broker: BrokerProcess) -> Iterator[None]:
    """It lives in a thread of its own, because the command line takes the loop of this one."""
    ready, end = threading.Event(), threading.Event()

    async def lie() -> None:
        async with Liar(broker.port) as liar:
            liar.appear()
            ready.set()
            while not end.is_set():  # noqa: ASYNC110 - set in another thread
                await asyncio.sleep(0.01)

    thread = threading.Thread(target=asyncio.run, args=(lie(),))
    thread.start()
    assert ready.wait(20)
    yield
    end.set()
    thread.join(20)


@pytest.mark.usefixtures("_liar")
def test_a_node_that_lies_commands_no_terminal(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daemon.cli_ask.CANCEL_S", 0.2)  # it never says that it has ended
    assert "liar" in call("nodes").out
    call("tasks", "--home", "liar")
    assert "lie" in call("why", "cli/x", "--home", "liar").out
    assert "cli/x x" in call("cancel", "cli/x", "--home", "liar").out
    ask = ("ask", "text_generation", "hi", "--home", "liar")
    told = call(*ask, "--provenance")
    assert told.code == 0
    assert "handler text_generation" in told.err
    assert "not taken" in call(*ask, "--id", "no").err
    for arguments in (["nodes"], ["why", "cli/x", "--home", "liar"], ask):
        assert "\\u001b" in json.dumps(call(*arguments, "--json").json)
