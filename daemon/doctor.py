"""`forgebus doctor`: what could keep a node from its work on this machine, each with its remedy.

Here is the machine: the program of the broker, clock, memory, disk, models. `daemon.doctor_broker` looks
at the broker. What cannot be seen from here is reported as not checked, never as right.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from daemon.config import Config
from daemon.journal import LOCK, JournalDamagedError, JournalError, JournalReader
from daemon.journal_rescue import lately_lost
from handlers.catalog import CATALOG

CGROUP = Path("/sys/fs/cgroup")
BORN = 1_767_225_600.0
"""2026-01-01: a clock that tells an earlier time was never set."""
FREE_LOW, FREE_TOO_LOW = 500_000_000, 50_000_000
PLACES = os.pathsep.join(("/usr/sbin", "/usr/local/sbin"))


class Verdict(StrEnum):
    """What a check came to; `wrong` alone makes the doctor exit with 1."""

    OK = "ok"
    WARNING = "warning"
    WRONG = "wrong"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: what was found, and what to do about it ("" when there is nothing)."""

    check: str
    verdict: Verdict
    found: str
    remedy: str = ""


async def examine(
    config: Config, login: str | None, model_fault: Callable[[Path], str]
) -> list[Finding]:
    """Look at everything. `model_fault` tells what is wrong with a model's folder, "" for nothing."""
    from daemon.doctor_broker import examine_broker  # noqa: PLC0415 - it builds on this file's values

    broker = await examine_broker(config.broker, login or config.broker.username or "cli")
    reachable = broker[0].verdict is Verdict.OK
    return [
        mosquitto(needed=not reachable),
        *broker,
        clock(time.time()),
        memory_limits(),
        *models(config, model_fault),
        state_dir(config.node.state_dir),
        refused(config.node.state_dir),
        journal(config.node.state_dir),
    ]


def mosquitto(path: str | None = None, *, needed: bool) -> Finding:
    """The program behind `forgebus broker` and `forgebus run`; `path` is where to look for it."""
    places = os.pathsep.join((os.environ.get("PATH", os.defpath), PLACES)) if path is None else path
    program = shutil.which("mosquitto", path=places)
    remedy = "apt-get install mosquitto, or set [broker] host and port to one that runs elsewhere"
    if program is None:
        verdict = Verdict.WRONG if needed else Verdict.WARNING
        return Finding("mosquitto", verdict, "not installed here", remedy)
    told = subprocess.run([program, "-h"], capture_output=True, text=True, check=False).stdout
    words = told.split()
    version = words[2] if words[:2] == ["mosquitto", "version"] and len(words) > 2 else "unknown"
    if version.split(".") < ["2"]:
        return Finding("mosquitto", Verdict.WRONG, f"{program} {version}", "install 2.0 or later")
    return Finding("mosquitto", Verdict.OK, f"{program} {version}")


