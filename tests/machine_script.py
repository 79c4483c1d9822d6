"""What happens in one run of the small world, as values: a setting, events, and mishaps.

A seed draws a setting and events; the mishaps of single messages and commits are drawn as they come, each
from the seed and its own name ("pi4>desk bid app/t3 #2"), so that leaving one out leaves the others as
they are. A run notes them; `Script.whole` has them all and runs the same, and `shrunk` leaves out whatever
a failure does not need.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from random import Random
from struct import unpack

from msgspec import Raw

from bus_topics import codec
from bus_topics import messages as m
from bus_topics.messages import Privacy

STORM_S = 60.0
NODES = ("desk", "pi4", "pi5", "attic", "shed")
TRUSTED = "pi5"
"""The one other node that a home lets see private content."""
APPS = ("app", "web")
HOSTILE = "mallory"
QUALITIES = (0.3, 0.4, 0.6, 0.9)
DEADLINES_MS = (3_000, 20_000, 60_000, 90_000)

Mishap = tuple[float, ...]
"""Of a message: the delay of each copy that arrives, none when it is lost. Of a commit: the number of messages
sent before the crash (-1: the commit did not happen), and the time until the node is back. Of an admission
that the disk refuses: nothing."""


@dataclass(frozen=True)
class Machine:
    """One node: how it is made. Its clock shows `offset + rate * t`."""

    name: str
    slots: int = 1
    quality: float = 0.6
    able: bool = True
    offset: float = 0.0
    rate: float = 1.0


@dataclass(frozen=True)
class Setting:
    """What stays the same in a run. The first five are probabilities of mishaps, each per message or commit."""

    machines: tuple[Machine, ...]
    loss: float = 0.0
    double: float = 0.0
    late: float = 0.0
    crash: float = 0.0
    full_disk: float = 0.0
    hop_s: float = 0.003
    capacity: float = 5_000.0
    """Messages that the broker passes on per second; more wait in line."""
    max_tasks: int = 50
    max_queue: int = 4
    hostile: bool = False

    @property
    def only_slow(self) -> bool:
        """Whether nothing is lost and nobody falls: only distance and a busy broker."""
        return not (self.loss or self.crash or self.full_disk or self.hostile)


@dataclass(frozen=True)
class Ask:
    """An app submits."""

    at: float
    app: str
    home: str
    submit: m.Submit


@dataclass(frozen=True)
class Cancel:
    """An app no longer wants it."""

    at: float
    app: str
    id: str


@dataclass(frozen=True)
class Crash:
    """A node is killed, and comes back after `back_s`.

    With `forgets` its operator has meanwhile restored what it knew as a contractor from an old backup.
    """

    at: float
    node: str
    back_s: float
    forgets: bool = False


@dataclass(frozen=True)
class Pause:
    """A node stands still for `s`, as after SIGSTOP."""

    at: float
    node: str
    s: float


@dataclass(frozen=True)
class Cut:
    """A node or an app is cut off from the broker for `s`."""

    at: float
    who: str
    s: float


@dataclass(frozen=True)
class Wipe:
    """The broker is killed, forgets everything, and is back after `s`."""

    at: float
    s: float


@dataclass(frozen=True)
class Quit:
    """An app is killed; its next life submits again what had not ended."""

    at: float
    app: str


@dataclass(frozen=True)
class Lie:
    """The hostile login sends this to a home, under its own name: the broker lets it use no other."""

    at: float
    home: str
    message: m.Message


Event = Ask | Cancel | Crash | Pause | Cut | Wipe | Quit | Lie


@dataclass(frozen=True)
class Script:
    """A whole run. `mishaps` None: they are drawn as they come."""

    seed: int
    setting: Setting
    events: tuple[Event, ...] = ()
    mishaps: Mapping[str, Mishap] | None = field(default=None, hash=False)

    def whole(self, mishaps: Mapping[str, Mishap]) -> "Script":
        """The same with all its mishaps, as a run has noted them."""
        return replace(self, mishaps=dict(mishaps))

    def __str__(self) -> str:
        """As a person reads it."""
        lines = [f"seed {self.seed}", _setting(self.setting)]
        lines += [f"{event.at:8.3f}  {_event(event)}" for event in sorted(self.events, key=_at)]
        lines += [f"          {_mishap(key, how)}" for key, how in (self.mishaps or {}).items()]
        return "\n".join(lines)


def drawn(seed: int) -> Script:
    """The run of a seed: any weather, from none of it to all of it."""
    random = Random(seed)
    machines = tuple(
        Machine(
            name,
            slots=random.choice([1, 2]),
            quality=random.choice(QUALITIES),
            able=not number or random.random() < 0.8,
            offset=random.uniform(0, 1e5),
            rate=random.uniform(0.97, 1.03),
        )
        for number, name in enumerate(random.sample(NODES, random.choice([2, 3, 3, 4, 5])))
    )
    kind = random.random()
    setting = Setting(
        machines,
        double=random.choice([0.0, 0.1, 0.3]),
        late=random.choice([0.0, 0.1, 0.3]),
        max_tasks=random.choice([2, 50, 50]),
        max_queue=random.choice([1, 4]),
    )
    if kind < 0.15:  # nothing but a broker that is slow or far away
        far = random.choice([0.003, 0.3, 0.8])
        slow = replace(
            setting, double=0.0, late=0.0, hop_s=far, capacity=random.choice([20.0, 60.0, 5_000.0])
        )
        setting = replace(slow, max_tasks=50, max_queue=4)
        return Script(seed, setting, tuple(_asks(random, setting, burst=True)))
    setting = replace(
        setting,
        loss=random.choice([0.0, 0.05, 0.2, 0.4]),
        crash=random.choice([0.0, 0.03, 0.1]),
        full_disk=random.choice([0.0, 0.1]),
        hop_s=random.choice([0.003, 0.003, 0.3]),
        capacity=random.choice([60.0, 5_000.0, 5_000.0]),
        hostile=random.random() < 0.3,
    )
    events = _asks(random, setting, burst=random.random() < 0.3)
    return Script(seed, setting, (*events, *_blows(random, setting, events)))


def clear(seed: int) -> Script:
    """The same asks on the same machines, with nothing in their way."""
    script = drawn(seed)
    fair = Setting(script.setting.machines)
    asks = tuple(event for event in script.events if isinstance(event, Ask | Cancel))
    return Script(seed, fair, asks)


def chances(seed: int, name: str) -> tuple[float, float, float, float]:
    """Four numbers of 0 to 1 that belong to this seed and this name."""
    digest = blake2b(f"{seed} {name}".encode(), digest_size=16).digest()
    a, b, c, d = unpack("<4I", digest)
    return a / 2**32, b / 2**32, c / 2**32, d / 2**32


def shrunk(
    script: Script, fails: Callable[[Script], str], most_runs: int = 600
) -> tuple[Script, str]:
    """The shortest script found that still breaks the same promise, and how it does.

    `fails` runs one and says what broke, "" when nothing did. Parts are left out by halves, then by ever
    smaller pieces, until none can be (Zeller and Hildebrandt, 2002), or `most_runs` were made.
    """
    said = fails(script)
    promise = said.partition(":")[0]
    parts: list[Event | tuple[str, Mishap]] = [*script.events, *(script.mishaps or {}).items()]
    runs, pieces = 0, 2
    while parts and runs < most_runs:
        size = max(1, len(parts) // pieces)
        for start in range(0, len(parts), size):
            fewer = parts[:start] + parts[start + size :]
            runs += 1
            now = fails(_of(script, fewer))
            if now.partition(":")[0] == promise:
                parts, said = fewer, now
                pieces = max(2, pieces - 1)
                break
            if runs >= most_runs:
                break
        else:
            if size == 1:
                break
            pieces = min(len(parts), pieces * 2)
    return _of(script, parts), said


def _of(script: Script, parts: Sequence[Event | tuple[str, Mishap]]) -> Script:
    events = tuple(part for part in parts if not isinstance(part, tuple))
    return replace(script, events=events, mishaps=dict(p for p in parts if isinstance(p, tuple)))


def _asks(random: Random, setting: Setting, *, burst: bool) -> list[Event]:
    """Both apps use the same ids: they are not the same tasks."""
    events: list[Event] = []
    names = [machine.name for machine in setting.machines]
    for app in APPS:
        start = random.uniform(0.5, STORM_S * 0.5)
        for number in range(random.choice([2, 4, 6])):
            at = start + number * 0.01 if burst else random.uniform(0.0, STORM_S * 0.8)
            submit = m.Submit(
                id=f"t{number}",
                capability="echo",
                content=Raw(f'"{app}{number}"'.encode()),
                once=random.random() < 0.5,
                privacy=random.choice([Privacy.OPEN, Privacy.OPEN, Privacy.PRIVATE]),
                preference=random.choice(list(m.Preference)),
                deadline_ms=random.choice(DEADLINES_MS),
                priority=random.randint(0, 9),
                stream=random.random() < 0.2,
                handoff=random.choice([None, None, True, False]),
            )
            events.append(Ask(at, app, random.choice(names), submit))
            if random.random() < 0.2:
                events.append(Cancel(at + random.choice([0.02, 1.0, 8.0]), app, submit.id))
    return events


def _blows(random: Random, setting: Setting, asks: Sequence[Event]) -> list[Event]:
    """What befalls nodes, apps and the broker, whatever they are doing."""
    names = [machine.name for machine in setting.machines]
    pick = random.choice

    def times() -> list[float]:
        """None at all in half of the runs; else at any time, or when something has just been asked."""
        return [
            pick([random.uniform(0.0, STORM_S), pick(asks).at + random.uniform(0.0, 2.0)])
            for _ in range(pick([0, 0, 1, 3]))
        ]

    events: list[Event] = [
        Crash(at, pick(names), pick([0.5, 3.0, 20.0]), forgets=pick([False, False, True]))
        for at in times()
    ]
    events += [Pause(at, pick(names), pick([3.0, 14.0, 50.0])) for at in times()]
    events += [Cut(at, pick([*names, *APPS]), pick([5.0, 20.0, 55.0])) for at in times()]
    events += [Wipe(at, pick([0.2, 4.0])) for at in times()]
    events += [Quit(at, pick(APPS)) for at in times()]
    if setting.hostile:
        for _ in range(40):
            ask = pick([event for event in asks if isinstance(event, Ask)])
            said = lie(random, ask.app, ask.submit.id)
            events.append(Lie(ask.at + random.uniform(0.0, 15.0), ask.home, said))
    return events


def lie(random: Random, app: str, id_: str) -> m.Message:
    """Something about a task of another, whose id is easily guessed."""
    attempt = random.choice([1, 1, 2, 3])
    task, boot = f"{app}/{id_}", "0" * 16
    return random.choice(
        [
            m.Result(task=task, attempt=attempt, outcome=m.Outcome.DONE, result=Raw(b'"forged"')),
            m.Result(task=task, attempt=attempt, outcome=m.Outcome.FAILED, error="forged"),
            m.Started(task=task, attempt=attempt, boot=boot),
            m.Claim(task=task, attempt=attempt, boot=boot),
            m.Refuse(task=task, attempt=attempt, reason="forged"),
            m.Beat(boot=boot, held=(m.Held(task=task, attempt=attempt),)),
            m.Cancel(id=id_),
            m.FinalAck(ids=(id_,)),
            m.Submit(id=id_, capability="echo", content=Raw(b'"squatted"'), deadline_ms=20_000),
        ]
    )


def _at(event: Event) -> float:
    return event.at


def _setting(setting: Setting) -> str:
    weather = ", ".join(
        f"{name} {getattr(setting, name):g}"
        for name in (
            "loss double late crash full_disk hop_s capacity max_tasks max_queue hostile".split()
        )
    )
    nodes = "\n".join(
        f"          {each.name}: {each.slots} slots, quality {each.quality:g}, clock x {each.rate:.3f}"
        f"{'' if each.able else ', home only'}"
        for each in setting.machines
    )
    return f"          {weather}\n{nodes}"


def _event(event: Event) -> str:
    match event:
        case Ask(_, app, home, submit):
            said = f"{submit.deadline_ms} ms, {submit.preference}, {submit.privacy}"
            once = ", once" if submit.once else ""
            return f"{app} submits {submit.id} to {home}: {said}{once}, handoff {submit.handoff}"
        case Cancel(_, app, id_):
            return f"{app} cancels {id_}"
        case Crash(_, node, back_s, forgets):
            backup = ", its contracts from an old backup" if forgets else ""
            return f"{node} is killed, back after {back_s:g} s{backup}"
        case Pause(_, node, s):
            return f"{node} stands still for {s:g} s"
        case Cut(_, who, s):
            return f"{who} is cut off for {s:g} s"
        case Wipe(_, s):
            return f"the broker forgets everything, back after {s:g} s"
        case Quit(_, app):
            return f"{app} is killed"
        case Lie(_, home, message):
            said = codec.encode(message).decode()
            return f"{HOSTILE} sends {home} {type(message).__name__} {said}"


def _mishap(key: str, how: Mishap) -> str:
    if " admits " in key:
        return f"{key}: the disk is full"
    if " writes " in key:
        sent, back_s = how
        when = "before the commit" if sent < 0 else f"after the commit and {sent:.0f} messages"
        return f"{key}: killed {when}, back after {back_s:g} s"
    return f"{key}: " + (" and ".join(f"{delay:.3f} s late" for delay in how) or "lost")
