"""The link on a real mosquitto: acknowledgement, redelivery, receipts, wills, restarts."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from broker_fixture import BASE, PASSWORD, BrokerProcess, Peer, eventually
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from daemon.bus import NO_SUBSCRIBERS, NOT_AUTHORISED, SUCCESS, BusError, Incoming, Will


async def test_a_message_goes_through_with_all_it_carries(broker: BrokerProcess) -> None:
    async with Peer(broker.port, "b", "t/b") as b, Peer(broker.port, "a") as a:
        assert a.bus.publish(
            "t/b", b"\0\xff", qos=1, expiry_s=60, response_topic="t/a", correlation=b"\0c"
        )
        await b.has(1)
    message = b.came[0]
    assert (message.topic, message.payload, message.qos, message.retain) == (
        "t/b",
        b"\0\xff",
        1,
        False,
    )
    assert (message.response_topic, message.correlation) == ("t/a", b"\0c")


async def test_what_is_not_acknowledged_comes_again_and_what_is_does_not(
    broker: BrokerProcess,
) -> None:
    async with Peer(broker.port, "b", "t") as b, Peer(broker.port, "a") as a:
        b.acknowledge = False
        a.bus.publish("t", b"one", qos=1)
        a.bus.publish("t", b"two", qos=1)
        await b.has(2)
        b.came[0].ack()
        await b.bus.round_trip()  # the PUBACK is with the broker
        b.bus.reconnect("test")
        await b.has(3)
        await b.linked()
        await b.bus.round_trip()
        assert b.payloads == [b"one", b"two", b"two"]


async def test_a_stale_acknowledgement_acknowledges_nothing_newer(broker: BrokerProcess) -> None:
    async with Peer(broker.port, "b", "t") as b, Peer(broker.port, "a") as a:
        b.acknowledge = False
        a.bus.publish("t", b"one", qos=1)
        await b.has(1)
        b.bus.reconnect("test")
        await b.has(2)  # the same message, under the same number, on a new connection
        await b.linked()
        b.came[0].ack()
        await b.bus.round_trip()
        b.bus.reconnect("test")
        await b.has(3)
        assert b.payloads == [b"one"] * 3


async def test_a_reconnect_in_the_middle_of_a_batch_brings_the_rest_again(
    broker: BrokerProcess,
) -> None:
    def receive(message: Incoming) -> None:
        b.received(message)
        if len(b.came) == 1:
            b.bus.reconnect("the disk is full")

    b = Peer(broker.port, "b", "t", on_message=receive)
    async with b:
        pass
    async with Peer(broker.port, "a") as a:
        for number in range(20):
            a.bus.publish("t", b"%d" % number, qos=1)
        assert await a.bus.flush(10)
        async with b:  # all twenty come in one piece
            await b.has(21)
    assert set(b.payloads) == {b"%d" % number for number in range(20)}


async def test_a_session_keeps_what_came_while_we_were_away(broker: BrokerProcess) -> None:
    b = Peer(broker.port, "b", "t")
    async with b:
        pass
    async with Peer(broker.port, "a") as a:
        for number in range(50):
            a.bus.publish("t", b"%d" % number, qos=1)
        assert await a.bus.flush(10)
    async with b:
        await b.has(50)
    assert b.payloads == [b"%d" % number for number in range(50)]


async def test_retained_messages_come_with_every_connection(broker: BrokerProcess) -> None:
    async with Peer(broker.port, "b", "state") as b, Peer(broker.port, "a") as a:
        a.bus.publish("state", b"online", qos=1, retain=True)
        await b.has(1)
        b.bus.reconnect("test")
        await b.has(2)
    assert [(m.payload, m.retain) for m in b.came] == [(b"online", False), (b"online", True)]


async def test_a_session_that_was_to_end_with_the_link_keeps_nothing(
    broker: BrokerProcess,
) -> None:
    b = Peer(broker.port, "b", "t", session_expiry_s=0)
    async with b:
        pass
    async with Peer(broker.port, "a") as a:
        receipts: list[int] = []
        a.bus.publish("t", b"", qos=1, receipt=receipts.append)
        await eventually(lambda: receipts == [NO_SUBSCRIBERS], "the session is still there")


async def test_a_receipt_tells_taken_from_nobody_there(broker: BrokerProcess) -> None:
    async with Peer(broker.port, "b", "t") as b, Peer(broker.port, "a") as a:
        receipts: list[tuple[str, int]] = []
        a.bus.publish("t", b"", qos=1, receipt=lambda code: receipts.append(("t", code)))
        a.bus.publish("n", b"", qos=1, receipt=lambda code: receipts.append(("n", code)))
        await eventually(lambda: len(receipts) == 2, "no receipt")
        assert receipts == [("t", SUCCESS), ("n", NO_SUBSCRIBERS)]
        await b.has(1)


async def test_the_access_list_is_seen_in_the_receipt(
    secured_broker: BrokerProcess, tmp_path: Path
) -> None:
    alpha = _secured(secured_broker, tmp_path, "alpha")
    async with alpha, _secured(secured_broker, tmp_path, "beta") as beta:
        receipts: list[int] = []
        # Into the inbox of alpha, once under beta's own name and once under another.
        for sender in ("beta", "gamma"):
            topic = f"{BASE}/in/alpha/{sender}/submit"
            beta.bus.publish(topic, sender.encode(), qos=1, receipt=receipts.append)
        await eventually(lambda: len(receipts) == 2, "no receipt")
        assert receipts == [SUCCESS, NOT_AUTHORISED]
        await alpha.has(1)
        assert await alpha.bus.round_trip() > 0
        assert alpha.payloads == [b"beta"]


async def test_a_refused_login_is_logged_with_its_remedy_and_tried_again(
    secured_broker: BrokerProcess, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    password = tmp_path / "alpha.password"
    peer = _secured(secured_broker, tmp_path, "alpha")
    password.write_text("wrong\n")
    peer.task = asyncio.create_task(peer.bus.run())
    seen = ""

    def refused() -> bool:
        nonlocal seen
        seen += capsys.readouterr().out
        return "Not authorized" in seen

    await eventually(refused, "the refusal was not logged")
    assert "refuses the login 'alpha'" in seen
    assert not peer.bus.linked
    password.write_text(PASSWORD.format("alpha") + "\n")
    await peer.linked()
    await peer.leave()


async def test_a_password_file_that_is_not_there_is_said(
    broker: BrokerProcess, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    absent = {"username": "alpha", "password_file": tmp_path / "absent"}
    peer = Peer(broker.port, "alpha", config=absent)
    peer.task = asyncio.create_task(peer.bus.run())
    await eventually(lambda: "absent cannot be read" in capsys.readouterr().out, "nothing was said")
    await peer.leave()


async def test_small_packets_are_not_held_back(broker: BrokerProcess) -> None:
    async with Peer(broker.port, "a") as a:
        assert a.bus._link is not None
        sock = a.bus._link._paho.socket()
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


async def test_after_a_restart_of_the_broker_all_is_subscribed_again(
    broker: BrokerProcess,
) -> None:
    async with Peer(broker.port, "b", "t") as b, Peer(broker.port, "a") as a:
        await b.bus.subscribe("later", 1)
        await b.bus.subscribe("dropped", 1)
        await b.bus.unsubscribe("dropped")
        broker.restart()
        await eventually(lambda: b.links == [True, False, True], "no new link")
        await eventually(lambda: a.links == [True, False, True], "no new link")
        for topic in ("dropped", "t", "later"):
            a.bus.publish(topic, topic.encode(), qos=1)
        await b.has(2)
        assert b.payloads == [b"t", b"later"]


async def test_subscriptions_outlive_a_broker_that_lost_its_memory(
    make_broker: Callable[..., BrokerProcess],
) -> None:
    broker = make_broker(stored=False)
    async with Peer(broker.port, "b", "t") as b, Peer(broker.port, "a") as a:
        await b.bus.subscribe("later", 1)
        broker.kill()
        broker.start()
        await eventually(lambda: b.links == [True, False, True], "no new link")
        await eventually(lambda: a.links == [True, False, True], "no new link")
        for topic in ("t", "later"):
            a.bus.publish(topic, topic.encode(), qos=1)
        await b.has(2)


async def test_what_is_unsubscribed_while_down_stays_so_in_the_kept_session(
    broker: BrokerProcess,
) -> None:
    async with Peer(broker.port, "b", "t", "dropped") as b, Peer(broker.port, "a") as a:
        broker.stop()
        await eventually(lambda: not b.bus.linked, "still linked")
        await b.bus.unsubscribe("dropped")
        broker.start()
        await b.linked()
        await a.linked()
        for topic in ("dropped", "t"):
            a.bus.publish(topic, topic.encode(), qos=1)
        await b.has(1)
        await b.bus.round_trip()
        assert b.payloads == [b"t"]


async def test_nothing_is_taken_while_down_and_nothing_kept_for_later(
    broker: BrokerProcess,
) -> None:
    async with Peer(broker.port, "b", "t") as b, Peer(broker.port, "a") as a:
        broker.stop()
        await eventually(lambda: not a.bus.linked, "still linked")
        assert not a.bus.publish("t", b"early", qos=1)
        assert not a.bus.publish("t", b"early", qos=0)
        assert not await a.bus.flush(0.01)
        broker.start()
        await b.linked()
        await a.linked()
        assert a.bus.publish("t", b"late", qos=1)
        await b.has(1)
        assert b.payloads == [b"late"]


async def test_a_broker_that_dies_under_a_flood_raises_nothing(broker: BrokerProcess) -> None:
    async with Peer(broker.port, "a") as a:
        taken = [a.bus.publish("t", b"x" * 10_000, qos=1) for _ in range(500)]
        broker.kill()
        taken += [a.bus.publish("t", b"x" * 10_000, qos=1) for _ in range(500)]
        assert all(taken)  # the loop has had no turn in which to notice
        await eventually(lambda: not a.bus.linked, "still linked")
        assert not a.bus.publish("t", b"", qos=0)


async def test_a_frozen_broker_fills_memory_only_so_far(broker: BrokerProcess) -> None:
    async with Peer(broker.port, "a") as a:
        broker.freeze()
        payload = b"x" * 200_000
        taken = 0
        while a.bus.publish("t", payload, qos=0):
            taken += 1
            if taken % 10 == 0:
                await asyncio.sleep(0)
            assert taken < 1000
        assert not await a.bus.flush(0.01)
        broker.thaw()
        assert await a.bus.flush(20)
        assert a.bus.publish("t", payload, qos=0)
        assert await a.bus.flush(20)
        assert a.bus._link is not None
        assert not a.bus._link._writing  # a writer left behind would keep the loop awake


async def test_a_clean_stop_sends_what_was_published_and_no_will(broker: BrokerProcess) -> None:
    will = Will("state", b"offline-by-will", 1, retain=False, expiry_s=None, delay_s=0)
    async with Peer(broker.port, "watch", "state") as watch:
        async with Peer(broker.port, "a", will=will) as a:
            a.bus.publish("state", b"offline", qos=1)
        assert a.links == [True, False]
        await watch.has(1)
        await watch.bus.round_trip()
        assert watch.payloads == [b"offline"]


async def test_a_topic_that_no_broker_takes_does_not_cost_the_link(broker: BrokerProcess) -> None:
    async with Peer(broker.port, "a") as a:
        wrong = ["", "a/#", "a/+/b", "a\0b", "a\nb", "\udc80", "$SYS/a", "a" * 70_000, "/" * 300]
        receipts: list[int] = []
        for topic in wrong:
            assert a.bus.publish(topic, b"", qos=1, receipt=receipts.append)
            assert a.bus.publish("t", b"", qos=1, response_topic=topic, receipt=receipts.append)
        assert a.bus.publish("t", b"x" * 300_000, qos=1, receipt=receipts.append)
        assert a.bus.publish("t", b"", qos=1, correlation=b"x" * 65_536, receipt=receipts.append)
        await a.bus.round_trip()
        assert receipts == [0x90] * 2 * len(wrong) + [0x95] * 2
        assert a.links == [True]


async def test_a_byte_order_mark_from_an_app_does_not_cost_the_link(broker: BrokerProcess) -> None:
    async with Peer(broker.port, "b", "t") as b:
        command = [
            "mosquitto_pub",
            "-p",
            str(broker.port),
            "-V",
            "5",
            "-q",
            "1",
            "-t",
            "t",
            "-m",
            "x",
        ]
        sender = await asyncio.create_subprocess_exec(
            *command, "-D", "publish", "user-property", "mark", "\ufeff"
        )
        assert await sender.wait() == 0
        await b.has(1)
        assert b.links == [True]


async def test_old_clients_and_new_ones_hear_each_other(broker: BrokerProcess) -> None:
    async with Peer(broker.port, "b", "t/new") as b:
        old = Client(
            CallbackAPIVersion.VERSION2, client_id="old", protocol=MQTTProtocolVersion.MQTTv311
        )
        heard: list[bytes] = []
        subscribed: list[int] = []

        def hear(_client: Client, _userdata: Any, message: MQTTMessage) -> None:
            heard.append(bytes(message.payload))

        old.on_message = hear
        old.on_subscribe = lambda *_: subscribed.append(1)
        old.connect("127.0.0.1", broker.port)
        old.loop_start()
        try:
            old.subscribe("t/old", 1)
            await eventually(lambda: bool(subscribed), "the old client is not subscribed")
            b.bus.publish(
                "t/old", b"to old", qos=1, expiry_s=60, response_topic="t/new", correlation=b"1"
            )
            await eventually(lambda: heard == [b"to old"], "the old client heard nothing")
            old.publish("t/new", b"to new", 1)
            await b.has(1)
        finally:
            old.disconnect()
            old.loop_stop()
    assert b.payloads == [b"to new"]
    assert (b.came[0].response_topic, b.came[0].correlation) == (None, None)


async def test_a_fault_of_the_owner_ends_run_with_it(broker: BrokerProcess) -> None:
    def fail(message: Incoming) -> None:
        raise ZeroDivisionError(message.topic)

    b = Peer(broker.port, "b", "t", on_message=fail)
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    async with Peer(broker.port, "a") as a:
        b.task = asyncio.create_task(b.bus.run())
        await b.linked()
        a.bus.publish("t", b"", qos=1)
        with pytest.raises(ZeroDivisionError):
            await asyncio.wait_for(b.task, 10)
        assert b.links == [True, False]


async def test_a_round_trip_needs_a_link(broker: BrokerProcess) -> None:
    a = Peer(broker.port, "a")
    with pytest.raises(BusError, match="no link"):
        await a.bus.round_trip()
    async with a:
        assert await a.bus.round_trip() > 0
        assert a.came == []


def _secured(broker: BrokerProcess, tmp_path: Path, login: str) -> Peer:
    password = tmp_path / f"{login}.password"
    password.write_text(PASSWORD.format(login) + "\n")
    password.chmod(0o600)
    config = {"username": login, "password_file": password}
    return Peer(broker.port, login, f"{BASE}/in/{login}/+/+", config=config)
