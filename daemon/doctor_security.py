"""`forgebus doctor --security`: who gets in at the broker, what each may do there, and what is left open.

It tries what a stranger on the network would try, with the login that it was given and without one. What
it sends is empty, names nobody who exists, and is refused by a broker that is as it should be.
"""

import asyncio
import secrets
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from daemon import broker_lint, logs
from daemon.broker_probe import (
    MAXIMUM_PACKET_SIZE,
    RECEIVE_MAXIMUM,
    Answer,
    careless,
    forged,
    knock,
    outdated,
    proper,
    reachable,
)
from daemon.bus import NOT_AUTHORISED
from daemon.bus_folder import now
from daemon.certificates import CertificateError, told
from daemon.config import BrokerConfig, Config
from daemon.doctor import Finding, Verdict
from daemon.doctor_broker import ANSWER_S, LINK_S, STRANGER, Probe
from daemon.private_files import weakness
from daemon.reach import has_credentials, is_loopback, refusal, speaks_tls

PLAIN_PORT = 1883
SOON = timedelta(days=30)
_TRIED = ("strangers", "limits", "speaking for others", "reading of others", "sessions")
INIT = "set up a secured broker: `forgebus broker init`, then `forgebus enroll` for each machine"


async def examine_security(config: Config, login: str) -> list[Finding]:
    """Everything that is weak, and everything that was found to be right."""
    broker = config.broker
    logs.silence()
    here = [credentials(broker), encryption(broker)]
    where = f"{broker.host}:{broker.port}"
    if await reachable(broker.host, broker.port):
        tried = await doors(broker, login) + await inside(broker, login)
    else:
        remedy = "start it, or set [broker] host and port"
        tried = [Finding("broker", Verdict.WRONG, f"nothing answers at {where}", remedy)]
        tried += [Finding(check, Verdict.NOT_CHECKED, "no broker") for check in _TRIED]
    return [
        *here,
        *tried,
        *configuration(broker),
        *files(config),
        *ends(broker),
    ]


def credentials(broker: BrokerConfig) -> Finding:
    """Whether we ourselves prove who we are."""
    check = "credentials"
    if fault := refusal(broker):
        return Finding(check, Verdict.WRONG, f"none, for a bus at {broker.host}", fault)
    if broker.tls_cert is not None:
        return Finding(check, Verdict.OK, f"a certificate: {broker.tls_cert}")
    if broker.password_file is not None:
        return Finding(check, Verdict.OK, f"a password: {broker.password_file}")
    found = "none; the bus is this machine's alone"
    return Finding(check, Verdict.OK, found)


def encryption(broker: BrokerConfig) -> Finding:
    """Whether what we send can be read on the way."""
    if speaks_tls(broker):
        return Finding("encryption", Verdict.OK, "TLS, and the broker's certificate is checked")
    if is_loopback(broker.host):
        return Finding("encryption", Verdict.OK, "none; nothing leaves this machine")
    found = "none: passwords and content can be read on the way"
    return Finding("encryption", Verdict.WRONG, found, INIT)


async def doors(broker: BrokerConfig, login: str) -> list[Finding]:
    """Who is let in that should not be."""
    host, port = broker.host, broker.port
    found = [await _anonymous(broker)]
    if speaks_tls(broker):
        with forged(login, now()) as (certificate, key):
            foreign = await knock(host, port, careless(certificate, key))
        found.append(
            _judged(
                "foreign certificate",
                bad=foreign.let_in,
                good="one of another authority is refused",
                fault=f"anybody may make a certificate of {login!r} and is let in",
                remedy="cafile with your own authority alone, and require_certificate true",
            )
        )
        found.append(await _old_tls(broker))
        if port != PLAIN_PORT:
            found.append(await _plain_port(host))
    return found


