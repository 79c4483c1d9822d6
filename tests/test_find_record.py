"""What a bus says of itself on the network, and what becomes of it when somebody hostile says it."""

from __future__ import annotations

import hashlib
import ssl

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.announcer import ANY, _dotted, instance, reached
from daemon.bus_folder import now
from daemon.certificates import Authority
from daemon.txt_record import (
    LONGEST_NAME,
    MOST_ADDRESSES,
    SERVICE,
    Announcement,
    Found,
    fingerprint,
    grouped,
    nearest_first,
    read,
)

PRINT = "3f" * 32
GOOD = Announcement(port=8883, tls=True, authority=PRINT, host="broker.lan")
HERE = ("192.168.1.5",)


def wire(bus: Announcement, **changes: bytes | None) -> dict[bytes, bytes | None]:
    record: dict[bytes, bytes | None] = {
        key.encode(): value.encode() for key, value in bus.txt().items()
    }
    return record | {key.encode(): value for key, value in changes.items()}


def heard(record: dict[bytes, bytes | None], name: str = "forgebus on kitchen") -> Found | None:
    return read(f"{name}.{SERVICE}", 8883, HERE, record)


@pytest.mark.parametrize(
    "bus",
    [GOOD, Announcement(port=8883), Announcement(port=8883, base="home", host="::1", tls=True)],
)
def test_what_is_announced_is_read_back(bus: Announcement) -> None:
    assert heard(wire(bus)) == Found("forgebus on kitchen", HERE, bus)


def test_the_longest_fits_the_strings_of_a_record() -> None:
    longest = {"base": "b" * 120, "host": "h" * 250, "authority": PRINT, "tls": True}
    bus = msgspec.convert({"port": 8883} | longest, Announcement)
    assert all(len(f"{key}={value}") <= 255 for key, value in bus.txt().items())
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"port": 8883, "host": "h" * 251}, Announcement)


def test_another_broker_is_none_of_ours() -> None:
    assert heard({b"model": b"shelly"}) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"forgebus": b"zero"},
        {"forgebus": b"-1"},
        {"forgebus": None},
        {"base": b"a/#"},
        {"base": b"$SYS"},
        {"base": b""},
        {"base": b"x" * 200},
        {"tls": b"maybe"},
        {"tls": None},
        {"authority": PRINT.upper().encode()},
        {"authority": b"ab"},
        {"authority": PRINT.encode() + b"\n"},
        {"host": b"a b"},
        {"host": b"--config=/etc/shadow\x1b[2J"},
        {"host": b"x" * 254},
        {"base": b"\xff\xfe"},
    ],
)
def test_a_malformed_record_is_a_fault_and_no_bus(changes: dict[str, bytes | None]) -> None:
    found = heard(wire(GOOD, **changes))
    assert found is not None
    assert found.bus is None
    assert found.fault
    assert found.fault.isprintable()


def test_without_an_address_there_is_no_bus() -> None:
    found = read(f"x.{SERVICE}", 8883, [], wire(GOOD))
    assert found is not None
    assert (found.bus, found.address) == (None, "")


@given(
    st.text(max_size=300),
    st.integers(0, 65535) | st.none(),
    st.lists(st.just("10.0.0.1"), max_size=20),
    st.dictionaries(
        st.sampled_from([b"forgebus", b"base", b"tls", b"authority", b"host", b"x"]),
        st.binary(max_size=300) | st.none(),
    ),
)
def test_whatever_is_said_is_bounded_and_commands_no_terminal(
    name: str, port: int | None, addresses: list[str], record: dict[bytes, bytes | None]
) -> None:
    found = read(name, port, addresses, record)
    if found is None:
        assert b"forgebus" not in record
        return
    assert len(found.name) <= LONGEST_NAME
    assert len(found.addresses) <= MOST_ADDRESSES
    assert len(found.fault) <= 200
    assert all(sign.isprintable() or sign in "\n\t" for sign in found.name + found.fault)
    assert (found.bus is None) == bool(found.fault)


def test_the_own_network_comes_first_and_a_bridge_last() -> None:
    offered = ["172.17.0.1", "10.1.2.3", "192.168.1.5"]
    assert nearest_first(offered, ["192.168.1.77"])[0] == "192.168.1.5"
    assert nearest_first(offered, ["10.1.9.9", "127.0.0.1"])[0] == "10.1.2.3"
    assert nearest_first(offered, []) == offered


def test_the_fingerprint_is_that_of_the_certificate() -> None:
    made = Authority.new("a", now()).pair.certificate
    der = ssl.PEM_cert_to_DER_cert(made.decode())
    assert fingerprint(made) == hashlib.sha256(der).hexdigest()
    assert grouped(fingerprint(made)).replace(" ", "") == f"sha256{fingerprint(made)}"
    for number in (1, 2, 3):  # of each length that base64 pads otherwise
        other = Authority.new("b" * number, now()).pair.certificate
        assert fingerprint(b"Issuer: a\n" + made + other) == fingerprint(made)
        assert fingerprint(other + made) == fingerprint(other)
    for wrong in (b"", b"hello", b"\xff", made[:-30]):
        with pytest.raises(ValueError, match=r".*"):
            fingerprint(wrong)


def test_a_name_fits_a_label() -> None:
    assert instance("kitchen") == "forgebus on kitchen"
    assert len(instance("k" * 200)) <= 63 - len("-99")  # where another has it, it is numbered
    assert instance("küche.lan") == "forgebus on k?che lan"


def test_only_a_port_that_is_listened_on_is_reached() -> None:
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        assert reached(port, ["127.0.0.1"]) == ()
        listener.listen()
        assert reached(port, ["127.0.0.1", "192.168.1.5"]) == ("127.0.0.1",)
    assert reached(port, ["127.0.0.1"]) == ()
    assert _dotted("00000000") == _dotted("0" * 32) == ANY
