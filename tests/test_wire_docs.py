"""docs/protocol.md cannot go stale: its table, examples, drawings, figures and access list are checked."""

import re
import subprocess
import textwrap
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from broker_fixture import BrokerProcess, Peer, eventually

from bus_topics import codec, errors
from bus_topics import messages as m
from bus_topics.topics import DEFAULT_BASE, TOPICS, Topic, build
from daemon import auction, contract, eligible, requester, roster
from daemon.attempt import AWARD_REPEAT_S
from daemon.config import AuctionConfig, BrokerConfig
from daemon.contractor import STARTED_AFTER_S
from daemon.home import ACCEPTED_AFTER_S
from daemon.hub import TAKE_OVER_S
from daemon.service import REFRESH_S
from daemon.task import HANDOFF_RESERVE_S
from daemon.verdicts import VERDICT_AFTER_S

PAGE = (Path(__file__).parent.parent / "docs" / "protocol.md").read_text(encoding="utf-8")
WORDS = " ".join(PAGE.split())


def section(name: str) -> str:
    """What stands under `### name`."""
    found = re.search(rf"^### {name}\n(.*?)(?=^##)", PAGE, re.MULTILINE | re.DOTALL)
    assert found, f"docs/protocol.md has no heading '### {name}'"
    return found[1]


def line(row: Topic) -> str:
    """The row of the table that a topic must have."""
    message = row.message.__name__ if row.message else "plain text"
    retained = "yes" if row.retain else "no"
    expiry = f"{row.expiry_s} s" if row.expiry_s else "-"
    cells = [row.name, f"`{row.path}`", message, row.qos, retained, expiry, row.writer, row.reader]
    return "| " + " | ".join(map(str, cells)) + " |"


def test_the_table_of_topics_is_the_list_of_topics() -> None:
    table = PAGE.partition("## Topics\n")[2].partition("\n## ")[0]
    lines = [text for text in table.splitlines() if text.startswith("| ")]
    assert lines[1:] == [line(row) for row in TOPICS]


@pytest.mark.parametrize("row", TOPICS, ids=lambda row: row.name)
def test_every_message_has_examples_that_are_valid(row: Topic) -> None:
    examples = re.findall(r"```json\n(.*?)\n```", section(row.name), re.DOTALL)
    if row.message is None:
        assert all(f"`{status}`" in section(row.name) for status in m.Status)
        return
    assert examples
    for example in examples:
        if row.message is m.Ask:
            codec.decode_ask(example.encode())
        else:
            codec.decode(example.encode(), row.message)


def test_the_headings_are_the_topics_and_no_others() -> None:
    messages = PAGE.partition("## The messages\n")[2].partition("\n## ")[0]
    assert re.findall(r"^### (.*)$", messages, re.MULTILINE) == [row.name for row in TOPICS]


@pytest.mark.parametrize(
    "module", [auction, contract, eligible, requester, roster], ids=lambda module: module.__name__
)
def test_the_drawing_of_a_machine_is_that_of_its_file(module: ModuleType) -> None:
    assert module.__doc__ is not None
    found = re.search(r"^    .*^    [^\n]*$", module.__doc__, re.MULTILINE | re.DOTALL)
    assert found
    assert textwrap.dedent(found[0]) in PAGE, f"copy the drawing of {module.__name__} to the page"


def test_every_fault_is_named() -> None:
    codes = [fault.code for fault in errors.WireError.__subclasses__()]
    assert codes
    assert all(f"`{code}`" in PAGE for code in codes)


AUCTION = AuctionConfig()


@pytest.mark.parametrize(
    "words",
    [
        f"A payload has at most {codec.MAX_BYTES:,} bytes",
        f"in it at most {codec.MAX_CONTENT:,}",
        f"at most {codec.MAX_DEPTH} deep",
        f"`v`, the version, is {m.VERSION} ",
        f"by default `{DEFAULT_BASE}`",
        f"At most {AUCTION.max_open} auctions",
        f"one level each {AUCTION.ageing_s:.0f} s",
        f"({AUCTION.window_ms} ms at first)",
        f"renews their leases ({AUCTION.lease_s:.0f} s)",
        f"Every {AUCTION.beat_s:.0f} s, one to each home",
        f"at {contract.LEASE_SHARE:.0%}".replace("%", " %"),
        f"ends within {ACCEPTED_AFTER_S * 1000:.0f} ms",
        f"within {STARTED_AFTER_S * 1000:.0f} ms",
        f"gathered for {VERDICT_AFTER_S * 1000:.0f} ms",
        f"until the `verdict`, for {contract.OUTBOX_S / 86_400:.0f} days",
        f"after 1, 2, 4 .. {requester.LAST_PAUSE_S:.0f} s until there is an answer",
        f"after 1, 2, 4 .. {contract.RESULT_REPEAT_MAX_S:.0f} s until the `verdict`",
        f"hear `taken` within {TAKE_OVER_S:.0f} s",
        f"refreshed every {REFRESH_S:.0f} s",
        f"sends {BrokerConfig().will_delay_s} s after the link is lost",
        f"less than a bid window ({AUCTION.window_ms} ms) is left",
        f"the task was handed on {eligible.MAX_HANDOFFS} times",
        f"or {HANDOFF_RESERVE_S * 1000:.0f} ms before the deadline",
        f"a home that restarts gives the nodes {auction.LOOK_ROUND_S:.0f} s to be seen",
    ],
)
def test_a_figure_is_that_of_the_code(words: str) -> None:
    assert words in WORDS


