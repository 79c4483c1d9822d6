"""Announcing and looking, for real, on the loopback; and what a hostile announcer achieves."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from broker_fixture import BrokerProcess, eventually, free_port
from cli_call import caller
from zeroconf import const
from zeroconf._dns import DNSAddress, DNSPointer, DNSService, DNSText
from zeroconf._protocol.outgoing import DNSOutgoing

from daemon.announcer import announce
from daemon.cli_options import CommandError
from daemon.discovery import MOST_FOUND, DiscoveryError, _resolved, look, open_link
from daemon.known_bus import remember, trusted
from daemon.txt_record import SERVICE, Announcement, Found

LOOPBACK = ["127.0.0.1"]
PRINT = "3f" * 32


@contextlib.asynccontextmanager
async def announced(bus: Announcement) -> AsyncIterator[list[tuple[str, ...]]]:
    """On the loopback; the list has what was told of each change."""
    stopping, told = asyncio.Event(), list[tuple[str, ...]]()
    task = asyncio.create_task(announce(bus, stopping, told.append, LOOPBACK))
    await eventually(lambda: bool(told) or task.done(), "nothing was announced")
    yield told
    stopping.set()
    await task


async def heard(port: int, seconds: float = 0.3) -> list[Found]:
    """Others may announce on this loopback at the same time."""
    found = await look(seconds, LOOPBACK)
    return [one for one in found if one.bus is not None and one.bus.port == port]


async def test_it_is_found_while_its_broker_listens(
    broker: BrokerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.announcer.LOOK_S", 0.05)
    bus = Announcement(
        port=broker.port, base="home/forgebus", tls=True, authority=PRINT, host="a.b"
    )
    async with announced(bus) as told:
        (found,) = await heard(broker.port)
        assert (found.bus, found.addresses, found.fault) == (bus, ("127.0.0.1",), "")
        broker.stop()
        await eventually(lambda: told[-1] == (), "a dead broker is still announced")
        assert await heard(broker.port) == []
        broker.start()
        await eventually(lambda: told[-1] != (), "the broker is back and not announced")
        assert len(await heard(broker.port)) == 1
    assert await heard(broker.port) == []


async def test_the_longest_name_of_a_machine_is_announced_twice(
    broker: BrokerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By two buses there; a name longer than a DNS label holds would end the announcing."""
    monkeypatch.setattr(socket, "gethostname", lambda: "k" * 64)
    first, second = (Announcement(port=broker.port, base=base) for base in ("one", "two"))
    async with announced(first), announced(second):
        found = await heard(broker.port)
        assert {one.bus.base for one in found if one.bus is not None} == {"one", "two"}


async def test_nothing_is_announced_that_only_this_machine_reaches(broker: BrokerProcess) -> None:
    told: list[tuple[str, ...]] = []
    stopping = asyncio.Event()

    def once(addresses: tuple[str, ...]) -> None:
        told.append(addresses)
        stopping.set()

    await announce(Announcement(port=broker.port), stopping, once)
    assert told == [()]


async def test_an_address_that_is_not_ours_is_an_error_in_words() -> None:
    with pytest.raises(DiscoveryError, match="no IPv4 address of this machine"):
        await look(0.1, ["192.0.2.77"])


def hostile(number: int, port: int) -> bytes:
    """A response with a name that would change a screen, and a record that would do more."""
    sign = "\x1b[2J" if number % 2 else "\u202e"  # an escape, or one that turns the line around
    name = f"{sign}{number}{'x' * 40}.{SERVICE}"
    server = f"evil{number}.local."
    text = b"".join(
        bytes([len(part)]) + part
        for part in (b"forgebus=1", b"tls=no", b"base=\x1b]0;owned\x07", b"host=" + b"\xff" * 200)
    )
    packet = DNSOutgoing(const._FLAGS_QR_RESPONSE | const._FLAGS_AA)
    kind, ttl = const._CLASS_IN, 120
    packet.add_answer_at_time(DNSPointer(SERVICE, const._TYPE_PTR, kind, ttl, name), 0)
    packet.add_answer_at_time(DNSService(name, const._TYPE_SRV, kind, ttl, 0, 0, port, server), 0)
    packet.add_answer_at_time(DNSText(name, const._TYPE_TXT, kind, ttl, text), 0)
    address = socket.inet_aton("127.0.0.1")
    packet.add_answer_at_time(DNSAddress(server, const._TYPE_A, kind, ttl, address), 0)
    (one,) = packet.packets()
    return one