async def inside(broker: BrokerConfig, login: str) -> list[Finding]:
    """What a login may do that it should not; nothing where we do not get in."""
    checks = _TRIED[1:]
    if refusal(broker):
        return [Finding(check, Verdict.NOT_CHECKED, "no login") for check in checks]
    answer = await _own_knock(broker)
    seen = [_limits(answer)]
    if answer.certificate:
        renew = "`forgebus broker init --renew` where the broker is"
        seen.append(_end("end of the broker's certificate", answer.certificate, renew))
    probe = Probe(broker, login)
    running = asyncio.create_task(probe.bus.run())
    try:
        async with asyncio.timeout(LINK_S):
            await probe.up.wait()
        if not has_credentials(broker):
            nobody = "this broker knows no logins"
            return [*seen, *(Finding(check, Verdict.NOT_CHECKED, nobody) for check in checks[1:])]
        return [
            *seen,
            await _speaking(probe, broker, login),
            await _reading(probe, broker, login),
            await _session(probe, broker, login),
        ]
    except TimeoutError:
        why = probe.bus.trouble or f"{broker.host}:{broker.port} does not let {login} in"
        return [*seen, *(Finding(check, Verdict.NOT_CHECKED, why) for check in checks[1:])]
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def configuration(broker: BrokerConfig) -> list[Finding]:
    """The file of the broker, where it runs on this machine and we may read it."""
    check = "mosquitto.conf"
    path = broker_lint.of_running(broker.port)
    try:
        text = "" if path is None else path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return [Finding(check, Verdict.NOT_CHECKED, f"{path} cannot be read: {error}")]
    if path is None:
        found = f"no mosquitto on port {broker.port} that can be seen from here"
        remedy = "run this on the broker's machine, as its administrator"
        return [Finding(check, Verdict.NOT_CHECKED, found, remedy)]
    verdict = (
        Verdict.WARNING if is_loopback(broker.host) and not speaks_tls(broker) else Verdict.WRONG
    )
    weak = [
        Finding(f"{check}: {one.setting}", verdict, one.found, one.remedy)
        for one in broker_lint.weaknesses(text)
    ]
    return weak or [Finding(check, Verdict.OK, f"{path} leaves nothing open")]


def files(config: Config) -> Iterator[Finding]:
    """Secrets and journal, which others on this machine should not read."""
    broker = config.broker
    for check, path in (("key", broker.tls_key), ("password", broker.password_file)):
        if path is not None:
            fault = weakness(path)
            verdict = Verdict.WRONG if fault else Verdict.OK
            yield Finding(f"file of the {check}", verdict, fault or f"{path} is ours alone", fault)
    yield _state_dir(config.node.state_dir)


def ends(broker: BrokerConfig) -> Iterator[Finding]:
    """When our certificate ends."""
    if broker.tls_cert is not None:
        try:
            ours = broker.tls_cert.read_bytes()
        except OSError:
            ours = b""
        remedy = "`forgebus enroll LOGIN --replace` where the broker is, and join again"
        yield _end("end of our certificate", ours, remedy)


async def _anonymous(broker: BrokerConfig) -> Finding:
    context = careless() if speaks_tls(broker) else None
    answer = await knock(broker.host, broker.port, context)
    check = "strangers"
    if not answer.let_in:
        return Finding(check, Verdict.OK, "who proves nothing is refused")
    if is_loopback(broker.host) and context is None:
        found = "anybody is let in, on loopback: every program of this machine"
        remedy = f"enough for one machine that you trust; else {INIT}"
        return Finding(check, Verdict.WARNING, found, remedy)
    return Finding(check, Verdict.WRONG, "anybody is let in", f"allow_anonymous false; {INIT}")


async def _old_tls(broker: BrokerConfig) -> Finding:
    context = careless(broker.tls_cert, broker.tls_key)
    if not outdated(context):
        found = "this machine's own library speaks no TLS 1.1 any more"
        return Finding("old TLS", Verdict.NOT_CHECKED, found)
    answer = await knock(broker.host, broker.port, context)
    return _judged(
        "old TLS",
        bad=answer.let_in,
        good="TLS 1.1 and older are refused",
        fault="TLS 1.1 or older is spoken",
        remedy="tls_version tlsv1.2",
    )


async def _plain_port(host: str) -> Finding:
    """A broker that was there before, still open beside the secured one."""
    answer = await knock(host, PLAIN_PORT, None)
    check = f"port {PLAIN_PORT}"
    if answer.let_in and not is_loopback(host):
        remedy = "stop that listener, or bind it to 127.0.0.1"
        return Finding(check, Verdict.WRONG, "anybody is let in there, without TLS", remedy)
    if answer.spoke and not is_loopback(host):
        remedy = "stop that listener: passwords can be read on the way"
        return Finding(check, Verdict.WARNING, "a broker without TLS listens there too", remedy)
    return Finding(check, Verdict.OK, "no open broker beside this one")


async def _own_knock(broker: BrokerConfig) -> Answer:
    context = None
    if speaks_tls(broker):
        context = proper(broker.tls_ca, broker.tls_cert, broker.tls_key)
    return await knock(broker.host, broker.port, context)


