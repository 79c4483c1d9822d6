"""The cells of what processes stand on: network, disk, wall clock, and a hostile login.

Rules for packets and small file systems live in namespaces of the cell alone, and are gone with it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import struct
import subprocess
from datetime import datetime
from pathlib import Path

from broker_fixture import SETTINGS, BrokerProcess
from faults_hostile import lie
from faults_requester import HOME
from faults_scene import WORKERS, Cell, Scene, Stage
from small_disk import fill

LOST_PERCENT = 8
APART_S = 5.0
"""Longer than a lease."""
DAY_S = 86_400
DROP = ("counter", "drop")


# --- network -------------------------------------------------------------------------------------


def own_network(scene: Scene) -> None:
    """The namespace begins with nothing, the loopback down."""
    _run("ip", "link", "set", "lo", "up")
    _run("nft", "add", "table", "inet", "faults")
    _run("nft", "add", "chain", "inet", "faults", "in", "{ type filter hook input priority 0; }")


def lossy(scene: Scene) -> None:
    """Of the packets to and from the broker, some are dropped from now on."""
    port = scene.plan.port
    scene.begun()
    for end in ("dport", "sport"):
        share = ("numgen", "random", "mod", "100", "<", str(LOST_PERCENT))
        _run("nft", "add", "rule", "inet", "faults", "in", "tcp", end, str(port), *share, *DROP)
    scene.finish()
    scene.saw["packets lost"] = _dropped()


def far_worker(scene: Scene) -> None:
    """One worker comes by a door of its own."""
    own_network(scene)
    scene.ports[WORKERS[0]] = scene.far_port


def far_workers(scene: Scene) -> None:
    """Both workers are at a second broker, with a bridge to the first one's other door."""
    own_network(scene)
    folder = scene.folder / "far"
    folder.mkdir()
    bridge = (
        f"connection near\naddress 127.0.0.1:{scene.far_port}\nremote_clientid bridge\n"
        "bridge_protocol_version mqttv50\ncleansession false\nrestart_timeout 1\n"
        "notifications false\ntopic forgebus/v1/# both 1\n"
    )
    far = BrokerProcess(folder, f"{SETTINGS}allow_anonymous true\n{bridge}")
    scene.more.append(far)
    scene.ports.update(dict.fromkeys(WORKERS, far.port))


def apart(scene: Scene) -> None:
    """The other door is shut without a word, and opened again."""
    for _ in scene.strikes(most=3):
        for end in ("dport", "sport"):
            _run(
                "nft", "add", "rule", "inet", "faults", "in", "tcp", end, str(scene.far_port), *DROP
            )
        scene.pause(APART_S)
        scene.saw["cut off"] += 1
        scene.saw["packets lost"] += _dropped()
        _run("nft", "flush", "chain", "inet", "faults", "in")


def _dropped() -> int:
    rules = _run("nft", "list", "chain", "inet", "faults", "in")
    return sum(int(count) for count in re.findall(r"packets (\d+)", rules))


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def no_network() -> str:
    """Why rules for packets cannot be made here."""
    return (
        _no_root() or _without("ip", "iproute2") or _without("nft", "nftables") or _closed("--net")
    )


# --- disk ----------------------------------------------------------------------------------------


