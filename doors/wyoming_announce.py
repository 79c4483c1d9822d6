"""Announcing the Wyoming server on the network, so that Home Assistant offers it by itself."""

import asyncio
from collections.abc import Sequence

import structlog
from zeroconf import NonUniqueNameException
from zeroconf.asyncio import AsyncServiceInfo

from daemon.discovery import DiscoveryError, open_link, own_addresses

SERVICE = "_wyoming._tcp.local."
LOOK_S = 30.0
"""How often is looked whether our addresses have changed."""

_log = structlog.get_logger("doors")


async def announced(node: str, host: str, port: int, interfaces: Sequence[str] = ()) -> None:
    """Announce it until cancelled, with a good-bye; a network that takes no announcement is logged.

    Args:
        node: whose door it is; its name is that of the service.
        host: the address that it listens on, or the unspecified one for all of ours.
        port: likewise.
        interfaces: our own addresses to speak from; all by default.
    """
    if host == "::":
        _log.warning("not-announced", reason="listen on 0.0.0.0: only IPv4 addresses are announced")
        return
    try:
        while True:
            addresses = _reached(host)
            if addresses:
                await _while_so(node, host, port, addresses, interfaces)
            else:
                await asyncio.sleep(LOOK_S)
    except DiscoveryError as error:
        _log.warning("not-announced", reason=str(error))


async def _while_so(
    node: str, host: str, port: int, addresses: list[str], interfaces: Sequence[str]
) -> None:
    """Announce these addresses as long as they are ours."""
    label = f"forgebus-{node}"
    info = AsyncServiceInfo(
        SERVICE,
        f"{label}.{SERVICE}",
        port=port,
        # A name of its own: that of the machine belongs to its mDNS daemon, if it has one.
        server=f"{label}.local.",
        parsed_addresses=addresses,
    )
    link = open_link(interfaces)
    try:
        await (await link.async_register_service(info, allow_name_change=True))
        while _reached(host) == addresses:  # noqa: ASYNC110 - the kernel's news, which no event tells
            await asyncio.sleep(LOOK_S)
    except NonUniqueNameException:
        raise DiscoveryError(f"every name like {label} is taken here; set [node] id") from None
    finally:
        await link.async_close()


def _reached(host: str) -> list[str]:
    """The addresses under which others reach what listens there."""
    return own_addresses() if host == "0.0.0.0" else [host]  # noqa: S104 - compared, not bound
