"""kill -9 of a process between the receipt of messages and their commit: the broker brings them again."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from broker_fixture import BrokerProcess, Peer, eventually, until

from daemon.bus import Will

ROOT = Path(__file__).resolve().parent.parent
MESSAGES, KILLS = 300, 3

# Commits one message every 2 ms to a file, then acknowledges it: the others wait, received.
RECEIVER = """
import asyncio, os, sys
sys.path.insert(0, "tests")
from broker_fixture import Peer
port, path = int(sys.argv[1]), sys.argv[2]
async def main():
    peer = Peer(port, "receiver", "t")
    peer.acknowledge = False
    async with peer:
        while True:
            await asyncio.sleep(0.002)
            if peer.came:
                message = peer.came.pop(0)
                with open(path, "ab") as file:
                    file.write(message.payload + b"\\n")
                message.ack()
asyncio.run(main())
"""

# Says that it is there, and stays.
STAYER = """
import asyncio, json, sys
sys.path.insert(0, "tests")
from broker_fixture import Peer
from daemon.bus import Will
async def main():
    will = Will(**json.loads(sys.argv[2]), payload=b"gone")
    async with Peer(int(sys.argv[1]), "stayer", will=will) as peer:
        peer.bus.publish(will.topic, b"there", qos=1, retain=True)
        await asyncio.sleep(60)
asyncio.run(main())
"""


async def test_no_message_is_lost_between_receipt_and_commit(
    broker: BrokerProcess, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    journal.touch()
    async with Peer(broker.port, "receiver", "t"):
        pass  # the session exists before the first message
    async with Peer(broker.port, "sender") as sender:
        for kill in range(KILLS):
            with _python(RECEIVER, str(broker.port), str(journal)) as receiver:
                grown = _growth(journal)
                for number in range(kill, MESSAGES, KILLS):
                    assert sender.bus.publish("t", b"%d" % number, qos=1)
                    await asyncio.sleep(0)
                await eventually(grown, "nothing came")
                receiver.kill()
    with _python(RECEIVER, str(broker.port), str(journal)) as receiver:
        missing = f"lost: {sorted(set(range(MESSAGES)) - _committed(journal))}"
        try:
            until(lambda: len(_committed(journal)) == MESSAGES, missing, 15)
        finally:
            receiver.kill()


async def test_a_killed_process_leaves_its_will_after_the_delay(broker: BrokerProcess) -> None:
    will = {"topic": "state", "qos": 1, "retain": True, "expiry_s": 60, "delay_s": 1}
    async with Peer(broker.port, "watch", "state") as watch:
        with _python(STAYER, str(broker.port), json.dumps(will)) as stayer:
            await watch.has(1)
            stayer.kill()
        await watch.bus.round_trip()
        assert watch.payloads == [b"there"]  # a node that is back within the delay was never away
        await watch.has(2)
        assert watch.payloads == [b"there", b"gone"]
    async with Peer(broker.port, "late", "state") as late:
        await late.has(1)
        assert (late.came[0].payload, late.came[0].retain) == (b"gone", True)


async def test_a_process_that_is_back_in_time_leaves_no_will(broker: BrokerProcess) -> None:
    will = {"topic": "state", "qos": 1, "retain": False, "expiry_s": None, "delay_s": 3}
    async with Peer(broker.port, "watch", "state") as watch:
        with _python(STAYER, str(broker.port), json.dumps(will)) as stayer:
            await watch.has(1)
            stayer.kill()
        back = Will(topic="state", payload=b"second", qos=1, retain=False, expiry_s=None, delay_s=0)
        async with Peer(broker.port, "stayer", will=back):
            await asyncio.sleep(4)
        await watch.bus.round_trip()
        assert watch.payloads == [b"there"]


def _python(program: str, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", program, *arguments], cwd=ROOT)


def _growth(journal: Path) -> Callable[[], bool]:
    had = journal.stat().st_size
    return lambda: journal.stat().st_size > had


def _committed(journal: Path) -> set[int]:
    # A kill in the middle of a write leaves half a line, which counts for nothing.
    return {int(line) for line in journal.read_bytes().split(b"\n")[:-1] if line}
