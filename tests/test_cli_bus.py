"""The commands that talk to the bus, against a real broker and two real nodes."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from broker_fixture import SETTINGS, BrokerProcess, free_port
from cli_call import Call, caller, finished, started
from node_process import NodeProcess, on_the_bus

from daemon.mesh import Mesh


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A broker with two nodes: alpha is a hub and can everything, beta echoes alone."""
    directory = tmp_path_factory.mktemp("cli")
    broker = BrokerProcess(directory, SETTINGS + "allow_anonymous true\n")
    broker.start()
    both = ("selftest_echo", "selftest_work")
    alpha = NodeProcess(directory, broker.port, "alpha", both, work__slots="4")
    beta = NodeProcess(directory, broker.port, "beta", both[:1], node__hub="false")
    try:
        alpha.start()
        beta.start()
        asyncio.run(_live(broker.port, "alpha", "beta"))
        yield broker.port
    finally:
        alpha.kill()
        beta.kill()
        broker.kill()


async def _live(port: int, *nodes: str) -> None:
    async with Mesh(port=port, login="waiting") as mesh:
        await on_the_bus(mesh, *nodes)


@pytest.fixture
def call(port: int, capfd: pytest.CaptureFixture[str]) -> Call:
    return caller(capfd, "--port", port)


def test_nodes_shows_who_can_what(call: Call) -> None:
    told = call("nodes")
    assert told.code == 0
    assert "alpha" in told.out
    assert "selftest_work" in told.out
    nodes = {node["id"]: node for node in call("nodes", "--json").json["nodes"]}
    assert set(nodes) == {"alpha", "beta"}
    assert nodes["beta"]["online"] is True
    assert [skill["capability"] for skill in nodes["beta"]["card"]["skills"]] == ["selftest_echo"]
    assert nodes["beta"]["card"]["hub"] is False


def test_ask_prints_the_answer_and_nothing_else(call: Call) -> None:
    told = call("ask", "selftest_echo", "good morning")
    assert (told.code, told.out, told.err) == (0, "good morning\n", "")


def test_ask_json_is_one_object(call: Call) -> None:
    content = {"a": [1, None, "x"]}
    told = call("ask", "selftest_echo", "--content", json.dumps(content), "--json").json
    assert told["outcome"] == "done"
    assert told["result"] == content
    assert told["node"] in {"alpha", "beta"}
    assert set(told) == {
        *("task", "home", "outcome", "result", "error", "node", "model", "attempts", "elapsed_ms"),
        "provenance",
    }


def test_ask_streams_while_the_task_runs(port: int) -> None:
    content = json.dumps({"ms": 3000, "steps": 6})
    process = started("ask", "selftest_work", "--content", content, "--port", port)
    assert process.stdout is not None
    first = process.stdout.read(2)
    running = process.poll() is None
    rest, err = process.communicate(timeout=30)
    assert (first, running, process.returncode, err) == ("1 ", True, 0, "")
    assert rest.startswith("2 3 4 5 6 ")


def test_ask_why_tells_bids_score_reason_and_steps(call: Call) -> None:
    told = call("ask", "selftest_echo", "x", "--prefer", "fastest", "--why")
    assert told.code == 0
    for word in ("> ", "alpha", "beta", "fastest: ", "wins", "received", "awarded", "done"):
        assert word in told.out
    record = call("ask", "selftest_echo", "x", "--prefer", "fastest", "--why", "--json").json["why"]
    assert {bid["node"] for bid in record["decisions"][0]["bids"]} == {"alpha", "beta"}
    assert {"eta_ms", "price", "correction", "corrected_ms", "score"} <= set(
        record["decisions"][0]["bids"][0]
    )


def test_ask_goes_to_the_named_node(call: Call) -> None:
    assert call("ask", "selftest_echo", "x", "--node", "beta", "--json").json["node"] == "beta"


def test_a_private_ask_stays_at_home(call: Call) -> None:
    told = call("ask", "selftest_echo", "x", "--private", "--home", "alpha", "--json", "--why").json
    assert (told["node"], told["why"]["privacy"]) == ("alpha", "private")


def test_text_and_content_are_put_together(call: Call) -> None:
    told = call("ask", "selftest_echo", "words", "--content", '{"n": 1}', "--json")
    assert told.json["result"] == {"n": 1, "text": "words"}


