"""The scene of a cell: a broker, a home, two workers and an app, all of them processes that may be hurt.

    app ──▶ broker ◀── home            the app submits, the home keeps, the workers take effect
              ▲  ▲
      worker-a    worker-b

What a storm does to it is told to `Scene.saw`, so that a cell whose fault never struck is not passed.
"""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from broker_fixture import SETTINGS, BrokerProcess, free_port
from bus_fixture import SecuredBus
from faults_requester import APP, HOME, MAX_ATTEMPTS, WORK, Plan, read_book
from node_process import NodeProcess, on_the_bus

from daemon.config import BrokerConfig
from daemon.logins import Role
from daemon.mesh import Mesh

ROOT = Path(__file__).resolve().parent.parent
WORKERS = ("worker-a", "worker-b")
START_S = 60.0
PAUSE_S = 1.5
STRIKES = 12
"""After so many blows the weather is fair, or a slow machine would never end its tasks."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What a cell wants to be otherwise than usual."""

    stored: bool = True
    """The broker keeps its sessions on disk."""
    secured: bool = False
    """TLS, certificates and the access list."""
    window: int = 40
    """Tasks that the app has on their way at once."""
    ms: int = 200
    home: Mapping[str, str] = field(default_factory=dict)
    """More of the home's configuration; {tenth} stands for a tenth of the tasks."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """More of the environment of all nodes; {folder} stands for the folder of the scene."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One fault: what it does to the scene, what it needs, and what may come of it."""

    name: str
    does: str
    storm: Callable[[Scene], None]
    stage: Stage = Stage()
    prepare: Callable[[Scene], None] | None = None
    """What must be there before the processes start."""
    lacks: Callable[[], str] = str
    """Why it cannot run here; empty when it can."""
    namespaces: tuple[str, ...] = ()
    """What `unshare` gives it of its own: --net, --mount."""
    all_done: bool = False
    """The fault excuses no end but done, of `once` tasks neither."""
    seen: tuple[str, ...] = ()
    """What must have struck; a fault that never did proves nothing."""


