"""Correcting a real node over a real broker: by command, by an app; off unless its owner wants it."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from broker_fixture import BASE, SETTINGS, BrokerProcess
from cli_call import Call, caller
from node_process import NodeProcess, on_the_bus

from daemon.asking import Rejected
from daemon.mesh import Mesh
from engine.checkpoint import write_sums
from handlers.corrections_store import Store
from handlers.learned_models import FOLDER, PROVENANCE, digest, install, revert

MODELS = Path(__file__).resolve().parent.parent / "models"
SENTENCE = "murder the zorvan lamp"
HOME = {
    "text": SENTENCE,
    "entities": [
        {"entity_id": "light.zorvan", "name": "Zorvan", "area": "Bedroom"},
        {"entity_id": "light.hall", "name": "Hall lamp", "area": "Hall"},
    ],
}
RIGHT = [{"name": "HassTurnOff", "entities": ["light.zorvan"], "slots": {}}]


@dataclass
class Stage:
    """A broker with two nodes: alpha learns, beta does not."""

    port: int
    alpha: NodeProcess
    beta: NodeProcess

    def kept(self, node: NodeProcess) -> list[Any]:
        return Store(node.state / FOLDER, 365).read()


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    directory = tmp_path_factory.mktemp("corrections")
    broker = BrokerProcess(directory, SETTINGS + "allow_anonymous true\n")
    broker.start()
    can = ("home_control", "intent_classification", "selftest_echo")
    more = {"node__operators": "owner", "node__log_level": "debug"}
    alpha = NodeProcess(directory, broker.port, "alpha", can, learning__corrections="true", **more)
    beta = NodeProcess(directory, broker.port, "beta", can, node__hub="false", **more)
    try:
        alpha.start()
        beta.start()
        asyncio.run(_live(broker.port))
        yield Stage(broker.port, alpha, beta)
    finally:
        alpha.kill()
        beta.kill()
        broker.kill()


async def _live(port: int) -> None:
    async with Mesh(port=port, login="waiting") as mesh:
        await on_the_bus(mesh, "alpha", "beta")


@pytest.fixture
def call(stage: Stage, capfd: pytest.CaptureFixture[str]) -> Call:
    return caller(capfd, "--port", stage.port)


@pytest.fixture(autouse=True)
def nothing_kept(stage: Stage) -> None:
    Store(stage.alpha.state / FOLDER, 365).forget(())


def asked(call: Call, task: str, node: str = "alpha", login: str = "app") -> None:
    """A command that is answered by this node; whether rightly is no matter here."""
    content = json.dumps(HOME)
    more = ("--node", node, "--home", node, "--id", task, "--login", login, "--json")
    assert call("ask", "home_control", "--content", content, *more).json["outcome"] == "done"


def as_alpha(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands of alpha's own machine."""
    monkeypatch.setenv("FORGEBUS_NODE__STATE_DIR", str(stage.alpha.state))
    monkeypatch.setenv("FORGEBUS_LEARNING__CORRECTIONS", "true")


