"""`forgebus models load`, `evict`, `install`, and what a running node has loaded."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from broker_fixture import BrokerProcess
from cli_call import ROOT, Call, caller
from node_process import NodeProcess, on_the_bus

from bus_topics import messages as m
from bus_topics.messages import RejectCode
from daemon.actions import Send
from daemon.asking import MeshError, Rejected
from daemon.config import WorkConfig
from daemon.keeper import Keeper
from daemon.mesh import Mesh
from daemon.workers import Workers
from engine.checkpoint import seal
from engine.model_folder import installed

ROUTER, TEXT, WORK = "intent_classification", "text_generation", "selftest_work"


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str]) -> Call:
    return caller(capfd)


@pytest.fixture
def models(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    for name in ("router", "text"):
        shutil.copytree(ROOT / "models" / name, folder / name)
    shutil.copy(ROOT / "models/tokenizer.json", folder)
    return folder


@pytest.fixture
def node(tmp_path: Path, models: Path, broker: BrokerProcess) -> Iterator[NodeProcess]:
    made = NodeProcess(
        tmp_path, broker.port, "alpha", (ROUTER, TEXT, WORK), work__models_dir=str(models)
    )
    made.start()
    asyncio.run(_up(broker.port))
    yield made
    made.kill()


async def _up(port: int) -> None:
    async with Mesh(port=port) as mesh:
        await on_the_bus(mesh, "alpha")


def sure(folder: Path, out: Path, threshold: float) -> Path:
    """A router that answers from this probability on."""
    shutil.copytree(folder, out)
    told = {"temperature": 1.5, "threshold": threshold}
    (out / "calibration.json").write_text(json.dumps(told))
    seal(out)
    return out


def test_load_look_evict_and_replace(
    call: Call,
    node: NodeProcess,
    broker: BrokerProcess,
    models: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bus = ("--port", str(broker.port))
    monkeypatch.setenv("FORGEBUS_BROKER__PORT", str(broker.port))
    monkeypatch.setenv("FORGEBUS_NODE__ID", "alpha")
    monkeypatch.setenv("FORGEBUS_WORK__MODELS_DIR", str(models))
    assert call("models", "--json").json["loaded"]["workers"] == []

    told = call("models", "load", "router", "--json", *bus).json
    assert [worker["capabilities"] for worker in told["workers"]] == [[ROUTER]]
    assert told["loading"] == told["failed"] == []
    assert 20 < told["workers"][0]["pss_mb"] <= told["workers"][0]["rss_mb"]
    shown = call("models").out
    assert f"alpha       {ROUTER}" in shown
    assert "verified" in shown

    made = sure(models / "router", tmp_path / "sharper", threshold=0.0)
    call("models", "install", made, "--name", "router").fails(1, "is there already", "--force")
    done = call("models", "install", made, "--name", "router", "--force")
    assert done.out == f"{models / 'router'}: installed\n"
    until = (
        time.monotonic() + 60
    )  # a node looks every 2 s, and takes what lay still from one look to the next
    while time.monotonic() < until:
        final = call("ask", ROUTER, "turn off the light", "--json", *bus).json
        assert final["outcome"] == "done"
        if not final["result"]["abstained"] and "renewed" in node.log():
            break
    assert "renewed" in node.log()

    call("models", "load", "juggling", *bus).fails(2, "does not offer 'juggling'", "it has router")
    assert call("models", "evict", ROUTER, *bus).out == "alpha has nothing loaded\n"
    (models / "text" / "model.int8.onnx").write_bytes(b"x" * 99)
    call("models", "load", "text", *bus).fails(1, TEXT, "model.int8.onnx")
    call("models", "load", "text", "--node", "beta", *bus).fails(
        4, "beta is not on the bus", "alpha"
    )
    call("models", "load", "text", "--login", "app", *bus).fails(3, "app is no operator of alpha")


def test_what_is_no_model_is_not_installed(call: Call, models: Path, tmp_path: Path) -> None:
    made = sure(models / "router", tmp_path / "mine", threshold=0.5)
    with (made / "model.int8.onnx").open("r+b") as graph:
        graph.write(b"x" * 8)
    config = tmp_path / "node.toml"
    config.write_text(f'[work]\nmodels_dir = "{models}"\n')
    call("models", "install", made, "-c", config).fails(1, "sha256")
    call("models", "install", models / "text", "--name", "../text", "-c", config).fails(
        2, "no name"
    )
    assert sorted(path.name for path in models.iterdir()) == ["router", "text", "tokenizer.json"]
    (models / "router").rename(models / ".router.99")  # as it is called while it is being written
    listed = call("models", "-c", config, "--json").json["models"]
    assert [model["model"] for model in listed] == ["text"]
    assert installed(models) == ["text"]


async def test_a_node_that_is_not_there_does_not_answer(broker: BrokerProcess) -> None:
    async with Mesh(port=broker.port) as mesh:
        with pytest.raises(MeshError, match="nobody gave no answer"):
            await mesh.models("nobody")


async def test_a_mesh_is_told_why_not(node: NodeProcess, broker: BrokerProcess) -> None:
    async with Mesh(port=broker.port, login="app") as mesh:
        with pytest.raises(Rejected) as refused:
            await mesh.models("alpha", evict=[ROUTER])
    assert refused.value.rejection.code is RejectCode.DENIED
    async with Mesh(port=broker.port, login="cli") as mesh:
        with pytest.raises(Rejected, match="does not offer juggling"):
            await mesh.models("alpha", ["juggling"])


def test_other_messages_are_none_of_a_keepers_business() -> None:
    workers = Workers(
        WorkConfig(), on_chunk=lambda *_: None, on_done=lambda *_: None, on_warm=lambda _: None
    )
    keeper = Keeper("alpha", ("cli",), workers, (ROUTER,))
    assert keeper.receive("cli", m.Cancel(id="a")) == []
    look = m.Models(id="a")
    empty = m.Loaded(id="a", node="alpha")
    assert keeper.receive("cli", look) == [Send("cli", empty)]
    assert keeper.receive("alpha", look) == [Send("alpha", empty)]
    (denied,) = keeper.receive("app", look)
    assert isinstance(denied, Send)
    assert isinstance(denied.message, m.Rejected)
