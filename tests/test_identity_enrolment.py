"""Enrolment with a short code: the right one, wrong ones, and somebody in between."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.certificates import CertificateError, new_request
from daemon.enrolment import ALPHABET, TRIES, Door, EnrolmentError, _plain, enrol, new_code
from daemon.login_files import Admission
from daemon.logins import Role
from daemon.private_files import PrivateFileError

CODE = "K7QF-2MXP"
HERE = "127.0.0.1"


def admission(request: bytes) -> Admission:
    if not request.startswith(b"-----BEGIN CERTIFICATE REQUEST"):
        raise CertificateError("this is no certificate request")
    return Admission(
        login="attic",
        role=Role.NODE,
        host="broker.lan",
        port=8883,
        base="forgebus/v1",
        certificate="certificate",
        authority="authority",
    )


@contextlib.asynccontextmanager
async def opened(door: Door) -> AsyncIterator[asyncio.Task[Admission]]:
    """A door that listens; the task is its end."""
    listening = asyncio.Event()
    task = asyncio.create_task(door.run(HERE, 0, lambda _: listening.set()))
    await listening.wait()
    yield task
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def door(minutes: float = 10.0, between_s: float = 0.0) -> Door:
    return Door(CODE, admission, minutes, between_s)


REQUEST = new_request("whatever").certificate


async def test_the_right_code_is_let_in_once() -> None:
    one = door()
    async with opened(one) as end:
        assert await enrol(HERE, one.port, "k7qf 2mxp", REQUEST) == admission(REQUEST)
        assert await end == admission(REQUEST)
        with pytest.raises(EnrolmentError, match="nobody enrols at"):
            await enrol(HERE, one.port, CODE, REQUEST)


async def test_five_wrong_codes_end_it() -> None:
    one = door()
    async with opened(one) as end:
        for left in (4, 3, 2, 1):
            with pytest.raises(EnrolmentError, match=f"the code is wrong; {left} tries are left"):
                await enrol(HERE, one.port, "K7QF-2MXQ", REQUEST)
        with pytest.raises(EnrolmentError, match="one wrong code too many"):
            await enrol(HERE, one.port, "AAAA-AAAA", REQUEST)
        with pytest.raises(EnrolmentError, match="5 wrong codes; this one is void"):
            await end
        with pytest.raises(EnrolmentError, match="nobody enrols"):
            await enrol(HERE, one.port, CODE, REQUEST)
    assert one.tries == TRIES


async def test_tries_come_one_after_the_other() -> None:
    """With a pause that never ends in this test, the second try is not even looked at."""
    one = door(between_s=600.0)
    async with opened(one):
        with pytest.raises(EnrolmentError, match="4 tries are left"):
            await enrol(HERE, one.port, "AAAA-AAAA", REQUEST)
        second = asyncio.create_task(enrol(HERE, one.port, CODE, REQUEST))
        await asyncio.sleep(0.2)
        assert not second.done()
        assert one.tries == 1
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)


async def test_time_ends_it() -> None:
    async with opened(door(minutes=0.001)) as end:
        with pytest.raises(EnrolmentError, match=r"within 0\.001 minutes; it is void"):
            await end


async def test_the_port_may_be_taken() -> None:
    one = door()
    async with opened(one):
        with pytest.raises(EnrolmentError, match="cannot listen at 127"):
            await door().run(HERE, one.port, lambda _: None)


@pytest.mark.parametrize(
    "lines",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00",
        b"x" * 40_000,
        b'{"type":"share","share":"zz"}\n',
        b'{"type":"share","share":"41"}\n',
        b'{"type":"share","share":"41' + b"00" * 32 + b'"}\n',
        b'{"type":"share","share":"41' + b"ff" * 32 + b'"}\n',
        b'{"type":"share","share":"4101' + b"00" * 31 + b'"}\n',
        b'{"type":"sealed","sealed":""}\n',
        b"[]\n",
        b"",
    ],
)
async def test_what_is_no_try_costs_none_and_closes_nothing(lines: bytes) -> None:
    one = door()
    async with opened(one) as end:
        reader, writer = await asyncio.open_connection(HERE, one.port)
        writer.write(lines)
        with contextlib.suppress(OSError):
            writer.write_eof()
            await reader.read()
        writer.close()
        await enrol(HERE, one.port, CODE, REQUEST)
        assert await end == admission(REQUEST)
    assert one.tries == 0


async def test_a_request_that_is_none_can_be_tried_again() -> None:
    one = door()
    async with opened(one) as end:
        with pytest.raises(EnrolmentError, match="no certificate request"):
            await enrol(HERE, one.port, CODE, b"hello")
        await enrol(HERE, one.port, CODE, REQUEST)
        assert (await end).login == "attic"


async def test_a_folder_that_cannot_be_written_ends_it() -> None:
    def full(_: bytes) -> Admission:
        raise EnrolmentError("the disk is full")

    one = Door(CODE, full, between_s=0.0)
    async with opened(one) as end:
        with pytest.raises(EnrolmentError, match="the disk is full"):
            await enrol(HERE, one.port, CODE, REQUEST)
        with pytest.raises(EnrolmentError, match="the disk is full"):
            await end


class Between:
    """Somebody on the way who can read and change every line. `to` is the real door, or None."""

    def __init__(self, to: int | None, change: str = "") -> None:
        self.to = to
        self.change = change
        self.seen = b""
        self.port = 0

    async def __aenter__(self) -> Self:
        self.server = await asyncio.start_server(self._meet, HERE, 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.server.close()

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(HERE, self.to)
        ways = (self._pass(reader, back, "up"), self._pass(there, writer, "down"))
        await asyncio.gather(*ways, return_exceptions=True)

    async def _pass(self, from_: asyncio.StreamReader, to: asyncio.StreamWriter, way: str) -> None:
        while line := await from_.readline():
            self.seen += line
            said = json.loads(line)
            if self.change == f"{way} {said['type']}":
                text = said[said["type"]]
                said[said["type"]] = text[:20] + ("A" if text[20] != "A" else "B") + text[21:]
            to.write(json.dumps(said).encode() + b"\n")
            await to.drain()
        to.close()


async def test_who_only_listens_sees_neither_the_code_nor_what_is_given() -> None:
    one = door()
    async with opened(one), Between(None) as between:
        between.to = one.port
        await enrol(HERE, between.port, CODE, REQUEST)
    for secret in (CODE, _plain(CODE).decode(), "attic", "broker.lan", "CERTIFICATE"):
        assert secret.encode() not in between.seen


@pytest.mark.parametrize("change", ["up sealed", "down sealed", "up share", "down share"])
async def test_who_changes_a_line_gets_nobody_in(change: str) -> None:
    one = door()
    async with opened(one), Between(None, change) as between:
        between.to = one.port
        with pytest.raises(EnrolmentError):
            await enrol(HERE, between.port, CODE, REQUEST)


async def test_who_pretends_to_be_the_authority_cannot_without_the_code() -> None:
    """It has one guess; the new side takes nothing from it, and sends it nothing that it can open."""
    false = Door("AAAA-AAAA", admission, between_s=0.0)
    async with opened(false):
        with pytest.raises(EnrolmentError, match="the code is wrong"):
            await enrol(HERE, false.port, CODE, REQUEST)
    assert false.tries == 1


async def test_an_answer_of_another_is_not_taken() -> None:
    one = door()
    async with opened(one), Between(None, "down sealed") as between:
        between.to = one.port
        with pytest.raises(EnrolmentError, match="somebody stands between"):
            await enrol(HERE, between.port, CODE, REQUEST)


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400\r\n", b'{"type":"share","share":"42"}\n'])
async def test_what_is_no_enrolment_is_said(answer: bytes) -> None:
    async def meet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(meet, HERE, 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(EnrolmentError, match="enrol"):
        await enrol(HERE, port, CODE, REQUEST)
    server.close()


def test_codes_are_read_as_they_are_meant() -> None:
    codes = {new_code() for _ in range(200)}
    assert len(codes) == 200
    assert {sign for code in codes for sign in code} - {"-"} <= set(ALPHABET)
    assert not set("01OILU") & set(ALPHABET)
    assert len(set(ALPHABET)) == len(ALPHABET) == 30


@given(st.text(max_size=40))
def test_any_text_may_be_typed(text: str) -> None:
    assert isinstance(_plain(text), bytes)


def test_files_of_a_login_fit_each_other(tmp_path: Path) -> None:
    from daemon.bus_folder import now
    from daemon.certificates import Authority
    from daemon.login_files import Written, check_room, write_login

    authority, pair = Authority.new("a", now()), new_request("other")
    given = Admission(
        login="attic",
        role=Role.NODE,
        host="h",
        port=1,
        base="b",
        certificate=authority.login(pair.certificate, "attic", now(), 1).decode(),
        authority=authority.pair.certificate.decode(),
    )
    with pytest.raises(PrivateFileError, match="is not of this key and authority"):
        write_login(tmp_path, given, new_request("x").key, b"")
    first = write_login(tmp_path, given, pair.key, b"")
    assert first == Written(tmp_path / "forgebus.toml")
    with pytest.raises(PrivateFileError, match="is there already"):
        check_room(tmp_path)
    assert write_login(tmp_path, given, pair.key, b"") == first