async def test_a_flood_of_hostile_names_is_bounded_and_harmless() -> None:
    async def flood() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.setsockopt(
                socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1")
            )
            while True:
                for number in range(3 * MOST_FOUND):
                    sender.sendto(hostile(number, 1883), ("224.0.0.251", 5353))
                await asyncio.sleep(0.05)

    flooding = asyncio.create_task(flood())
    try:
        found = await look(0.6, LOOPBACK)
    finally:
        flooding.cancel()
        await asyncio.gather(flooding, return_exceptions=True)
    evil = [one for one in found if one.bus is None]
    assert evil
    assert len(found) <= MOST_FOUND
    for one in evil:
        assert (one.name + one.fault).isprintable()


def test_a_person_sees_it_and_a_script_trusts_it_by_its_fingerprint(
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    broker: BrokerProcess,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("FORGEBUS_NODE__STATE_DIR", str(tmp_path))
    here = Found(
        "forgebus on kitchen",
        ("127.0.0.1",),
        Announcement(port=broker.port, tls=True, authority=PRINT),
    )
    plain = Found("other", ("127.0.0.1",), Announcement(port=free_port()))
    broken = Found("broken", ("127.0.0.1",), None, "its record is malformed")
    network = [here, plain, broken]

    async def seen(*_: object) -> list[Found]:
        return network

    monkeypatch.setattr("daemon.discovery.look", seen)
    call = caller(capfd)
    shown = call("discover")
    for words in ("forgebus on kitchen", "3f3f 3f3f", "nobody here has trusted it", "malformed"):
        assert words in shown.out
    call("discover", "--trust", "ab" * 32).fails(4, "nothing that was found is called")
    told = call("discover", "--trust", f"sha256:{PRINT.upper()}", "--json").json
    assert told["remembered"]["authority"] == PRINT
    assert [one["standing"] for one in told["found"]] == ["remembered", "new", "unusable"]
    call("discover", "--trust", plain.where).fails(2, "remembers another bus", "--forget")

    network[0] = Found(here.name, here.addresses, Announcement(port=broker.port))
    assert "CHANGED" in call("discover").out
    call("discover", "--trust", network[0].where).fails(2, "remembers another bus")
    assert call("discover", "--forget").out == "forgotten\n"
    assert call("discover", "--forget", "--json").json == {"forgotten": False}
    call("discover", "--trust", plain.where)
    assert "remembered: other" in call("discover").out


def test_where_nobody_can_be_asked_what_is_found_is_refused_with_the_options() -> None:
    from daemon.cli_find import _chosen

    one = Found("kitchen", ("10.0.0.5",), Announcement(port=8883, tls=True, authority=PRINT))
    assert _chosen([], daemon=False) is None
    with pytest.raises(CommandError, match=f"discover --trust {PRINT}, or --host 10.0.0.5"):
        _chosen([one], daemon=False)


def test_a_command_without_a_configured_broker_uses_the_remembered_one(
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    broker: BrokerProcess,
    tmp_path: Path,
) -> None:
    state = tmp_path / "state"
    monkeypatch.setenv("FORGEBUS_NODE__STATE_DIR", str(state))
    monkeypatch.setenv("FORGEBUS_CONFIG", str(tmp_path / "empty.toml"))
    (tmp_path / "empty.toml").write_text("")
    remember(state, trusted(Found("x", ("127.0.0.1",), Announcement(port=broker.port))))
    call = caller(capfd)
    call("nodes").fails(4, "no node is on the bus")
    secured = Announcement(port=broker.port, tls=True, authority=PRINT)
    remember(state, trusted(Found("x", ("127.0.0.1",), secured)))
    call("nodes").fails(2, "has not let this machine in", "forgebus join")


async def test_where_the_own_addresses_may_not_be_read_it_says_so_in_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As under a unit that allows no netlink sockets."""

    def refused() -> list[object]:
        raise OSError(97, "Address family not supported by protocol")

    monkeypatch.setattr("daemon.discovery.ifaddr.get_adapters", refused)
    with pytest.raises(DiscoveryError, match=r"cannot be asked by multicast: .* --host"):
        await look(0.1)


async def test_a_name_that_cannot_be_asked_for_is_nobody() -> None:
    link = open_link(["127.0.0.1"])
    try:
        assert await _resolved(link.zeroconf, f"{'x' * 70}.{SERVICE}") is None
    finally:
        await link.async_close()
