"""Announcing a broker of this machine on the network, for as long as it listens where others reach it."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

from zeroconf.asyncio import AsyncServiceInfo

from daemon.discovery import open_link, own_addresses
from daemon.txt_record import SERVICE, Announcement

LOOK_S = 5.0
"""How often is looked whether the broker still listens, and under which addresses."""
LONGEST_HOST = 40
"""Characters of this machine's name that are told: with what is put beside it, it must fit a DNS label."""
ANY = "0.0.0.0"  # noqa: S104 - it is compared with, nobody listens there
SOCKETS = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))


async def announce(
    bus: Announcement,
    stopping: asyncio.Event,
    told: Callable[[tuple[str, ...]], None],
    interfaces: Sequence[str] = (),
) -> None:
    """Announce it until `stopping`; nothing is announced while the broker does not listen.

    Args:
        bus: what is said.
        stopping: ends it, with a good-bye.
        told: called with the addresses under which it is announced now; none: it is not.
        interfaces: our own addresses to speak from and to name; all by default.

    Raises DiscoveryError when the network cannot be told.
    """
    before: tuple[str, ...] | None = None
    async with contextlib.AsyncExitStack() as announced:
        while not stopping.is_set():
            now = reached(bus.port, interfaces or own_addresses())
            if now != before:
                await announced.aclose()
                if now:
                    await announced.enter_async_context(_announced(bus, now, interfaces))
                before = now
                told(now)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), LOOK_S)


def reached(port: int, addresses: Sequence[str]) -> tuple[str, ...]:
    """Those of these addresses on which somebody listens at this port."""
    at = {address for table in SOCKETS for address in _listening(table, port)}
    return tuple(address for address in addresses if ANY in at or address in at)


def instance(host: str) -> str:
    """What this machine calls its bus: a name for people, which may be numbered within a DNS label."""
    label = f"forgebus on {host[:LONGEST_HOST]}".encode("ascii", "replace").decode()
    return label.replace(".", " ").strip()


@contextlib.asynccontextmanager
async def _announced(
    bus: Announcement, addresses: Sequence[str], interfaces: Sequence[str]
) -> AsyncIterator[None]:
    host = socket.gethostname().partition(".")[0][:LONGEST_HOST]
    info = AsyncServiceInfo(
        SERVICE,
        f"{instance(host)}.{SERVICE}",
        port=bus.port,
        properties=bus.txt(),
        # A name of its own: that of the machine belongs to its mDNS daemon, if it has one.
        server=f"{host}-forgebus.local.",
        parsed_addresses=list(addresses),
    )
    link = open_link(interfaces)
    try:
        # Another bus of this name may be there already; then ours is numbered.
        await (await link.async_register_service(info, allow_name_change=True))
        yield
    finally:
        await link.async_close()


def _listening(table: Path, port: int) -> set[str]:
    """Local addresses of sockets that listen at this port, as proc(5) has them; any one is 0.0.0.0."""
    try:
        lines = table.read_text(encoding="ascii").splitlines()[1:]
    except OSError:  # no IPv6 here
        return set()
    found = set()
    for line in lines:
        local, state = line.split()[1], line.split()[3]
        address, _, number = local.partition(":")
        if state == _LISTEN and int(number, 16) == port:
            found.add(_dotted(address))
    return found


def _dotted(address: str) -> str:
    """The kernel prints the words of an address as this machine's integers."""
    if int(address, 16) == 0:
        return ANY
    if len(address) > 8:
        return address  # one IPv6 address, which nobody announces
    return ".".join(str(byte) for byte in reversed(bytes.fromhex(address)))


_LISTEN = "0A"
