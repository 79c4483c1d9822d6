"""How a new machine gets its login: a short code, typed there, proves each side to the other.

    new                                               authority
     | {"share": A}                                      |   SPAKE2 (Abdalla, Pointcheval 2005)
     |-------------------------------------------------->|
     |                                      {"share": B} |   both have a key, if both have the code
     |<--------------------------------------------------|
     | {"sealed": request for a certificate}             |   opens: the new side knows the code
     |-------------------------------------------------->|
     |                   {"sealed": admission} or a fault|   opens: the authority knows it
     |<--------------------------------------------------|

The lines are JSON over plain TCP. Whoever listens learns nothing about the code, also not by trying all
codes afterwards; whoever stands between has one guess a meeting, and five that are wrong end it all. What
is sealed can be read and changed by neither. The key of the new login never leaves its machine.
"""

import asyncio
import base64
import contextlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

import msgspec
import spake2
import spake2.ed25519_basic
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from daemon.certificates import CertificateError
from daemon.login_files import Admission

ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""No 0 and O, no 1, I and L, no U."""
CODE_LENGTH = 8
"""30^8 codes: five guesses hit with a chance of 1 in 130 thousand million."""
TRIES, MINUTES = 5, 10.0
BETWEEN_S, ANSWER_S = 1.0, 10.0
MOST_LINE, MOST_WAITING = 16_384, 8
PORT = 8884


T = TypeVar("T")


class EnrolmentError(Exception):
    """Nobody was enrolled; the message says why, and what to do."""


def new_code() -> str:
    """A code for one enrolment, written as `K7QF-2MXP`."""
    signs = "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))
    return f"{signs[:4]}-{signs[4:]}"


@dataclass(slots=True)
class Door:
    """Open for one enrolment. `run` returns once it has happened.

    Args:
        code: what the new side has to know.
        admit: makes the admission for a certificate request; it may raise CertificateError
            (the request is none: another try) or EnrolmentError (nobody can be let in: it is over).
        minutes: how long it is open at most.
        between_s: the least time from one try to the next.
    """

    code: str
    admit: Callable[[bytes], Admission]
    minutes: float = MINUTES
    between_s: float = BETWEEN_S
    port: int = 0
    tries: int = 0
    _one: asyncio.Lock = field(default_factory=asyncio.Lock)
    _meetings: "set[asyncio.Task[None]]" = field(default_factory=set)
    _over: "asyncio.Future[Admission]" = field(init=False)

    async def run(self, address: str, port: int, opened: Callable[[int], None]) -> Admission:
        """Listen until somebody was let in; `opened` is told the port.

        Raises EnrolmentError when the time is over, the tries are used up, or it cannot listen.
        """
        self._over = asyncio.get_running_loop().create_future()
        try:
            server = await asyncio.start_server(self._meet, address, port, limit=MOST_LINE)
        except OSError as error:
            raise EnrolmentError(
                f"cannot listen at {address or 'any address'}, port {port}: {error.strerror or error};"
                " choose another with --listen"
            ) from error
        try:
            self.port = server.sockets[0].getsockname()[1]
            opened(self.port)
            return await asyncio.wait_for(self._over, self.minutes * 60)
        except TimeoutError:
            raise EnrolmentError(
                f"nobody came with the code within {self.minutes:g} minutes; it is void. Enrol again"
            ) from None
        finally:
            server.close()
            self._over.cancel()
            await asyncio.gather(*self._meetings, return_exceptions=True)

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One after the other: whoever guesses waits for whoever guessed before."""
        meeting = asyncio.current_task()
        assert meeting is not None  # noqa: S101 - a server's callback is a task
        self._meetings.add(meeting)
        try:
            if len(self._meetings) > MOST_WAITING:
                return
            async with self._one:
                if self._over.done():
                    return
                async with asyncio.timeout(ANSWER_S):
                    await self._talk(_Line(reader, writer))
                await asyncio.wait((self._over,), timeout=self.between_s)
        except (TimeoutError, OSError, ValueError):
            pass  # whoever does not speak as it should has not tried a code
        finally:
            self._meetings.discard(meeting)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _talk(self, line: "_Line") -> None:
        side = spake2.SPAKE2_B(_plain(self.code), *_NAMES)
        share = side.start()
        theirs = await line.hear(_Share)
        await line.say(_Share(share=share.hex()))
        keys = _keys(side, theirs)
        sealed = await line.hear(_Sealed)
        try:
            request = keys.theirs.open(sealed.sealed)
        except InvalidTag:
            await self._wrong(line)
            return
        try:
            admission = self.admit(request)
        except CertificateError as error:
            await line.say(_Fault(fault=str(error)[:300]))
            return
        except EnrolmentError as error:
            self._end(error)
            await line.say(_Fault(fault=str(error)[:300]))
            return
        try:
            await line.say(_Sealed(sealed=keys.ours.seal(msgspec.json.encode(admission))))
        finally:  # the login exists, whether or not its owner still listens
            self._end(admission)

    async def _wrong(self, line: "_Line") -> None:
        self.tries += 1
        left = TRIES - self.tries
        told = (
            f"the code is wrong; {left} tries are left"
            if left
            else "that was one wrong code too many"
        )
        try:
            await line.say(_Fault(fault=told))
        finally:
            if not left:
                void = f"{TRIES} wrong codes; this one is void. Enrol again, with a new one"
                self._end(EnrolmentError(void))

    def _end(self, how: "Admission | EnrolmentError") -> None:
        if self._over.done():
            return
        if isinstance(how, EnrolmentError):
            self._over.set_exception(how)
        else:
            self._over.set_result(how)


