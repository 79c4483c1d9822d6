"""Many simulated nodes in one process: real bids, real contracts, a link each; no disk and no workers.

A simulated node is the machine that decides in every node (`daemon.contractor`) behind a connection of
its own, subscribed to what a node subscribes to, announced and refreshed like one. It gives the content
of `selftest_echo` back at once. What is missing is what its disk, its workers and its own processor
would add, so what a home and a broker do for many nodes stands alone.
"""

import argparse
import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from bench.fleet import ECHO
from bus_topics import codec, topics
from bus_topics import messages as m
from bus_topics.messages import Outcome
from daemon import logs
from daemon.actions import Action, Run, Send
from daemon.alarm import Alarm
from daemon.bus import Bus, Incoming
from daemon.config import BrokerConfig, Config, NodeConfig, WorkConfig
from daemon.contract import contract_key
from daemon.contractor import Contractor
from daemon.post import Post
from daemon.presence import Presence, offered, subscriptions, will
from daemon.roster import Roster
from daemon.service import REFRESH_S
from daemon.vitals import read_hardware
from handlers.protocol import Usage

START_S = 60.0
RUN_MS = 0.1
"""What an echo is said to take; a bid learns from it."""


class SimulatedNode:
    """One of the crowd."""

    def __init__(self, config: Config, number: int) -> None:
        boot = f"{number:08x}"
        entries = offered(config)
        self.linked = asyncio.Event()
        self._own = config.node.id
        self._base = config.broker.base
        self._contractor = Contractor(
            self._own,
            boot,
            config.work,
            entries,
            config.auction.beat_s,
            config.auction.lease_s,
        )
        self._presence = Presence(config, boot, Roster(), read_hardware())
        self._bus = Bus(
            config.broker,
            login=self._own,
            client_id=self._own,
            session_expiry_s=0,
            subscriptions=subscriptions(config, entries),
            on_message=self._received,
            on_link=self._linked,
            will=will(config),
        )
        self._post = Post(self._own, self._base, self._bus)
        self._alarm = Alarm(self._tick)
        self._loop = asyncio.get_running_loop()

    async def run(self) -> None:
        """Live until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._bus.run())
            await self.linked.wait()
            while True:
                self._announce()
                await asyncio.sleep(REFRESH_S)

    def _announce(self) -> None:
        card = self._presence.announce(self._contractor.skills(), self._loop.time())
        self._post.presence(card, self._presence.status)

    def _linked(self, up: bool) -> None:  # noqa: FBT001 - the bus's own callback
        if up:
            self.linked.set()

    def _received(self, incoming: Incoming) -> None:
        address = topics.parse(self._base, incoming.topic)
        if address.topic.message is not None and address.topic.name != "card":
            message = codec.decode(incoming.payload, address.topic.message)
            now = self._loop.time()
            self._carry_out(self._contractor.receive(address.sender, message, now))
        incoming.ack()

    def _carry_out(self, actions: Sequence[Action]) -> None:
        for action in actions:
            match action:
                case Send(to, message):
                    self._post.send(to, message)
                case Run(home, award):
                    self._carry_out(self._echo(home, award))
        self._alarm.set(self._contractor.wake())

    def _echo(self, home: str, award: m.Award) -> list[Action]:
        result = m.Result(
            task=award.task,
            attempt=award.attempt,
            outcome=Outcome.DONE,
            result=award.content,
            timing=m.Timing(run_ms=RUN_MS),
        )
        key = contract_key(home, award.task, award.attempt)
        return self._contractor.finished(key, result, Usage(), self._loop.time())

    def _tick(self) -> None:
        self._carry_out(self._contractor.tick(self._loop.time()))


@contextlib.asynccontextmanager
async def crowd(port: int, nodes: int) -> AsyncIterator[None]:
    """So many simulated nodes, in one process of their own, linked to the broker at `port`."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.crowd", "--port", str(port), "--nodes", str(nodes)),
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parent.parent,
    )
    try:
        assert process.stdout is not None
        word = await asyncio.wait_for(process.stdout.readline(), START_S)
        assert word == b"ready\n", f"the simulated nodes did not start: {word!r}"
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def _serve(port: int, nodes: int) -> None:
    broker = BrokerConfig(port=port, start="never")
    work = WorkConfig(capabilities=(ECHO,), max_queue=1000)
    async with asyncio.TaskGroup() as tasks:
        for number in range(nodes):
            node = NodeConfig(id=f"simulated-{number}", state_dir=Path(), hub=False)
            one = SimulatedNode(Config(node=node, broker=broker, work=work), number)
            tasks.create_task(one.run())
            await one.linked.wait()
        print("ready", flush=True)


def main() -> None:
    """Run the process of the crowd, until it is ended."""
    parser = argparse.ArgumentParser(description="simulated nodes")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--nodes", type=int, required=True)
    given = parser.parse_args()
    logs.set_up("warning", "console")
    asyncio.run(_serve(given.port, given.nodes))


if __name__ == "__main__":
    main()