def clock(now: float) -> Finding:
    """The wall clock; the bus does without it, TLS and quiet hours do not."""
    told = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now))
    remedy = "timedatectl set-ntp true, or install a real-time clock"
    if now < BORN:
        return Finding("clock", Verdict.WRONG, f"it says {told}", remedy)
    program = shutil.which("timedatectl")
    if program is None:
        found = f"{told}; whether it is synchronised: there is no timedatectl to ask"
        return Finding("clock", Verdict.NOT_CHECKED, found, "compare it with another clock")
    command = [program, "show", "--property=NTPSynchronized", "--value"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    match answer:
        case "yes":
            return Finding("clock", Verdict.OK, f"{told}, synchronised")
        case "no":
            return Finding("clock", Verdict.WARNING, f"{told}, not synchronised", remedy)
        case _:
            found = f"{told}; whether it is synchronised: timedatectl gave no answer"
            return Finding("clock", Verdict.NOT_CHECKED, found, "compare it with another clock")


def memory_limits(cgroup: Path = CGROUP) -> Finding:
    """Whether the kernel can hold a unit to MemoryMax=; Raspberry Pi OS has it off by default."""
    remedy = (
        "add cgroup_enable=memory cgroup_memory=1 to /boot/firmware/cmdline.txt and reboot; until"
        " then MemoryMax= does nothing, and work.memory_limit_mb alone holds a worker"
    )
    controllers = cgroup / "cgroup.controllers"
    try:
        if controllers.is_file():
            there = "memory" in controllers.read_text().split()
        else:
            there = (cgroup / "memory").is_dir()
    except OSError as error:
        found = f"{controllers} cannot be read: {error.strerror}"
        return Finding("memory cgroup", Verdict.NOT_CHECKED, found)
    if not cgroup.is_dir():
        return Finding("memory cgroup", Verdict.NOT_CHECKED, f"there is no {cgroup}")
    if there:
        return Finding("memory cgroup", Verdict.OK, "the kernel limits memory")
    return Finding("memory cgroup", Verdict.WARNING, "the kernel limits no memory", remedy)


def models(config: Config, model_fault: Callable[[Path], str]) -> list[Finding]:
    """Each configured capability: known, its files there, and unchanged since they were made."""
    findings = []
    folder = config.work.models_dir
    for capability in config.work.capabilities:
        entry = CATALOG.get(capability)
        check = f"model of {capability}"
        if entry is None:
            remedy = f"take it out of work.capabilities; there are {', '.join(CATALOG)}"
            findings.append(Finding(check, Verdict.WRONG, "no such capability", remedy))
            continue
        fault = entry.missing(folder) or (model_fault(folder / entry.model) if entry.model else "")
        if fault:
            remedy = f"reinstall forgebus, or copy {folder} again"
            findings.append(Finding(check, Verdict.WRONG, fault, remedy))
        else:
            found = f"{entry.model}: sha256 verified" if entry.model else "needs none"
            findings.append(Finding(check, Verdict.OK, found))
    return findings


def state_dir(directory: Path) -> Finding:
    """Where the journal goes: writable, with room, and whether a node holds it now."""
    check = "state directory"
    there = directory
    while not there.exists():
        there = there.parent
    if not os.access(there, os.W_OK | os.X_OK):
        if there == directory and there.stat().st_uid != os.geteuid():
            found = f"{directory} is another user's, the node's"
            return Finding(check, Verdict.NOT_CHECKED, found, "sudo forgebus doctor looks at it")
        remedy = "give this user the right to write there, or set node.state_dir"
        return Finding(check, Verdict.WRONG, f"{there} cannot be written", remedy)
    free = shutil.disk_usage(there).free
    room = f"{directory}: {free / 1e9:.1f} GB free"
    held = ", a node has run here" if (directory / LOCK).exists() else ", not used yet"
    if free < FREE_TOO_LOW:
        remedy = "make room: a node on a full disk takes no tasks"
        return Finding(check, Verdict.WRONG, room, remedy)
    if free < FREE_LOW:
        return Finding(check, Verdict.WARNING, room, "make room before it is full")
    return Finding(check, Verdict.OK, room + held)


def refused(directory: Path) -> Finding:
    """Whether the node of this directory keeps refusing messages."""
    check = "refused messages"
    try:
        reader = JournalReader.peek(directory)
    except JournalError as error:
        return Finding(check, Verdict.NOT_CHECKED, str(error))
    try:
        latest = reader.quarantined(100)
    except JournalError as error:
        return Finding(check, Verdict.NOT_CHECKED, str(error))
    finally:
        reader.close()
    day = [one for one in latest if one.at > time.time() - 86_400]
    if not day:
        return Finding(check, Verdict.OK, "none in the last day")
    many = f"{len(day)}{' or more' if len(day) == 100 else ''} in the last day"
    senders = ", ".join(sorted({one.sender or "?" for one in day})[:5])
    found = f"{many}, of {senders}"
    return Finding(check, Verdict.WARNING, found, "`forgebus quarantine` shows them")


def journal(directory: Path) -> Finding:
    """Whether the journal there can be read, and whether a damaged one was set aside lately."""
    check = "journal"
    try:
        with JournalReader.peek(directory) as reader:
            lost, version = lately_lost(reader), reader.version
    except JournalDamagedError as error:
        remedy = "stop and start the node: it keeps what can be read"
        return Finding(check, Verdict.WRONG, str(error), remedy)
    except JournalError as error:
        return Finding(check, Verdict.NOT_CHECKED, str(error))
    if lost:
        remedy = "look at the disk; restore a backup if what is lost matters"
        return Finding(check, Verdict.WARNING, lost.removeprefix("; "), remedy)
    found = f"schema {version}; `forgebus journal check` looks at every row"
    return Finding(check, Verdict.OK, found)