class Scene:
    """Everything that runs. Before it starts, `ports` and `places` may give nodes another door or disk."""

    def __init__(self, folder: Path, stage: Stage, tasks: int, seed: int, limit_s: float) -> None:
        self.folder = folder
        self.random = random.Random(seed)
        self.saw: Counter[str] = Counter()
        self.nodes: dict[str, NodeProcess] = {}
        self.ports: dict[str, int] = {}
        self.places: dict[str, Path] = {}
        self.more: list[BrokerProcess] = []
        """Brokers besides the app's; started with it."""
        self.undo = ExitStack()
        """What must be put back when all has been looked at."""
        self._stage = stage
        self._over = time.monotonic() + limit_s
        self._app: subprocess.Popen[bytes] | None = None
        self.broker: BrokerProcess | SecuredBus
        self.far_port = free_port()
        """A second door of the broker, for those that a storm cuts off."""
        if stage.secured:
            self.broker = SecuredBus(folder)
        else:
            door = f"allow_anonymous true\nlistener {self.far_port} 127.0.0.1\n"
            (folder / "broker").mkdir()
            self.broker = BrokerProcess(folder / "broker", SETTINGS + door, stored=stage.stored)
        self.plan = Plan(
            port=self.broker.port,
            config=str(self._admitted(APP, Role.APP)),
            book=str(folder / "book"),
            mark=str(folder / "mark"),
            tasks=tasks,
            ms=stage.ms,
            window=stage.window,
        )

    # --- for storms ------------------------------------------------------------------------------

    def ended(self) -> int:
        """How many tasks the app knows the end of."""
        book = read_book(Path(self.plan.book))
        return len({line.id for line in book if line.word == "final"})

    def running(self) -> bool:
        """Whether the app still waits for an end, and the cell has time for it."""
        status = None if self._app is None else self._app.poll()
        assert not status, f"the app fell with {status}: {self.logs()}"
        return status is None and time.monotonic() < self._over

    def begun(self, share: float = 0.1) -> bool:
        """Wait until this share of the tasks has ended; whether the others still run."""
        while self.running() and self.ended() < share * self.plan.tasks:
            time.sleep(0.02)
        return self.running()

    def strikes(self, pause_s: float = PAUSE_S, most: int = STRIKES) -> Iterator[int]:
        """One for each blow, with pauses between them, as long as there is something to hit."""
        self.begun()
        for number in range(most):
            if not self.running():
                return
            yield number
            self.pause(pause_s)

    def pause(self, seconds: float) -> None:
        """Let it run for so long, or until it is over."""
        until = time.monotonic() + seconds
        while self.running() and time.monotonic() < until:
            time.sleep(0.02)

    def kill_node(self, id_: str) -> None:
        """kill -9, and a new life; returns when that is on the bus."""
        self.saw[f"killed {id_}"] += 1
        node = self.nodes[id_]
        node.kill()
        before = self.links(id_)
        node.start()
        self.await_link(id_, before)

    def links(self, id_: str) -> int:
        """How often this node has come to the broker."""
        return self.nodes[id_].log().count("bus-up")

    def await_link(self, id_: str, before: int) -> None:
        """Until it has come to the broker once more than `before`."""
        until = time.monotonic() + START_S
        while self.running() and self.links(id_) <= before and time.monotonic() < until:
            time.sleep(0.05)

    def kill_broker(self) -> None:
        """kill -9, and a new one on the same port."""
        self.saw["killed broker"] += 1
        if isinstance(self.broker, SecuredBus):
            self.broker.stop()
        else:
            self.broker.kill()
        self.broker.start()

    def kill_app(self) -> None:
        """kill -9 of the requester, and a new life."""
        self.saw["killed app"] += 1
        self._end_app()
        self._start_app()

    def freeze_node(self, id_: str, seconds: float) -> None:
        """SIGSTOP for so long."""
        self.saw[f"froze {id_}"] += 1
        self.nodes[id_].freeze()
        self.pause(seconds)
        self.nodes[id_].thaw()

    def add(self, id_: str, *capabilities: str, place: Path | None = None, **more: str) -> None:
        """Start a node; a second one of an id stands under `<id> again`."""
        settings = {"auction__max_attempts": str(MAX_ATTEMPTS), "work__slots": "2", **more}
        if self._stage.secured:
            settings["config"] = str(self._admitted(id_, Role.NODE))
        state = (place or self.folder) / id_
        settings["node__state_dir"] = str(state)
        port = self.ports.get(id_, self.plan.port)
        node = NodeProcess(self.folder, port, id_, capabilities, **settings)
        node.state = state
        for name, value in self._stage.environment.items():
            node._environment[name] = value.format(folder=self.folder)
        self.nodes[f"{id_} again" if id_ in self.nodes else id_] = node
        node.start()

    # --- its course ------------------------------------------------------------------------------

    def start(self) -> None:
        """Broker, nodes, and when all are there, the app."""
        for broker in (self.broker, *self.more):
            broker.start()
        tenth = self.plan.tasks // 10
        home = {name: value.format(tenth=tenth) for name, value in self._stage.home.items()}
        self.add(HOME, place=self.places.get(HOME), **home)
        for id_ in WORKERS:
            self.add(id_, WORK)
        asyncio.run(self._all_there())
        self._start_app()

    def finish(self) -> None:
        """Wait for the app under fair weather."""
        while self.running():
            time.sleep(0.05)

    def end(self) -> None:
        """Leave nothing behind."""
        self._end_app()
        for node in self.nodes.values():
            node.kill()
        for broker in (self.broker, *self.more):
            broker.stop() if isinstance(broker, SecuredBus) else broker.kill()

    def logs(self) -> str:
        """The last that each process has said."""
        files = sorted(self.folder.glob("*.log"))
        return "\n".join(f"--- {f.name}\n{f.read_text(errors='replace')[-1500:]}" for f in files)

    # --- private ---------------------------------------------------------------------------------

    async def _all_there(self) -> None:
        broker = BrokerConfig(port=self.plan.port)
        if isinstance(self.broker, SecuredBus):
            broker = self.broker.config(Path(self.plan.config).parent)
        async with Mesh(broker=broker, login=APP) as mesh:
            await on_the_bus(mesh, HOME, *WORKERS, within_s=START_S)

    def _admitted(self, login: str, role: Role) -> Path | str:
        if not isinstance(self.broker, SecuredBus):
            return ""
        return self.broker.admit(login, role) / "forgebus.toml"

    def _start_app(self) -> None:
        plan = self.folder / "plan.json"
        plan.write_bytes(msgspec.json.encode(self.plan))
        path = os.pathsep.join((str(ROOT), str(ROOT / "tests")))
        with (self.folder / "app.log").open("ab") as log:
            self._app = subprocess.Popen(
                [sys.executable, "-m", "faults_requester", plan],
                env=os.environ | {"PYTHONPATH": path},
                stdout=log,
                stderr=log,
            )

    def _end_app(self) -> None:
        if self._app is not None:
            self._app.kill()
            self._app.wait(10)
            self._app = None
