"""`forgebus run` and `forgebus broker` as processes: what they start, how they stop, what they refuse."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
from pathlib import Path

import psutil
import pytest
from broker_fixture import BrokerProcess, free_port, until
from cli_call import Called, caller, finished, started
from node_process import on_the_bus

from daemon.broker import answers
from daemon.mesh import Mesh

ECHO = '--set=work.capabilities=["selftest_echo"]'


def _run(state: Path, port: int, *more: str) -> subprocess.Popen[str]:
    return started(
        *("run", "--id", "alpha", "--port", port, ECHO, f"--set=node.state_dir={state}", *more)
    )


async def _there(port: int) -> None:
    until(lambda: not _is_free(port), "no broker came up")
    async with Mesh(port=port, login="waiting") as mesh:
        await on_the_bus(mesh, "alpha")


def _is_free(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return True
    return False


def _ends(process: subprocess.Popen[str], *signals: signal.Signals) -> Called:
    for number in signals:
        process.send_signal(number)
    out, err = process.communicate(timeout=30)
    return Called(process.returncode, out, err)


def test_run_brings_its_own_broker_where_none_answers_and_takes_it_along(tmp_path: Path) -> None:
    port = free_port()
    process = _run(tmp_path, port)
    asyncio.run(_there(port))
    children = psutil.Process(process.pid).children(recursive=True)
    assert [child.name() for child in children].count("mosquitto") == 1
    told = _ends(process, signal.SIGTERM)
    assert told.code == 0
    assert "Traceback" not in told.err
    until(lambda: not any(child.is_running() for child in children), "a child was left")


def test_run_uses_the_broker_that_answers(broker: BrokerProcess, tmp_path: Path) -> None:
    process = _run(tmp_path, broker.port)
    asyncio.run(_there(broker.port))
    names = [child.name() for child in psutil.Process(process.pid).children(recursive=True)]
    assert "mosquitto" not in names
    assert _ends(process, signal.SIGINT).code == 0


def test_run_waits_for_a_broker_where_it_may_start_none(tmp_path: Path) -> None:
    port = free_port()
    process = _run(tmp_path, port, "--set=broker.start=never")
    assert process.stderr is not None
    lines = [json.loads(process.stderr.readline()) for _ in range(2)]
    assert [line["event"] for line in lines] == ["started", "bus-down"]
    assert "check [broker]" in lines[1]["hint"]
    assert psutil.Process(process.pid).children() == []
    assert _ends(process, signal.SIGTERM).code == 0


def test_a_second_signal_ends_a_node_that_still_works(tmp_path: Path) -> None:
    port = free_port()
    process = _run(tmp_path, port, '--set=work.capabilities=["selftest_work"]')
    asyncio.run(_there(port))
    content = json.dumps({"ms": 60_000, "steps": 600})
    asking = started("ask", "selftest_work", "--content", content, "--port", port)
    assert asking.stdout is not None
    asking.stdout.read(2)
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGTERM)
    assert process.stderr is not None
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1.0)
    told = _ends(process, signal.SIGTERM)
    assert told.code == 130
    assert "Traceback" not in told.err
    until(lambda: not any(child.is_running() for child in children), "a child was left")
    asking.kill()
    asking.communicate()


def test_a_state_directory_that_is_in_use_is_one_line(
    broker: BrokerProcess, tmp_path: Path
) -> None:
    process = _run(tmp_path, broker.port)
    asyncio.run(_there(broker.port))
    second = _run(tmp_path, broker.port)
    _ends(second).fails(1, str(tmp_path))
    assert _ends(process, signal.SIGTERM).code == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--set", "broker.prot=1"), ("prot", "did you mean 'port'")),
        (("--set", "broker"), ("section.key=value",)),
        (("--set", "work.slots=0"), ("slots", ">= 1")),
        (("--profile", "pi_9"), ("no profile 'pi_9'", "pi_zero")),
        (("--profile", "pi_5", "--config", "x.toml"), ("give one",)),
        (
            (
                "--id",
                "Not an id",
            ),
            ("node", "id"),
        ),
    ],
)
def test_what_run_cannot_use_is_one_line_and_code_2(
    arguments: list[str], words: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    caller(capfd)("run", *arguments).fails(2, *words)


def test_broker_says_where_it_listens_and_ends_on_a_signal() -> None:
    process = started("broker", "--json")
    assert process.stdout is not None
    where = json.loads(process.stdout.readline())
    assert where["host"] == "127.0.0.1"
    assert asyncio.run(answers(where["host"], where["port"]))
    told = _ends(process, signal.SIGTERM)
    assert (told.code, told.err) == (0, "")
    until(lambda: not psutil.pid_exists(where["pid"]), "mosquitto was left")


def test_broker_takes_the_given_port_or_says_that_it_is_taken(broker: BrokerProcess) -> None:
    port = free_port()
    process = started("broker", "--port", port)
    assert process.stdout is not None
    assert process.stdout.readline() == f"listening on 127.0.0.1:{port}\n"
    assert _ends(process, signal.SIGINT).code == 0
    finished("broker", "--port", broker.port).fails(1, "taken by another program")


@pytest.mark.parametrize(("login", "warned"), [("someone", True), ("alpha", False)])
def test_a_login_that_is_not_the_nodes_id_is_warned_of(
    tmp_path: Path, login: str, *, warned: bool
) -> None:
    port = free_port()
    process = _run(tmp_path, port, f"--set=broker.username={login}")
    asyncio.run(_there(port))
    assert ("login-is-not-id" in _ends(process, signal.SIGTERM).err) is warned