def test_what_the_page_says_is_repeated_each_second() -> None:
    assert AWARD_REPEAT_S == contract.CLAIM_REPEAT_S == requester.FIRST_PAUSE_S == 1.0
    assert WORDS.count("epeated each second") == 3


# --- the access list, held against a real broker ---------------------------------------------------


def access_list(*nodes: str) -> str:
    """The page's access list, with its block for `kitchen` made for each of `nodes`."""
    everyone, one = re.findall(r"```\n((?:pattern|user) .*?)```", PAGE, re.DOTALL)
    return str(everyone) + "".join(one.replace("kitchen", node) for node in nodes)


async def reason_code(peer: Peer, topic: str) -> int:
    codes: list[int] = []
    assert peer.bus.publish(topic, b"x", qos=1, receipt=codes.append)
    await eventually(lambda: bool(codes), f"no PUBACK for {topic}")
    return codes[0]


DENIED = 0x87


async def test_the_access_list_lets_each_login_speak_for_itself_alone(
    make_broker: Callable[..., BrokerProcess], tmp_path: Path
) -> None:
    acl = tmp_path / "acl"
    acl.write_text(access_list("kitchen", "attic"))
    passwords, broker = logins(tmp_path, make_broker, acl)
    async with AsyncExitStack() as stack:
        peers: dict[str, Peer] = {}
        for name, file in passwords.items():
            config: dict[str, Any] = {"username": name, "password_file": file}
            peer = Peer(broker.port, name, f"{DEFAULT_BASE}/#", config=config)
            peers[name] = await stack.enter_async_context(peer)
        kitchen, app, mallory = peers["kitchen"], peers["nodered"], peers["mallory"]
        for row in TOPICS:
            reader = "nodered" if "answer" in row.path else "attic"
            own = build(DEFAULT_BASE, row.name, sender="kitchen", to=reader, capability="chat")
            assert await reason_code(kitchen, own) != DENIED, own
            assert await reason_code(mallory, own) == DENIED, own
        assert await reason_code(app, f"{DEFAULT_BASE}/in/kitchen/nodered/submit") != DENIED
        assert await reason_code(app, f"{DEFAULT_BASE}/ask/nodered/chat") != DENIED
        assert await reason_code(kitchen, f"{DEFAULT_BASE}/in/nodered/kitchen/final") != DENIED
        fence = f"{DEFAULT_BASE}/event/kitchen"
        assert await reason_code(kitchen, fence) != DENIED
        for peer in peers.values():
            await eventually(partial(heard_twice, peer, fence), "the last event is missing")
        assert seen(app) == PUBLIC | {"answer/nodered/chat", "in/nodered/kitchen/final"}
        assert seen(mallory) == PUBLIC
        assert "ask/nodered/chat" in seen(kitchen)
        assert not any(topic.startswith("in/attic") for topic in seen(kitchen))


PUBLIC = {"node/kitchen/status", "node/kitchen/card", "node/kitchen/state", "event/kitchen"}


def heard_twice(peer: Peer, topic: str) -> bool:
    return sum(message.topic == topic for message in peer.came) == 2


def seen(peer: Peer) -> set[str]:
    return {message.topic.removeprefix(f"{DEFAULT_BASE}/") for message in peer.came}


def logins(
    directory: Path, make_broker: Callable[..., BrokerProcess], acl: Path
) -> tuple[dict[str, Path], BrokerProcess]:
    """Two nodes and two apps with a password each, and a broker that holds them to the list."""
    stored = directory / "passwords"
    stored.touch()
    files: dict[str, Path] = {}
    for name in ("kitchen", "attic", "nodered", "mallory"):
        command = ["mosquitto_passwd", "-b", str(stored), name, f"secret-of-{name}"]
        subprocess.run(command, check=True, capture_output=True)
        files[name] = directory / f"{name}.password"
        files[name].write_text(f"secret-of-{name}")
        files[name].chmod(0o600)
    settings = f"allow_anonymous false\npassword_file {stored}\nacl_file {acl}\n"
    return files, make_broker(settings)