def _end(check: str, certificate: bytes, remedy: str) -> Finding:
    try:
        read = told(certificate)
    except CertificateError as error:
        return Finding(check, Verdict.WRONG, str(error), remedy)
    found = f"{read.name}: {read.expires:%Y-%m-%d}"
    if read.expires - now() < SOON:
        return Finding(check, Verdict.WARNING, found, remedy)
    return Finding(check, Verdict.OK, found)


def _limits(answer: Answer) -> Finding:
    if not answer.let_in:
        return Finding("limits", Verdict.NOT_CHECKED, "the broker tells them to who gets in")
    size = answer.property(MAXIMUM_PACKET_SIZE)
    flight = answer.property(RECEIVE_MAXIMUM)
    if size is None:
        remedy = "max_packet_size 300000"
        return Finding("limits", Verdict.WRONG, "one message may be 256 MB", remedy)
    found = f"messages of {size} bytes, {flight or 'any number of'} at a time"
    return Finding("limits", Verdict.OK, found)


async def _speaking(probe: Probe, broker: BrokerConfig, login: str) -> Finding:
    base = broker.base
    topics = (
        f"in/{login}/{STRANGER}/cancel",
        f"node/{STRANGER}/status",
        f"node/{STRANGER}/card",
        f"offer/forgebus_doctor/{STRANGER}",
        f"ask/{STRANGER}/forgebus_doctor",
        f"event/{STRANGER}",
        f"taken/{STRANGER}",
    )
    codes = {topic: await probe.publish(f"{base}/{topic}", b"", expiry_s=1) for topic in topics}
    may = [topic for topic, code in codes.items() if 0 <= code != NOT_AUTHORISED]
    if -1 in codes.values() and not may:
        return Finding("speaking for others", Verdict.NOT_CHECKED, "the broker gave no answer")
    return _judged(
        "speaking for others",
        bad=bool(may),
        good=f"{login} can speak for nobody else",
        fault=f"{login} may write {', '.join(may)}",
        remedy="an access list: `forgebus broker init`, or docs/protocol.md, 'The access list'",
    )


async def _reading(probe: Probe, broker: BrokerConfig, login: str) -> Finding:
    """A message that we may send to somebody else's inbox must not come back to us."""
    topic = f"{broker.base}/in/{STRANGER}/{login}/cancel"
    listening = asyncio.create_task(probe.hear(topic, 1.0))
    await asyncio.sleep(0.3)
    code = await probe.publish(topic, b"x", expiry_s=1)
    heard = await listening
    if code < 0 or code == NOT_AUTHORISED:
        found = f"{login} may not write {topic}, so nothing could come back"
        return Finding("reading of others", Verdict.NOT_CHECKED, found)
    return _judged(
        "reading of others",
        bad=bool(heard),
        good=f"{login} reads nobody else's inbox",
        fault=f"{login} reads everybody's inbox",
        remedy="pattern read .../in/%u/# in place of a wider line of the access list",
    )


async def _session(probe: Probe, broker: BrokerConfig, login: str) -> Finding:
    """A second connection of our login, under a name of its own, must end the first."""
    second = Probe(broker, login, client_id=f"{login}-{secrets.token_hex(4)}")
    running = asyncio.create_task(second.bus.run())
    try:
        await asyncio.wait_for(second.up.wait(), ANSWER_S)
        ended = True
        try:
            await asyncio.wait_for(probe.down.wait(), 1.5)
        except TimeoutError:
            ended = False
    except TimeoutError:
        found = "a second connection was not answered"
        return Finding("sessions", Verdict.NOT_CHECKED, found)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    return _judged(
        "sessions",
        bad=not ended,
        good="a session belongs to its login",
        fault="a login may take over another's session, with what waits in it, by its client id",
        remedy="use_username_as_clientid true",
    )


def _state_dir(directory: Path) -> Finding:
    check = "journal"
    try:
        mode = stat.S_IMODE(directory.stat().st_mode)
    except OSError:
        return Finding(check, Verdict.OK, f"{directory}: no node has run here")
    if mode & (stat.S_IRWXO | stat.S_IWGRP):
        found = f"others may read {directory} (mode {mode:04o}), where content of tasks is kept"
        return Finding(check, Verdict.WARNING, found, f"chmod 700 {directory}")
    return Finding(check, Verdict.OK, f"{directory} is closed to others")


def _judged(check: str, *, bad: bool, good: str, fault: str, remedy: str) -> Finding:
    if bad:
        return Finding(check, Verdict.WRONG, fault, remedy)
    return Finding(check, Verdict.OK, good)
