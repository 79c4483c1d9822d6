"""A hostile login on a secured bus: it bids for everything and delivers nothing, lies about everyone's tasks, floods.

It has a node's rights and says all of it under its own name, as the access list demands; what it says under
the names of others, the broker must refuse.
"""

from __future__ import annotations

import asyncio
import itertools

import msgspec
import orjson
from broker_fixture import Peer
from bus_fixture import BASE, SecuredBus
from faults_requester import APP, HOME
from faults_scene import WORKERS, Scene
from faults_verdict import LIAR
from node_process import quarantined

from bus_topics import codec
from bus_topics import messages as m
from daemon.logins import Role

MALLORY = LIAR
BOOT = "0123456789abcdef"
NOT_ALLOWED = 0x87
BIDS_ONE_IN = 4
PAUSE_S = 0.05


def lie(scene: Scene) -> None:
    """For as long as the app waits."""
    assert isinstance(scene.broker, SecuredBus)
    folder = scene.broker.admit(MALLORY, Role.NODE)
    scene.begun(0.05)
    asyncio.run(
        _lie(
            scene,
            scene.broker.peer(folder, f"{BASE}/offer/selftest_work/+", f"{BASE}/in/{MALLORY}/#"),
        )
    )
    scene.saw["quarantined"] = sum(
        sender == MALLORY for node in scene.nodes.values() for sender, _ in quarantined(node)
    )


async def _lie(scene: Scene, mallory: Peer) -> None:
    heard = 0

    def answered(code: int) -> None:
        scene.saw["refused by the broker"] += code == NOT_ALLOWED

    async with mallory:
        say = mallory.bus.publish
        say(f"{BASE}/node/{MALLORY}/status", b"online", qos=1, retain=True)
        say(f"{BASE}/node/{MALLORY}/card", _card(), qos=1, retain=True)
        for number in itertools.cycle(range(scene.plan.tasks)):
            if not scene.running():
                return
            for to, kind, message in _lies(f"t{number}"):
                scene.saw["lies"] += 1
                say(f"{BASE}/in/{to}/{MALLORY}/{kind}", _encoded(message), qos=1)
            say(f"{BASE}/in/{HOME}/{MALLORY}/submit", b"[" * 500, qos=1)
            say(
                f"{BASE}/in/{HOME}/{APP}/cancel",
                orjson.dumps({"id": f"t{number}"}),
                qos=1,
                receipt=answered,
            )
            for offer in mallory.came[heard:]:
                heard += 1
                if "/offer/" in offer.topic and heard % BIDS_ONE_IN == 0:
                    scene.saw["bids of 0 ms"] += 1
                    say(f"{BASE}/in/{HOME}/{MALLORY}/bid", _bid(offer.payload), qos=0)
            await asyncio.sleep(PAUSE_S)


def _card() -> bytes:
    skill = m.Skill(capability="selftest_work", quality=1.0)
    return _encoded(m.Card(node=MALLORY, boot=BOOT, version="1", slots=64, skills=(skill,)))


def _lies(id_: str) -> list[tuple[str, str, m.Message]]:
    """Of one task that is not its own: to its app, its home and its contractors."""
    task = f"{APP}/{id_}"
    result = m.Result(task=task, attempt=1, outcome=m.Outcome.DONE, result=msgspec.Raw(b'"forged"'))
    return [
        (APP, "accepted", m.Accepted(id=id_)),
        (APP, "rejected", m.Rejected(id=id_, code=m.RejectCode.DENIED)),
        (APP, "final", m.Final(id=id_, outcome=m.Outcome.FAILED)),
        (HOME, "result", result),
        (HOME, "started", m.Started(task=task, attempt=1, boot=BOOT)),
        (HOME, "claim", m.Claim(task=task, attempt=1, boot=BOOT)),
        (HOME, "refuse", m.Refuse(task=task, attempt=1, reason="no", boot=BOOT)),
        (HOME, "cancel", m.Cancel(id=id_)),
        (HOME, "final_ack", m.FinalAck(ids=(id_,))),
        *((node, "stop", m.Stop(task=task, attempt=1)) for node in WORKERS),
        *((node, "go", m.Go(task=task, attempt=1, boot=BOOT)) for node in WORKERS),
    ]


def _bid(offer: bytes) -> bytes:
    told = orjson.loads(offer)
    bid = m.Bid(
        task=told["task"], auction=told["auction"], quality=1.0, hold_ms=60_000, free_slots=9
    )
    return _encoded(bid)


def _encoded(message: m.Message) -> bytes:
    return codec.encode(message)
