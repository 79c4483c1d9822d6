"""The link over TLS: the broker's certificate is checked, and large messages pass both ways."""

from __future__ import annotations

import asyncio
import gc
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from broker_fixture import BrokerProcess, Peer, eventually


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority, `stranger.crt` which is none of ours, and the broker's key and certificate."""
    if shutil.which("openssl") is None:
        pytest.skip("certificates are made with openssl: apt-get install openssl")
    folder = tmp_path_factory.mktemp("tls")
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")
    for name in ("authority", "stranger"):
        out = ("-keyout", f"{name}.key", "-out", f"{name}.crt")
        _openssl(folder, "req", "-x509", *curve, *out, "-subj", f"/CN={name}")
    out = ("-keyout", "broker.key", "-out", "broker.csr")
    _openssl(folder, "req", *curve[:5], *out, "-subj", "/CN=broker")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    authority = ("-CA", "authority.crt", "-CAkey", "authority.key", "-CAcreateserial")
    signed = ("-in", "broker.csr", "-out", "broker.crt", "-days", "2", "-extfile", "names")
    _openssl(folder, "x509", "-req", *authority, *signed)
    return folder


@pytest.fixture
def tls_broker(make_broker: Callable[..., BrokerProcess], certificates: Path) -> BrokerProcess:
    files = f"certfile {certificates}/broker.crt\nkeyfile {certificates}/broker.key\n"
    return make_broker(f"allow_anonymous true\n{files}")


async def test_messages_of_every_size_pass_both_ways(
    tls_broker: BrokerProcess, certificates: Path
) -> None:
    config = {"tls_ca": certificates / "authority.crt"}
    a = Peer(tls_broker.port, "a", config=config)
    async with Peer(tls_broker.port, "b", "t", config=config) as b, a:
        sizes = [0, 1, 1000, 16_384, 16_385, 65_536, 200_000] * 8
        for number, size in enumerate(sizes):
            assert a.bus.publish("t", bytes([number]) * size, qos=number % 2)
        await b.has(len(sizes))
        assert await a.bus.flush(10)
        assert sorted(b.payloads) == sorted(bytes([n]) * size for n, size in enumerate(sizes))
        assert (a.links, b.links) == ([True], [True])


# Paho leaves the socket of a failed handshake to the garbage collector, which says so.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
async def test_a_broker_of_another_authority_is_not_spoken_to(
    tls_broker: BrokerProcess, certificates: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a = Peer(tls_broker.port, "a", config={"tls_ca": certificates / "stranger.crt"})
    a.task = asyncio.create_task(a.bus.run())
    await eventually(
        lambda: "certificate verify failed" in capsys.readouterr().out, "nothing was said"
    )
    await a.leave()
    assert a.links == []
    gc.collect()


async def test_who_speaks_no_tls_to_it_is_told_so(
    tls_broker: BrokerProcess, capsys: pytest.CaptureFixture[str]
) -> None:
    a = Peer(tls_broker.port, "a")
    a.task = asyncio.create_task(a.bus.run())
    await eventually(lambda: "it may want TLS" in capsys.readouterr().out, "nothing was said")
    await a.leave()


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)