def test_a_command_corrects_by_the_task_alone_and_lists_and_forgets(
    stage: Stage, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked(call, "lamp-1")
    right = json.dumps(RIGHT)
    told = call("correct", "app/lamp-1", "--intents", right, "--login", "app", "--json")
    assert told.code == 0, told
    (kept,) = stage.kept(stage.alpha)
    assert told.json == {"node": "alpha", "stored": kept.id, "corrections": 1}
    assert (kept.by, kept.task, kept.capability) == ("app", "app/lamp-1", "home_control")
    assert json.loads(bytes(kept.content)) == HOME
    as_alpha(stage, monkeypatch)
    listed = call("correct", "--list")
    assert SENTENCE in listed.out
    assert "light.zorvan" in listed.out
    assert call("correct", "--forget", "nothing").code == 1
    assert "forgot 1" in call("correct", "--forget", kept.id).out
    assert stage.kept(stage.alpha) == []


def test_a_label_is_corrected_too_and_its_faults_are_told(stage: Stage, call: Call) -> None:
    more = ("--node", "alpha", "--home", "alpha", "--id", "route-1", "--login", "app")
    assert call("ask", "intent_classification", "add two apples to five", *more).code == 0
    wrong = call("correct", "app/route-1", "--label", "war", "--login", "app")
    wrong.fails(1, "not kept", "no label 'war'")
    assert call("correct", "app/route-1", "--label", "math", "--login", "app").code == 0
    assert [one.right.label for one in stage.kept(stage.alpha)] == ["math"]


def test_an_app_corrects_by_publishing_an_ask(stage: Stage, call: Call) -> None:
    """Both what was asked and the correction, without anything of ours on its side."""

    async def publish() -> list[Any]:
        async with aiomqtt.Client("127.0.0.1", stage.port, identifier="nodered") as client:
            await client.subscribe(f"{BASE}/answer/nodered/#")
            answers = []
            first = {"id": "lamp-9", "content": HOME, "node": "alpha"}
            second = {"content": {"task": "lamp-9", "intents": RIGHT}, "node": "alpha"}
            for capability, ask in (("home_control", first), ("correction", second)):
                await client.publish(f"{BASE}/ask/nodered/{capability}", json.dumps(ask), qos=1)
                answer = await asyncio.wait_for(anext(aiter(client.messages)), 30)
                answers.append(json.loads(bytes(answer.payload)))
            return answers

    _, answer = asyncio.run(publish())
    (kept,) = stage.kept(stage.alpha)
    assert answer["result"] == {"stored": kept.id, "corrections": 1}
    assert (kept.by, kept.task) == ("nodered", "nodered/lamp-9")


def test_who_did_not_ask_may_not_correct_and_an_operator_may(stage: Stage, call: Call) -> None:
    asked(call, "lamp-2")

    async def said(login: str, home: str, correction: object) -> str:
        async with Mesh(port=stage.port, login=login, home=home) as mesh:
            final = await mesh.delegate("alpha", "correction", correction, deadline_ms=20_000)
            return final.error or final.outcome.value

    correction = {"task": "app/lamp-2", "intents": RIGHT}
    along = {"capability": "home_control", "content": HOME, "intents": RIGHT}
    told = [
        asyncio.run(said("stranger", "alpha", correction)),
        asyncio.run(said("stranger", "alpha", along)),
        asyncio.run(said("app", "beta", correction)),
        asyncio.run(said("app", "alpha", {"task": "lamp-3", "wrong": True})),
    ]
    assert stage.kept(stage.alpha) == []
    assert "may correct its own tasks" in told[0]
    assert "only an operator of alpha" in told[1]
    assert "not by way of beta" in told[2]
    assert "does not know what 'lamp-3' asked" in told[3]
    assert asyncio.run(said("owner", "alpha", correction)) == "done"
    assert asyncio.run(said("owner", "alpha", along)) == "done"
    assert len(stage.kept(stage.alpha)) == 1


def test_where_learning_is_off_it_is_refused_and_nothing_is_kept(stage: Stage, call: Call) -> None:
    asked(call, "lamp-4", node="beta")
    told = call("correct", "app/lamp-4", "--wrong", "--login", "app")
    told.fails(1, "beta takes no corrections", "[learning] corrections = true")

    async def raw() -> None:
        async with Mesh(port=stage.port, login="app", home="beta") as mesh:
            await mesh.delegate("beta", "correction", {"task": "lamp-4", "wrong": True})

    with pytest.raises(Rejected, match="learning from corrections is off on beta"):
        asyncio.run(raw())
    assert not (stage.beta.state / FOLDER).exists()


def test_usage_is_told_before_anything_is_sent(call: Call) -> None:
    call("correct", "x").fails(2, "--intents, --label and --wrong")
    call("correct", "x", "--wrong", "--label", "math").fails(2, "say one of")
    call("correct", "--wrong").fails(2, "give the TASK, or --content")
    call("correct", "x", "--wrong", "--list").fails(2, "stand alone")
    call("correct", "x", "--intents", "{").fails(2, "is not JSON")


def test_no_log_and_no_other_node_has_a_corrected_sentence(stage: Stage, call: Call) -> None:
    asked(call, "lamp-5")
    assert call("correct", "app/lamp-5", "--wrong", "--login", "app").code == 0
    assert call("correct", "app/lamp-5", "--label", "math", "--login", "app").code == 1
    for node in (stage.alpha, stage.beta):
        assert "zorvan" not in node.log().lower()
    others = [file for file in stage.beta.state.rglob("*") if file.is_file()]
    assert not any(b'"wrong"' in file.read_bytes() for file in others)


def test_a_running_node_takes_up_what_was_learnt_and_what_was_reverted(
    stage: Stage, call: Call, tmp_path: Path
) -> None:
    """A copy of the shipped router that is never sure, as if it had been learnt."""
    learning, made = stage.alpha.state / FOLDER, tmp_path / "made"
    shutil.copytree(MODELS / "router", made)
    shutil.copyfile(MODELS / "tokenizer.json", made / "tokenizer.json")
    (made / "calibration.json").write_text('{"temperature": 1.0, "threshold": 1.0}')
    (made / PROVENANCE).write_text(json.dumps({"parent": digest(MODELS / "router")}))
    write_sums(made, sorted(f.name for f in made.iterdir() if f.name != "SHA256SUMS"))

    def is_sure() -> bool:
        more = ("--node", "alpha", "--home", "alpha", "--json")
        told = call("ask", "intent_classification", "what is two plus three", *more)
        return not told.json["result"]["abstained"]

    assert is_sure()
    install(learning, MODELS, "router", made)
    _until(lambda: not is_sure())
    assert revert(learning, MODELS, "router")
    _until(is_sure)


def _until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.3)


def test_what_was_asked_is_forgotten_with_the_process_and_can_be_given_along(
    stage: Stage, call: Call, tmp_path: Path
) -> None:
    asked(call, "lamp-6", login="owner")
    assert stage.alpha.stop() == 0
    stage.alpha.start()
    asyncio.run(_live(stage.port))
    told = call("correct", "owner/lamp-6", "--wrong", "--login", "owner")
    told.fails(1, "does not know what", "content")
    file = tmp_path / "home.json"
    file.write_text(json.dumps(HOME))
    more = ("--node", "alpha", "--login", "owner")
    assert call("correct", "--wrong", "--content", f"@{file}", *more).code == 0
    assert len(stage.kept(stage.alpha)) == 1