def test_content_is_read_from_a_file_and_from_stdin(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "content.json"
    file.write_text('{"n": 2}')
    assert call("ask", "selftest_echo", "--content", f"@{file}", "--json").json["result"] == {
        "n": 2
    }
    with file.open() as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        told = call("ask", "selftest_echo", "--content", "-", "--json")
    assert told.json["result"] == {"n": 2}


def test_the_same_id_twice_is_one_task_and_another_content_is_refused(call: Call) -> None:
    first = call("ask", "selftest_echo", "x", "--id", "one", "--json").json
    again = call("ask", "selftest_echo", "x", "--id", "one", "--json").json
    assert first == again
    told = call("ask", "selftest_echo", "y", "--id", "one")
    told.fails(3, "not taken", "conflict", "choose a new id")
    refused = call("ask", "selftest_echo", "y", "--id", "one", "--json")
    refused.fails(3)
    assert refused.json["rejected"] == "conflict"


def test_a_task_that_fails_is_told_with_its_reason(call: Call) -> None:
    told = call("ask", "selftest_work", "--content", '{"ms": "x"}', "--json")
    told.fails(1, "failed", "content is not what this capability takes")
    assert told.json["outcome"] == "failed"


def test_a_task_that_nobody_can_do_expires(call: Call) -> None:
    call("ask", "no_such_thing", "x", "--deadline", "0.3").fails(
        1, "expired", "no live node offers"
    )


def test_an_interrupt_cancels_the_task(call: Call, port: int) -> None:
    content = json.dumps({"ms": 30_000, "steps": 100})
    process = started(
        *("ask", "selftest_work", "--content", content, "--id", "interrupted", "--port", port)
    )
    assert process.stdout is not None
    process.stdout.read(2)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert err.splitlines()[-1].startswith("forgebus: cli/interrupted cancelled")
    assert "Traceback" not in err
    assert call("why", "interrupted", "--json").json["outcome"] == "cancelled"


def test_cancel_ends_a_running_task(call: Call, port: int) -> None:
    content = json.dumps({"ms": 30_000, "steps": 100})
    process = started(
        *("ask", "selftest_work", "--content", content, "--id", "unwanted", "--port", port)
    )
    assert process.stdout is not None
    process.stdout.read(2)
    told = call("cancel", "unwanted", "--json").json
    assert (told["task"], told["outcome"]) == ("cli/unwanted", "cancelled")
    process.communicate(timeout=20)
    assert process.returncode == 1
    assert call("cancel", "unwanted").code == 0
    call("ask", "selftest_echo", "x", "--id", "over")
    call("cancel", "over").fails(1, "was not cancelled: it is done")


def test_only_its_requester_cancels_a_task(call: Call) -> None:
    call("ask", "selftest_echo", "x", "--id", "theirs", "--login", "somebody")
    call("cancel", "somebody/theirs").fails(2, "only its requester")


def test_bids_shows_every_price_and_awards_nobody(call: Call) -> None:
    told = call("bids", "selftest_echo", "x", "--json").json
    assert {bid["node"] for bid in told["bids"]} == {"alpha", "beta"}
    assert told["winner"] in {"alpha", "beta"}
    assert "wins" in told["reason"]
    table = call("bids", "selftest_echo")
    assert table.code == 0
    assert "score" in table.out
    call("bids", "no_such_thing").fails(1, "nobody would take no_such_thing", "forgebus nodes")


def test_tasks_lists_the_latest_first(call: Call) -> None:
    call("ask", "selftest_echo", "x", "--id", "older")
    call("ask", "selftest_echo", "x", "--id", "newer")
    latest = call("tasks", "--limit", "2", "--json").json["tasks"]
    assert [task["task"] for task in latest] == ["cli/newer", "cli/older"]
    assert "cli/newer" in call("tasks").out


def test_why_takes_the_id_or_the_whole_name(call: Call) -> None:
    call("ask", "selftest_echo", "x", "--id", "asked")
    by_id, by_name = call("why", "asked", "--json").json, call("why", "cli/asked", "--json").json
    assert by_id["task"] == by_name["task"] == "cli/asked"
    assert [step["kind"] for step in by_id["steps"]][:2] == ["received", "accepted"]
    assert by_id["decisions"][0]["reason"]
    assert "+ ms" in call("why", "asked").out


def test_why_finds_a_task_of_another_login_at_whichever_home(call: Call) -> None:
    call("ask", "selftest_echo", "x", "--id", "there", "--login", "somebody", "--home", "beta")
    assert call("why", "somebody/there", "--json").json["home"] == "beta"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("why", "never"), ("no live node knows the task cli/never", "forgebus tasks")),
        (("why", "never", "--home", "alpha"), ("alpha does not know",)),
    ],
)
def test_what_is_not_known_is_one_line(call: Call, arguments: list[str], words: list[str]) -> None:
    call(*arguments).fails(1, *words)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("ask",), ("Missing argument", "forgebus ask --help")),
        (("ask", "selftest_echo"), ("give TEXT or --content",)),
        (
            ("ask", "selftest_echo", "x", "--prefer", "cheapest"),
            ("cheapest", "--prefer", "fastest"),
        ),
        (("ask", "selftest_echo", "x", "--node", "No Node"), ("node",)),
        (("ask", "Selftest", "x"), ("capability",)),
        (("ask", "selftest_echo", "x", "--id", "../x"), ("id",)),
        (("ask", "selftest_echo", "x", "--deadline", "0"), ("deadline",)),
        (("ask", "selftest_echo", "x", "--priority", "10"), ("priority",)),
        (("ask", "selftest_echo", "--content", "{"), ("not JSON",)),
        (("ask", "selftest_echo", "--content", "@/no/file"), ("/no/file", "No such file")),
        (("ask", "selftest_echo", "x", "--content", "[1]"), ("must be a JSON object",)),
        (("ask", "selftest_echo", "x" * 300_000), ("bytes",)),
        (("ask", "selftest_echo", "x", "--login", "Not A Login"), ("cannot be a login",)),
        (("why", "a b"), ("is no task",)),
        (("nodes", "--config", "/no/config.toml"), ("/no/config.toml",)),
        (("nodes", "--porto", "1"), ("No such option",)),
        (("noodes",), ("noodes",)),
    ],
)
def test_wrong_usage_is_one_line_and_code_2(
    call: Call, arguments: list[str], words: list[str]
) -> None:
    call(*arguments).fails(2, *words)


