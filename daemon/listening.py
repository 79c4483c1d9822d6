"""An address that a server of ours listens on, as a configuration writes it: 127.0.0.1:9464 or [::1]:9464."""

import ipaddress
import re
from typing import Annotated

from msgspec import Meta

Listen = Annotated[
    str,
    Meta(
        pattern=r"^((localhost|[0-9.]{7,15}|\[[0-9a-f:.]{2,45}\]):[0-9]{1,5})?$(?!\n)",
        description="an IP address and a port such as 127.0.0.1:9464 or [::1]:9464, or empty",
    ),
]

MEANT = "without a login; use 127.0.0.1, or set allow_remote = true if that is meant"


def address_of(listen: Listen) -> tuple[str, int]:
    """Its IP address and port; it must not be empty."""
    host, _, port = listen.rpartition(":")
    return "127.0.0.1" if host == "localhost" else host.strip("[]"), int(port)


def others_reach(listen: Listen) -> bool:
    """Whether other machines may reach it; an empty one nobody does.

    Raises ValueError when it is no address or no port.
    """
    if not listen:
        return False
    host, port = address_of(listen)
    address = ipaddress.ip_address(host)
    if not 1 <= port <= 65535:
        raise ValueError("a port is 1 to 65535")
    return not address.is_loopback


def meant_for_here(host: str) -> bool:
    """Whether a request was meant for this machine, by the Host that it was sent to; HTTP/1.0 needs none.

    A page in a browser here may have any name resolve to our address; it cannot have that name be ours.
    """
    name = re.sub(r":\d+$", "", host.lower())
    try:
        return name in {"", "localhost"} or ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False
