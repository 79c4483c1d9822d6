"""What a bus says of itself on the network: the TXT record of its `_mqtt._tcp` service (DNS-SD, RFC 6763).

    forgebus=1               version of the protocol; a broker without it is not ours
    base=forgebus/v1         the first topic levels
    tls=yes                  or no
    authority=3f2a…          sha256 of its authority's certificate, 64 hexadecimal digits
    host=broker.lan          the name that the broker's certificate is good for

Anybody on a network can announce anything, so all that is read here is a claim: bounded, checked for its
form, and believed by nobody. `daemon.known_bus` says what is trusted.
"""

import hashlib
import re
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated

import msgspec
from msgspec import Meta

from bus_topics.messages import VERSION
from daemon.config import Port
from daemon.names import TopicBase
from daemon.plain import printable

SERVICE = "_mqtt._tcp.local."
LONGEST_NAME, MOST_ADDRESSES = 63, 8

Fingerprint = Annotated[
    str,
    Meta(
        pattern=r"^([0-9a-f]{64})?$(?!\n)",
        description="the sha256 of a certificate, as 64 hexadecimal digits",
    ),
]
Host = Annotated[
    str,
    Meta(pattern=r"^[A-Za-z0-9.:_-]{0,250}$(?!\n)", description="a host name or an address"),
]


class Announcement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One bus as its owner announces it."""

    port: Port
    base: Annotated[TopicBase, Meta(max_length=120)] = "forgebus/v1"
    protocol: Annotated[int, Meta(ge=1, le=1_000_000)] = VERSION
    tls: bool = False
    authority: Fingerprint = ""
    host: Host = ""

    def txt(self) -> dict[str, str]:
        """Its TXT record."""
        told = {
            "forgebus": str(self.protocol),
            "base": self.base,
            "tls": "yes" if self.tls else "no",
            "authority": self.authority,
            "host": self.host,
        }
        return {key: value for key, value in told.items() if value}


@dataclass(frozen=True, slots=True)
class Found:
    """A bus that was heard of. With a `fault` its record could not be read, and `bus` is None."""

    name: str
    addresses: tuple[str, ...]
    bus: Announcement | None
    fault: str = ""

    @property
    def address(self) -> str:
        """Where to try first."""
        return self.addresses[0] if self.addresses else ""

    @property
    def where(self) -> str:
        """Address and port for people."""
        return f"{self.address}:{self.bus.port if self.bus else 0}"


def read(
    name: str, port: int | None, addresses: Iterable[str], txt: Mapping[bytes, bytes | None]
) -> Found | None:
    """A service that was heard of, as a bus; None when it is some other MQTT broker.

    Nothing of it is longer than it may be, or commands a terminal.
    """
    if b"forgebus" not in txt:
        return None
    shown = printable(name.removesuffix(f".{SERVICE}"))[:LONGEST_NAME] or "without a name"
    reached = tuple(addresses)[:MOST_ADDRESSES]
    if not reached:
        return Found(shown, (), None, "it gives no IPv4 address")
    try:
        return Found(shown, reached, _announcement(port, txt))
    except (ValueError, msgspec.ValidationError) as error:
        return Found(shown, reached, None, f"its record is malformed: {error}")


def nearest_first(addresses: Iterable[str], own: Iterable[str]) -> list[str]:
    """Those that share most leading bits with one of our own addresses first: a bridge of theirs comes last."""
    ours = [_bits(address) for address in own]

    def apart(address: str) -> int:
        return min(((_bits(address) ^ mine).bit_length() for mine in ours), default=32)

    return sorted(addresses, key=apart)


def fingerprint(certificate: bytes) -> str:
    """The sha256 of the first certificate in a PEM file. Raises ValueError when there is none."""
    first = _CERTIFICATE.search(certificate.decode("ascii"))
    if first is None:
        raise ValueError("there is no certificate in it")
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(first[0])).hexdigest()


def grouped(authority: str) -> str:
    """A fingerprint to be compared by eye; words where there is none."""
    if not authority:
        return "none: nothing proves that it is the same one the next time"
    groups = [authority[at : at + 4] for at in range(0, len(authority), 4)]
    return "sha256 " + " ".join(groups)


def _announcement(port: int | None, txt: Mapping[bytes, bytes | None]) -> Announcement:
    """Raises ValueError or ValidationError."""
    said = {
        key: (txt.get(key.encode()) or b"").decode("utf-8")
        for key in ("forgebus", "base", "tls", "authority", "host")
    }
    if said["tls"] not in {"yes", "no"}:
        raise ValueError("tls is neither yes nor no")
    given = {
        "port": port,
        "protocol": said["forgebus"],
        "base": said["base"],
        "tls": said["tls"] == "yes",
        "authority": said["authority"],
        "host": said["host"],
    }
    return msgspec.convert(given, Announcement, strict=False)


_CERTIFICATE = re.compile(f"{ssl.PEM_HEADER}.*?{ssl.PEM_FOOTER}", re.DOTALL)


def _bits(address: str) -> int:
    return int.from_bytes(bytes(int(part) for part in address.split(".")))