@pytest.mark.parametrize(
    "command",
    [("nodes",), ("tasks",), ("ask", "selftest_echo", "x"), ("why", "x"), ("bids", "x_y")],
)
def test_no_broker_is_one_line_and_code_4(
    command: list[str], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.mesh.FIND_S", 0.3)
    caller(capfd, "--port", free_port())(*command).fails(
        4, "no MQTT broker answers", "forgebus run"
    )


def test_a_broker_without_nodes_is_told_apart(
    broker: BrokerProcess, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.mesh.FIND_S", 0.3)
    call = caller(capfd, "--port", broker.port)
    for command in (("nodes",), ("tasks",), ("ask", "selftest_echo", "x")):
        call(*command).fails(4, "no node is on the bus")


def test_a_refused_login_is_told_as_such(
    secured_broker: BrokerProcess,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("daemon.mesh.FIND_S", 1.0)
    caller(capfd, "--port", secured_broker.port)("nodes").fails(4, "refuses the login", "username")


def test_a_home_that_dies_is_told_when_the_task_is_overdue(
    broker: BrokerProcess, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    node = NodeProcess(tmp_path, broker.port, "alone", ("selftest_work",))
    node.start()
    try:
        asyncio.run(_live(broker.port, "alone"))
        content = json.dumps({"ms": 60_000, "steps": 200})
        command = ("ask", "selftest_work", "--content", content, "--deadline", "3")
        process = started(*command, "--port", broker.port)
        assert process.stdout is not None
        process.stdout.read(2)
        node.freeze()
        caller(capfd, "--port", broker.port)("tasks").fails(4, "alone gave no report")
        _, err = process.communicate(timeout=30)
        assert process.returncode == 4
        assert err.startswith("forgebus: alone has not told the end of cli/")
    finally:
        node.kill()


def test_whoever_closes_our_output_early_hears_no_traceback(port: int) -> None:
    process = started("nodes", "--json", "--port", port)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    err = process.stderr.read()
    process.wait(20)
    process.stderr.close()
    assert "Traceback" not in err


def test_a_whole_process_behaves_like_a_call(port: int) -> None:
    told = finished("ask", "selftest_echo", "hello", "--port", port)
    assert (told.code, told.out, told.err) == (0, "hello\n", "")
    finished("ask", "selftest_echo", "--port", port).fails(2)


def test_what_others_wrote_cannot_command_the_terminal(call: Call) -> None:
    told = call("ask", "selftest_echo", "a\x1b[2Jb", "--id", "escape")
    assert told.out == "a\ufffd[2Jb\n"
    assert call("ask", "selftest_echo", "a\x1b[2Jb", "--json").json["result"] == "a\x1b[2Jb"
    call("ask", "selftest_work", "--content", '{"x\\u001b": 1}').fails(1, "x\ufffd")
