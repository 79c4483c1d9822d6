"""The cells of processes: killed, frozen, doubled, set back, overloaded. Those of what they stand on: `faults_ground`."""

from __future__ import annotations

from collections.abc import Callable

from broker_fixture import BrokerProcess
from faults_requester import HOME, WORK
from faults_scene import WORKERS, Cell, Scene, Stage

from daemon.journal import Journal

FROZEN_S = 4.0
"""Beyond the lease of 3 s that the scene's nodes have."""


def calm(scene: Scene) -> None:
    """Nothing happens."""


def kill_workers(scene: Scene) -> None:
    """In turn, so that one of them is always in the middle of something."""
    for number in scene.strikes():
        scene.kill_node(WORKERS[number % 2])


def kill_home(scene: Scene) -> None:
    """With all that it has open."""
    for _ in scene.strikes():
        scene.kill_node(HOME)


def kill_app(scene: Scene) -> None:
    """It does not know what it was told."""
    for _ in scene.strikes():
        scene.kill_app()


def kill_broker(scene: Scene) -> None:
    """It forgets what it has not stored."""
    for _ in scene.strikes():
        scene.kill_broker()


def freeze(id_: str) -> Callable[[Scene], None]:
    """A storm that stops this node longer than a lease."""

    def storm(scene: Scene) -> None:
        for _ in scene.strikes(most=3):
            scene.freeze_node(id_, FROZEN_S)

    return storm


def freeze_broker(scene: Scene) -> None:
    """Nobody hears anybody, and no connection is lost."""
    assert isinstance(scene.broker, BrokerProcess)
    for _ in scene.strikes(most=3):
        scene.saw["froze broker"] += 1
        scene.broker.freeze()
        scene.pause(FROZEN_S)
        scene.broker.thaw()


def anything(scene: Scene) -> None:
    """What the seed draws."""
    blows: list[Callable[[], None]] = [
        scene.kill_broker,
        scene.kill_app,
        *(lambda id_=id_: scene.kill_node(id_) for id_ in (HOME, *WORKERS)),
        *(
            lambda id_=id_: scene.freeze_node(id_, scene.random.uniform(0.5, FROZEN_S))
            for id_ in (HOME, *WORKERS)
        ),
    ]
    for _ in scene.strikes(scene.random.uniform(0.2, 2.0)):
        scene.saw["blows"] += 1
        scene.random.choice(blows)()


def double(scene: Scene) -> None:
    """A second machine with the id of the first, and a journal of its own."""
    if scene.begun():
        other = scene.folder / "other"
        other.mkdir()
        scene.saw["two of worker-a"] += 1
        scene.add(WORKERS[0], WORK, place=other)
    scene.finish()
    scene.saw["conflicts told"] = scene.nodes[WORKERS[0]].log().count('"conflict"')


def set_back(scene: Scene) -> None:
    """A worker's disk is replaced by a copy of earlier, when most of what that says is long over."""
    node = scene.nodes[WORKERS[0]]
    copy = scene.folder / "copy.db"
    scene.begun(0.1)
    with Journal.peek(node.state) as journal:
        journal.backup(copy)
    if scene.begun(0.4):
        node.kill()
        for file in node.state.glob("journal.db*"):
            file.unlink()
        copy.rename(node.state / "journal.db")
        scene.saw["set back worker-a"] += 1
        node.start()


CELLS = (
    Cell("none", "nothing is hurt", calm, all_done=True),
    Cell(
        "contractor-killed",
        "kill -9 of one worker after the other",
        kill_workers,
        seen=("killed worker-a",),
    ),
    Cell("home-killed", "kill -9 of the home", kill_home, seen=("killed home",)),
    Cell(
        "requester-killed",
        "kill -9 of the app",
        kill_app,
        all_done=True,
        seen=("killed app",),
    ),
    Cell(
        "broker-killed",
        "kill -9 of the broker, which keeps its sessions",
        kill_broker,
        seen=("killed broker",),
    ),
    Cell(
        "broker-wiped",
        "kill -9 of the broker, which keeps nothing",
        kill_broker,
        Stage(stored=False),
        seen=("killed broker",),
    ),
    Cell(
        "broker-killed-tls",
        "the same with TLS, certificates and the access list",
        kill_broker,
        Stage(secured=True),
        seen=("killed broker",),
    ),
    Cell(
        "contractor-frozen",
        "SIGSTOP of a worker beyond its lease",
        freeze(WORKERS[0]),
        seen=("froze worker-a",),
    ),
    Cell("home-frozen", "SIGSTOP of the home", freeze(HOME), seen=("froze home",)),
    Cell("broker-frozen", "SIGSTOP of the broker", freeze_broker, seen=("froze broker",)),
    Cell("chaos", "kills and stops of anything, as a seed draws them", anything, seen=("blows",)),
    Cell(
        "two-with-one-id",
        "a second node with the id of a worker",
        double,
        Stage(ms=400),
        seen=("two of worker-a", "conflicts told"),
    ),
    Cell(
        "old-backup",
        "a worker's journal is replaced by an old backup",
        set_back,
        seen=("set back worker-a",),
    ),
    Cell(
        "overload",
        "ten times as many tasks at once as the home takes",
        calm,
        Stage(window=10_000, ms=50, home={"auction__max_tasks": "{tenth}"}),
        all_done=True,
        seen=("busy",),
    ),
)
