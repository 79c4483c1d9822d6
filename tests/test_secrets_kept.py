"""A password is in its file and nowhere else: no command line, no environment, no log, no story of a task."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from broker_fixture import PASSWORD, BrokerProcess, eventually, until
from cli_call import Call, caller
from node_process import NodeProcess, on_the_bus

from daemon.config import BrokerConfig
from daemon.mesh import Mesh

SECRET = PASSWORD.format("alpha")


def password(folder: Path, login: str, mode: int = 0o600) -> Path:
    file = folder / f"password-of-{login}"
    file.write_text(PASSWORD.format(login) + "\n")
    file.chmod(mode)
    return file


@pytest.fixture
def node(tmp_path: Path, secured_broker: BrokerProcess) -> Iterator[NodeProcess]:
    node = NodeProcess(
        tmp_path,
        secured_broker.port,
        "alpha",
        ["selftest_work"],
        node__log_level="debug",
        node__operators="app",
        broker__username="alpha",
        broker__password_file=str(password(tmp_path, "alpha")),
    )
    node.start()
    yield node
    node.kill()


@pytest.fixture
def call(
    tmp_path: Path,
    secured_broker: BrokerProcess,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Call:
    monkeypatch.setenv("FORGEBUS_BROKER__USERNAME", "app")
    monkeypatch.setenv("FORGEBUS_BROKER__PASSWORD_FILE", str(password(tmp_path, "app")))
    return caller(capfd, "--port", secured_broker.port)


def shown_to_everyone(pid: int) -> list[str]:
    """What `ps` tells of a process and of all that it has started, and what they have in common with it."""
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    told = [Path(f"/proc/{each.pid}/cmdline").read_text() for each in family]
    return told + [Path(f"/proc/{each.pid}/environ").read_text() for each in family]


def test_a_password_is_shown_nowhere(
    node: NodeProcess, secured_broker: BrokerProcess, call: Call, tmp_path: Path
) -> None:
    async def work() -> list[str]:
        config = BrokerConfig(
            port=secured_broker.port,
            username="app",
            password_file=tmp_path / "password-of-app",
        )
        async with asyncio.timeout(60), Mesh(login="app", broker=config) as mesh:
            await on_the_bus(mesh, "alpha")
            asking = await mesh.submit("selftest_work", {"ms": 3000}, id="a")
            await eventually(lambda: len(psutil.Process(node.pid).children()) > 0, "no worker")
            told = shown_to_everyone(node.pid)
            failing = await mesh.submit("selftest_work", {"crash": "exit"}, max_attempts=1, id="b")
            await failing.final()
            await asking.final()
            return told

    told = asyncio.run(work())
    assert len(told) >= 4, "the node and its worker"
    for command in (
        ["why", "app/a"],
        ["why", "app/b"],
        ["tasks"],
        ["nodes"],
        ["why", "a", "--json"],
    ):
        seen = call(*command)
        assert seen.code == 0, seen
        told += [seen.out, seen.err]
    assert node.stop() == 0
    told += [node.log(), (node.state / "journal.db").read_bytes().decode(errors="replace")]
    assert [text for text in told if SECRET in text or PASSWORD.format("app") in text] == []


@pytest.mark.parametrize("mode", [0o644, 0o620])
def test_a_password_that_others_can_read_or_change_is_refused(
    mode: int, call: Call, tmp_path: Path
) -> None:
    (tmp_path / "password-of-app").chmod(mode)
    told = call("nodes")
    assert told.code != 0
    assert f"chmod 600 {tmp_path / 'password-of-app'}" in told.err
    assert told.err.count("\n") == 1
    assert PASSWORD.format("app") not in told.out + told.err


def test_a_node_says_so_too_and_comes_up_once_it_is_mended(
    node: NodeProcess, tmp_path: Path
) -> None:
    node.kill()
    file = tmp_path / "password-of-alpha"
    file.chmod(0o644)
    node.start()
    until(lambda: f"chmod 600 {file}" in node.log(), "it did not say so")
    assert SECRET not in node.log()
    file.chmod(0o600)
    until(lambda: '"event":"bus-up"' in node.log().rpartition("chmod 600")[2], "it did not come up")
