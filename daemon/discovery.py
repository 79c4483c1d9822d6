"""Looking for a bus on this network, by zeroconf (mDNS and DNS-SD, RFC 6762 and 6763). IPv4 alone.

What is found is what somebody announced, no more: see `daemon.txt_record`.
"""

import asyncio
from collections.abc import Sequence

import ifaddr
from zeroconf import (
    Error as ZeroconfError,
)
from zeroconf import (
    InterfaceChoice,
    IPVersion,
    ServiceStateChange,
    Zeroconf,
)
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from daemon.txt_record import SERVICE, Found, nearest_first, read

LOOK_S = 1.5
"""Three questions are asked in this time; a node on Wi-Fi that sleeps may need longer."""
MOST_FOUND = 32
"""More services than this are not looked at: a home has one bus, a flood has thousands."""


class DiscoveryError(Exception):
    """The network cannot be asked, or told; the message says why, and what to do."""


async def look(seconds: float = LOOK_S, interfaces: Sequence[str] = ()) -> list[Found]:
    """Every bus that answers within so many seconds, by name; also those whose record is malformed.

    Args:
        seconds: how long to listen.
        interfaces: our own addresses to ask from; all of them by default.

    Raises DiscoveryError.
    """
    link = open_link(interfaces)
    resolving: list[asyncio.Task[Found | None]] = []

    def heard(
        zeroconf: Zeroconf,
        service_type: str,  # noqa: ARG001 - given by name
        name: str,
        state_change: ServiceStateChange,
    ) -> None:
        if state_change is ServiceStateChange.Added and len(resolving) < MOST_FOUND:
            resolving.append(asyncio.create_task(_resolved(zeroconf, name)))

    browser = AsyncServiceBrowser(link.zeroconf, SERVICE, handlers=[heard])
    try:
        await asyncio.sleep(seconds)
        found = await asyncio.gather(*resolving)
    finally:
        for task in resolving:
            task.cancel()
        await browser.async_cancel()
        await link.async_close()
    return sorted((one for one in found if one is not None), key=lambda one: one.name)


def open_link(interfaces: Sequence[str]) -> AsyncZeroconf:
    """A socket on each interface. Raises DiscoveryError."""
    for address in set(interfaces) - {str(ip.ip) for ip in _every()}:
        raise DiscoveryError(
            f"{address} is no IPv4 address of this machine; ip -4 address lists them"
        )
    try:
        return AsyncZeroconf(interfaces=list(interfaces) or InterfaceChoice.All)
    except (OSError, RuntimeError) as error:
        raise _silent(error) from error


def own_addresses() -> list[str]:
    """The IPv4 addresses of this machine that others may reach. Raises DiscoveryError."""
    return sorted(
        ip.ip
        for ip in _every()
        if isinstance(ip.ip, str) and not ip.ip.startswith(("127.", "169.254."))
    )


def _every() -> list[ifaddr.IP]:
    try:
        return [ip for adapter in ifaddr.get_adapters() for ip in adapter.ips]
    except OSError as error:  # a unit that allows no netlink socket
        raise _silent(error) from error


def _silent(error: Exception) -> DiscoveryError:
    return DiscoveryError(
        f"this network cannot be asked by multicast: {error}; name the broker with --host"
    )


async def _resolved(zeroconf: Zeroconf, name: str) -> Found | None:
    """None where its name is no name, or cannot be asked for: whoever announces chooses it."""
    try:
        info = AsyncServiceInfo(SERVICE, name)
        await info.async_request(zeroconf, _ANSWER_MS)
    except ZeroconfError:
        return None
    addresses = nearest_first(info.parsed_addresses(IPVersion.V4Only), own_addresses())
    return read(name, info.port, addresses, info.properties)


_ANSWER_MS = 1000
