"""One raw connection to a broker: what it says to a CONNECT, with these credentials or with none.

The bus's own client (`daemon.bus`) connects as it should be done. Here it is tried as it should not be possible:
without a certificate, with somebody else's, in an old version of TLS.
"""

import asyncio
import contextlib
import ssl
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from daemon.certificates import Authority, new_request
from daemon.private_files import write_private

ANSWER_S = 4.0
MAXIMUM_PACKET_SIZE, RECEIVE_MAXIMUM = 0x27, 0x21
"""Properties of a CONNACK (OASIS MQTT 5.0, 3.2.2.3)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `let_in`: the broker took the CONNECT; `spoke`: it answered MQTT at all."""

    spoke: bool = False
    let_in: bool = False
    properties: tuple[tuple[int, int], ...] = ()
    certificate: bytes = b""
    """Of the broker, as PEM; empty without TLS."""

    def property(self, number: int) -> int | None:
        """A limit that the broker told; None when it told none."""
        return dict(self.properties).get(number)


async def knock(
    host: str, port: int, context: ssl.SSLContext | None, client_id: str = "forgebus-doctor"
) -> Answer:
    """Say CONNECT, read the CONNACK, and leave. Without credentials but those in `context`."""
    try:
        async with asyncio.timeout(ANSWER_S):
            name = None if context is None else host
            reader, writer = await asyncio.open_connection(
                host, port, ssl=context, server_hostname=name
            )
            try:
                writer.write(_connect(client_id))
                await writer.drain()
                over = writer.get_extra_info("ssl_object")
                certificate = b"" if over is None else _pem(over.getpeercert(binary_form=True))
                return _read(await reader.read(256), certificate)
            finally:
                writer.close()
                with contextlib.suppress(OSError, TimeoutError):
                    await writer.wait_closed()
    except (OSError, TimeoutError, ssl.SSLError):
        return Answer()


async def reachable(host: str, port: int) -> bool:
    """Whether anything listens there."""
    try:
        async with asyncio.timeout(ANSWER_S):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True


def proper(ca: Path | None, certificate: Path | None, key: Path | None) -> ssl.SSLContext:
    """TLS as the bus speaks it."""
    context = ssl.create_default_context(cafile=None if ca is None else str(ca))
    if certificate is not None:
        context.load_cert_chain(certificate, key)
    return context


def careless(certificate: Path | None = None, key: Path | None = None) -> ssl.SSLContext:
    """TLS to whoever answers: for trying what the other side lets happen, never for saying anything."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if certificate is not None:
        context.load_cert_chain(certificate, key)
    return context


def outdated(context: ssl.SSLContext) -> bool:
    """Make it speak TLS 1.1 at most; False when this machine's own library cannot."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.set_ciphers("DEFAULT:@SECLEVEL=0")
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion.TLSv1_1
    except (ssl.SSLError, ValueError):
        return False
    return True


@contextlib.contextmanager
def forged(login: str, now: datetime) -> Iterator[tuple[Path, Path]]:
    """Certificate and key of this login, signed by an authority that is none."""
    request = new_request(login)
    made = Authority.new("forgebus authority", now).login(request.certificate, login, now, 1.0)
    with TemporaryDirectory(prefix="forgebus-doctor-") as temporary:
        certificate, key = Path(temporary, "crt"), Path(temporary, "key")
        write_private(certificate, made)
        write_private(key, request.key)
        yield certificate, key


def _connect(client_id: str) -> bytes:
    """MQTT 5, clean start, keep-alive of 10 s, no user name."""
    name = client_id.encode()
    body = b"\x00\x04MQTT\x05\x02\x00\x0a\x00" + len(name).to_bytes(2, "big") + name
    return b"\x10" + bytes([len(body)]) + body


def _read(answer: bytes, certificate: bytes) -> Answer:
    if answer[:1] != b"\x20" or len(answer) < 4:
        return Answer(certificate=certificate)
    let_in = answer[3] == 0
    limits = tuple(_limits(answer[5:]))
    return Answer(spoke=True, let_in=let_in, properties=limits, certificate=certificate)


def _limits(properties: bytes) -> Iterator[tuple[int, int]]:
    """The properties that are numbers; those of text are stepped over."""
    at = 0
    while at < len(properties):
        number = properties[at]
        size = _SIZES.get(number)
        if size is None:
            size = 2 + int.from_bytes(properties[at + 1 : at + 3], "big")
        else:
            yield number, int.from_bytes(properties[at + 1 : at + 1 + size], "big")
        at += 1 + size


_SIZES = {0x11: 4, 0x21: 2, 0x24: 1, 0x25: 1, 0x27: 4, 0x22: 2, 0x28: 1, 0x29: 1, 0x2A: 1, 0x13: 2}


def _pem(der: bytes | None) -> bytes:
    return b"" if not der else ssl.DER_cert_to_PEM_cert(der).encode()