async def enrol(host: str, port: int, code: str, request: bytes) -> Admission:
    """Have the request signed by the authority that shows the code. Raises EnrolmentError."""
    where = f"{host}:{port}"
    try:
        async with asyncio.timeout(2 * ANSWER_S):
            reader, writer = await asyncio.open_connection(host, port, limit=MOST_LINE)
            try:
                return await _ask(_Line(reader, writer), code, request)
            finally:
                writer.close()
    except (OSError, TimeoutError) as error:
        raise EnrolmentError(
            f"nobody enrols at {where} ({str(error) or 'no answer'}); run `forgebus enroll LOGIN` there first"
        ) from None
    except ValueError:
        raise EnrolmentError(f"what answers at {where} is no enrolment of forgebus") from None


async def _ask(line: "_Line", code: str, request: bytes) -> Admission:
    side = spake2.SPAKE2_A(_plain(code), *_NAMES)
    await line.say(_Share(share=side.start().hex()))
    theirs = await line.hear(_Share)
    keys = _keys(side, theirs)
    await line.say(_Sealed(sealed=keys.ours.seal(request)))
    answer = await line.hear_answer()
    if isinstance(answer, _Fault):
        raise EnrolmentError(f"not enrolled: {answer.fault}")
    try:
        return msgspec.json.decode(keys.theirs.open(answer.sealed), type=Admission)
    except InvalidTag:
        raise EnrolmentError(
            "the answer is not from the machine that showed the code: somebody stands between; do not"
            " go on, and enrol again with a new code"
        ) from None


class _Share(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="share"):
    share: str


class _Sealed(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="sealed"):
    sealed: str


class _Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="fault"):
    fault: str


@dataclass(frozen=True, slots=True)
class _Line:
    """JSON lines, each of bounded length."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def hear(self, kind: "type[T]") -> "T":
        """The next line. Raises ValueError when it is another."""
        return msgspec.json.decode(await self._next(), type=kind)

    async def hear_answer(self) -> "_Sealed | _Fault":
        """The last line of a meeting. Raises ValueError when it is none."""
        return msgspec.json.decode(await self._next(), type=_Sealed | _Fault)

    async def _next(self) -> bytes:
        line = await self.reader.readline()
        if not line.endswith(b"\n"):
            raise ConnectionError("it hung up")
        return line

    async def say(self, message: "_Share | _Sealed | _Fault") -> None:
        """Send one."""
        self.writer.write(msgspec.json.encode(message) + b"\n")
        await self.writer.drain()


class _Keys(NamedTuple):
    """One key a direction, each used for one message."""

    ours: "_Seal"
    theirs: "_Seal"


@dataclass(frozen=True, slots=True)
class _Seal:
    key: bytes

    def seal(self, data: bytes) -> str:
        """Nobody without the key reads or changes it."""
        sealed = ChaCha20Poly1305(self.key).encrypt(_ONCE, data, None)
        return base64.b64encode(sealed).decode()

    def open(self, sealed: str) -> bytes:
        """Raises InvalidTag when it was sealed with another key, ValueError when it is no base64."""
        return ChaCha20Poly1305(self.key).decrypt(
            _ONCE, base64.b64decode(sealed, validate=True), None
        )


_NAMES = (b"forgebus enrolment: new", b"forgebus enrolment: authority")
_ONCE = bytes(12)
_BAD_SHARE = (
    spake2.SPAKEError,
    spake2.ed25519_basic.NotOnCurve,
    AssertionError,  # the library's own checks of what came
)


def _plain(code: str) -> bytes:
    """The code as it was meant: capitals, without what separates."""
    return "".join(sign for sign in code.upper() if sign.isalnum()).encode()


def _keys(side: "spake2.SPAKE2_A | spake2.SPAKE2_B", theirs: _Share) -> _Keys:
    """Raises ValueError when their share is none."""
    try:
        shared = side.finish(bytes.fromhex(theirs.share))
    except _BAD_SHARE as error:
        raise ValueError(f"this is no share: {error!r}") from None
    keys = [
        _Seal(HKDF(hashes.SHA256(), 32, salt=None, info=name).derive(shared)) for name in _NAMES
    ]
    new = isinstance(side, spake2.SPAKE2_A)
    return _Keys(*keys) if new else _Keys(keys[1], keys[0])
