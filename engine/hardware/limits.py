"""What control groups leave to this process: memory, processor time, swap; versions 1 and 2.

A group's limit binds all groups below it, so each is read from our own group up to the root that
can be seen, and the smallest counts (Linux, Documentation/admin-guide/cgroup-v2.rst and
cgroup-v1/memory.rst). Where the path in /proc/self/cgroup is not below what is mounted, as in a
container without a namespace of its own, the mount itself is the process's group.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from engine.hardware.files import Files

# Version 1 writes "no limit" as the largest multiple of a page; no machine has half of that.
_UNLIMITED = 1 << 60
_DEEPEST = 64
_PROCESS = re.compile(r"[1-9]\d{0,9}", re.ASCII)
_ESCAPE = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Bound:
    """One limit: bytes it allows, bytes still free below it (None: not known), its file."""

    limit: int
    room: int | None
    where: str


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of /proc/self/mountinfo: what is mounted where."""

    device: str
    root: str
    point: str
    kind: str
    source: str
    options: tuple[str, ...]


def mounts(files: Files) -> list[Mount]:
    """What is mounted, in the order of mounting; lines of another form are left out."""
    found = []
    for line in (files.text("/proc/self/mountinfo") or "").splitlines():
        before, dash, after = line.partition(" - ")
        first, last = before.split(), after.split()
        if dash and len(first) >= 6 and len(last) >= 2:
            options = tuple(last[2].split(",")) if len(last) > 2 else ()
            root, point, source = (_plain(part) for part in (first[3], first[4], last[1]))
            found.append(Mount(first[2], root, point, last[0], source, options))
    return found


def memory_bounds(files: Files, table: list[Mount]) -> list[Bound]:
    """Every memory limit on the way up."""
    bounds = []
    for folder in _groups(files, table, ""):
        usage = _usage(files, folder, "memory.current", "")
        for name in ("memory.max", "memory.high"):
            bounds += _bound(files, f"{folder}/{name}", usage)
    for folder in _groups(files, table, "memory"):
        usage = _usage(files, folder, "memory.usage_in_bytes", "total_")
        bounds += _bound(files, f"{folder}/memory.limit_in_bytes", usage)
        # A container may not see the groups above its own, but this sum of them.
        above = _counter(files, f"{folder}/memory.stat", "hierarchical_memory_limit")
        if above is not None and above < _UNLIMITED:
            bounds.append(Bound(above, _room(above, usage), f"{folder}/memory.stat"))
    return bounds


def swap_limit(files: Files, table: list[Mount]) -> int | None:
    """The smallest limit of swap on the way up; version 2 alone has one of its own."""
    limits = [
        bound.limit
        for folder in _groups(files, table, "")
        for bound in _bound(files, f"{folder}/memory.swap.max", None)
    ]
    return min(limits, default=None)


def cpu_quota(files: Files, table: list[Mount]) -> float | None:
    """Processor seconds a second; None without a limit."""
    quotas = []
    for folder in _groups(files, table, ""):
        told = (files.line(f"{folder}/cpu.max") or "max").split()
        quotas += _quota(*told) if len(told) == 2 else []
    for folder in _groups(files, table, "cpu"):
        # -1 is "no limit".
        share = files.signed(f"{folder}/cpu.cfs_quota_us")
        period = files.number(f"{folder}/cpu.cfs_period_us")
        if share is not None and period is not None:
            quotas += _quota(str(share), str(period))
    return min(quotas, default=None)


def our_processes(files: Files, table: list[Mount]) -> list[int]:
    """Those in our own control group, as our process numbers."""
    for controller in ("", "cpu"):
        own = next(_groups(files, table, controller))
        told = files.text(f"{own}/cgroup.procs")
        if told:
            return [int(line) for line in told.split() if _PROCESS.fullmatch(line)]
    return []


def _groups(files: Files, table: list[Mount], controller: str) -> Iterator[str]:
    """Folders of our group and those above, in version 2 ("") or of a version 1 controller."""
    kind = "cgroup" if controller else "cgroup2"
    fallback = f"/sys/fs/cgroup/{controller}".rstrip("/")
    root, point = "/", fallback
    for mount in table:
        if mount.kind == kind and (not controller or controller in mount.options):
            root, point = mount.root, mount.point.rstrip("/")
            break
    parts = _below(_own(files, controller), root)
    for depth in range(len(parts), -1, -1):
        yield "/".join((point, *parts[:depth]))


def _own(files: Files, controller: str) -> str:
    for line in (files.text("/proc/self/cgroup") or "").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controller in controllers.split(",") if controller else number == "0":
            return path
    return "/"


def _below(own: str, root: str) -> list[str]:
    if root != "/":
        if own != root and not own.startswith(root + "/"):
            return []
        own = own.removeprefix(root)
    parts = [part for part in own.split("/") if part]
    return [] if ".." in parts else parts[:_DEEPEST]


def _bound(files: Files, path: str, usage: int | None) -> list[Bound]:
    if files.line(path) in {None, "max"}:
        return []
    limit = files.number(path)
    if limit is None or limit >= _UNLIMITED:
        return []
    return [Bound(limit, _room(limit, usage), path)]


def _room(limit: int, usage: int | None) -> int | None:
    return None if usage is None else max(0, limit - usage)


def _usage(files: Files, folder: str, name: str, prefix: str) -> int | None:
    """What cannot be had back: the kernel counts file pages that it would drop as used.

    Those touched twice ("active") are dropped too before anything fails; MemAvailable counts so.
    """
    used = files.number(f"{folder}/{name}")
    if used is None:
        return None
    pages = (f"{prefix}inactive_file", f"{prefix}active_file")
    cached = sum(_counter(files, f"{folder}/memory.stat", each) or 0 for each in pages)
    return max(0, used - cached)


def _counter(files: Files, path: str, name: str) -> int | None:
    found = re.search(rf"^{name} (\d{{1,20}})$", files.text(path) or "", re.ASCII | re.MULTILINE)
    return int(found[1]) if found else None


def _quota(share: str, period: str) -> list[float]:
    if not (share.isdecimal() and period.isdecimal() and len(share + period) < 40):
        return []
    return [int(share) / int(period)] if int(share) and int(period) else []


def _plain(field: str) -> str:
    r"""A field of mountinfo, in which a space is written \040."""
    return _ESCAPE.sub(lambda found: chr(int(found[1], 8)), field)