def small_disk(scene: Scene) -> None:
    """The home's journal is on a file system of 4 MB, as large as its log would be elsewhere."""
    place = scene.folder / "small"
    place.mkdir()
    _run("mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place))
    scene.undo.callback(_run, "umount", "--lazy", str(place))
    scene.places[HOME] = place


def full(scene: Scene) -> None:
    """Every byte of it is taken, for a while."""
    stuff = scene.places[HOME] / "stuff"
    for _ in scene.strikes(most=4):
        scene.saw["disk full"] += 1
        fill(stuff)
        scene.pause(2.0)
        stuff.unlink()
    scene.finish()


def no_mount() -> str:
    """Why no file system can be mounted here."""
    return _no_root() or _closed("--mount")


def slow_sync(scene: Scene) -> None:
    """Build what makes every fsync wait."""
    _build(scene, "faults_slow_sync.c")
    (scene.folder / "syncs").touch()


def slow(scene: Scene) -> None:
    """From the beginning to the end."""
    scene.finish()
    scene.saw["slow syncs"] = (scene.folder / "syncs").stat().st_size


# --- wall clock ----------------------------------------------------------------------------------


def clock_file(scene: Scene) -> None:
    """Where the nodes read what to add to the wall clock, and what makes them."""
    _build(scene, "faults_clock.c")
    (scene.folder / "clock").write_bytes(bytes(8))


def jump(scene: Scene) -> None:
    """A day on, two days back, and home."""
    for number in scene.strikes():
        scene.saw["clock jumped"] += 1
        by_s = (DAY_S, -DAY_S, 0)[number % 3]
        with (scene.folder / "clock").open("r+b") as clock:
            clock.write(struct.pack("=q", by_s))
    told = [json.loads(line)["timestamp"] for line in scene.nodes[HOME].log().splitlines()]
    days = {datetime.fromisoformat(at).date() for at in told}
    scene.saw["days moved in the home's log"] = len(days) - 1


# --- what is missing -----------------------------------------------------------------------------


def _no_root() -> str:
    return "" if os.geteuid() == 0 else "only root has namespaces of its own"


def _without(program: str, package: str) -> str:
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    return "" if shutil.which(program, path=path) else f"no {program}: apt-get install {package}"


def _closed(namespace: str) -> str:
    tried = subprocess.run(["unshare", namespace, "true"], capture_output=True, check=False)
    return "" if tried.returncode == 0 else f"unshare {namespace} is not allowed here"


def _build(scene: Scene, source: str) -> None:
    """A library of ours, for LD_PRELOAD."""
    here, out = Path(__file__).parent / source, scene.folder / source.replace(".c", ".so")
    _run("cc", "-shared", "-fPIC", "-O1", "-o", str(out), str(here), "-ldl")


def no_compiler() -> str:
    """Why a library for LD_PRELOAD cannot be built."""
    return _without("cc", "gcc")


CELLS = (
    Cell(
        "cut-off",
        "every packet of one worker is dropped, longer than a lease",
        apart,
        prepare=far_worker,
        lacks=no_network,
        namespaces=("--net",),
        seen=("cut off", "packets lost"),
    ),
    Cell(
        "bridge-partition",
        "the workers are at a second broker, and the bridge to it is cut",
        apart,
        prepare=far_workers,
        lacks=no_network,
        namespaces=("--net",),
        seen=("cut off", "packets lost"),
    ),
    Cell(
        "packet-loss",
        f"{LOST_PERCENT} % of the packets to and from the broker are dropped",
        lossy,
        prepare=own_network,
        lacks=no_network,
        namespaces=("--net",),
        seen=("packets lost",),
    ),
    Cell(
        "disk-full",
        "the home's disk is full, four times for 2 s",
        full,
        prepare=small_disk,
        lacks=no_mount,
        namespaces=("--mount",),
        seen=("disk full",),
    ),
    Cell(
        "disk-slow",
        "each fsync of a node takes 100 ms longer",
        slow,
        Stage(
            environment={
                "LD_PRELOAD": "{folder}/faults_slow_sync.so",
                "FAULTS_SYNCS": "{folder}/syncs",
            }
        ),
        prepare=slow_sync,
        lacks=no_compiler,
        all_done=True,
        seen=("slow syncs",),
    ),
    Cell(
        "clock-jump",
        "the wall clock of all nodes jumps by days",
        jump,
        Stage(
            environment={
                "LD_PRELOAD": "{folder}/faults_clock.so",
                "FAULTS_CLOCK": "{folder}/clock",
            }
        ),
        prepare=clock_file,
        lacks=no_compiler,
        seen=("clock jumped", "days moved in the home's log"),
    ),
    Cell(
        "hostile-login",
        "a node with a login of its own lies, floods and does not deliver",
        lie,
        Stage(secured=True, window=8),
        seen=("lies", "bids of 0 ms", "refused by the broker", "quarantined"),
    ),
)
