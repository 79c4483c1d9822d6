"""A small world of nodes, apps and a broker, in memory, in one thread, the same for the same script.

Several homes, contractors and requesters run their real machines under one scheduler. Messages are lost,
doubled, delayed and wait in line; nodes crash before a commit and between a commit and what it sends, stand
still, or are cut off; clocks run at different rates; the broker forgets everything; until the storm is over.
Then the weather is fair. `machine_ledger` looks at every step and at the rest after it.
"""

import heapq
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from machine_apps import HOSTILE_QUALITY, App, Mallory
from machine_broker import Broker
from machine_ledger import Broken, Ledger
from machine_node import Node
from machine_script import (
    APPS,
    HOSTILE,
    STORM_S,
    Ask,
    Cancel,
    Crash,
    Cut,
    Event,
    Lie,
    Mishap,
    Pause,
    Quit,
    Script,
    Wipe,
    chances,
    shrunk,
)

from daemon.actions import CONTRACT

CALM_S = 260.0
"""Long enough for the longest deadline, the longest pause of any repeat, and a lease or two."""
LONGEST_S = 60.0
"""No pause and no cut lasts longer."""
MOST_STEPS = 300_000


class World:
    """One run. `mishaps` are those that have befallen it so far."""

    def __init__(self, script: Script, storm_s: float = STORM_S) -> None:
        self.script = script
        self.setting = script.setting
        self.now = 0.0
        self.calm = False
        untouched = all(isinstance(event, Ask | Cancel) for event in script.events)
        self.only_slow = untouched and self.setting.only_slow
        self.mishaps: dict[str, Mishap] = {}
        self._storm_s = storm_s
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self.steps = 0
        self._count = 0
        self._names: Counter[str] = Counter()
        self.ledger = Ledger(self)
        self.broker = Broker(self, self.setting.hop_s, self.setting.capacity)
        self.apps = {name: App(self, name) for name in APPS}
        self.nodes = {each.name: Node(self, each, self.setting) for each in self.setting.machines}
        for app in self.apps.values():
            self.broker.enrol(app)
        for node in self.nodes.values():
            self.broker.enrol(node)
        for name, node in self.nodes.items():
            node.disk.watch = partial(self.ledger.writes, name)
            node.start()
        if self.setting.hostile:
            mallory = Mallory(self)
            self.broker.enrol(mallory)
            mallory.announce()
        for event in script.events:
            self.at(event.at, partial(self.happen, event))
        self.at(storm_s, self._clear_up)

    def run(self) -> "World":
        """Until long after the storm. Raises Broken."""
        self.until(self._storm_s + CALM_S)
        self.ledger.at_rest()
        return self

    def until(self, when: float) -> None:
        """Let time pass. Raises Broken."""
        check, most = self.ledger.after_each_step, self.steps + MOST_STEPS
        while self._events and self._events[0][0] <= when:
            self.now, _, act = heapq.heappop(self._events)
            act()
            check()
            self.steps += 1
            if self.steps > most:
                raise Broken(f"P1: it does not come to rest at {self.now}")
        self.now = max(self.now, when)

    def fair_weather(self) -> None:
        """No more mishaps, everyone is back, and time enough; then there is nothing left to do."""
        self.calm = True
        self.until(self.now + LONGEST_S + CALM_S)
        self.ledger.at_rest()
        self.calm = False

    def weather(self, **odds: float) -> None:
        """From now on mishaps happen with these probabilities (of `Setting`)."""
        self.setting = replace(self.setting, **odds)  # type: ignore[arg-type]

    # --- time and chance -------------------------------------------------------------------------

    def at(self, when: float, act: Callable[[], None]) -> None:
        """Do it then."""
        self._count += 1
        heapq.heappush(self._events, (max(when, self.now), self._count, act))

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        """Do it in so many seconds."""
        self.at(self.now + seconds, act)

    def chances(self, name: str) -> tuple[float, float, float, float]:
        """Four numbers of 0 to 1 that belong to this world and this name."""
        return chances(self.script.seed, name)

    def number(self, name: str) -> int:
        """A number of 64 bits, likewise."""
        return int(self.chances(name)[0] * 2**32) << 32 | int(self.chances(name)[1] * 2**32)

    # --- mishaps ---------------------------------------------------------------------------------

    def copies(self, key: str) -> Mishap:
        """How late each copy of a message arrives; none when it is lost."""
        return self._mishap(key, self._weathered) if self._rough else _PLAIN

    @property
    def _rough(self) -> bool:
        setting = self.setting
        replayed = self.script.mishaps is not None
        return not self.calm and (replayed or setting.loss + setting.double + setting.late > 0)

    def _weathered(self, key: str) -> Mishap:
        setting = self.setting
        lost, double, late, how_late = self.chances(key)
        if lost < setting.loss:
            return ()
        delay = 3.0 * how_late if late < setting.late else 0.0
        return (delay, 3.0 * (1.0 - how_late)) if double < setting.double else (delay,)

    def falls(self, key: str, sends: int) -> tuple[int, float] | None:
        """Whether the node dies at this commit: after how many sends (-1: before it), and back when."""

        def drawn(name: str) -> Mishap:
            dies, where, back, _ = self.chances(name)
            if dies >= self.setting.crash:
                return _PLAIN
            return (int(where * (sends + 2)) - 1.0, (0.5, 3.0, 20.0)[int(back * 3)])

        self._names[key] += 1
        if self.calm:
            return None
        how = self._mishap(f"{key} #{self._names[key]}", drawn)
        return None if how == _PLAIN else (min(int(how[0]), sends), how[1])

    def refuses(self, key: str) -> bool:
        """Whether the disk is full for a new task."""

        def drawn(name: str) -> Mishap:
            return () if self.chances(name)[0] < self.setting.full_disk else _PLAIN

        self._names[key] += 1
        if self.calm:
            return False
        return self._mishap(f"{key} #{self._names[key]}", drawn) != _PLAIN

    def _mishap(self, key: str, draw: Callable[[str], Mishap]) -> Mishap:
        """As the script says, or as it is drawn; noted when it is one."""
        told = self.script.mishaps
        how = draw(key) if told is None else told.get(key, _PLAIN)
        if how != _PLAIN:
            self.mishaps[key] = how
        return how

    # --- what happens ----------------------------------------------------------------------------

    def happen(self, event: Event) -> None:
        """An event of the script, now."""
        match event:
            case Ask(_, app, home, submit):
                self.apps[app].ask(home, submit)
            case Cancel(_, app, id_):
                self.apps[app].cancel(id_)
            case Crash(_, node, back_s, forgets):
                self.nodes[node].crash(back_s)
                if forgets:
                    self.nodes[node].disk.empty(CONTRACT)
            case Pause(_, node, s):
                self._pause(self.nodes[node], self._within_storm(s))
            case Cut(_, who, s):
                self.broker.cut(who, self._within_storm(s))
            case Wipe(_, s):
                self.broker.wipe(s)
            case Quit(_, app):
                self.apps[app].quit()
            case Lie(_, home, message):
                self.broker.send(HOSTILE, home, message)

    def quality(self, node: str) -> float:
        """How good a node's answers are, as all can see."""
        if node == HOSTILE:
            return HOSTILE_QUALITY
        return self.nodes[node].quality if node in self.nodes else 0.0

    def _pause(self, node: Node, s: float) -> None:
        if node.up:
            node.frozen_until = max(node.frozen_until, self.now + s)
            self.later(s, partial(self._thaw, node))

    def _thaw(self, node: Node) -> None:
        if node.up and node.frozen_until <= self.now and not self.broker.reach(node.name):
            self.broker.link(node.name)

    def _within_storm(self, s: float) -> float:
        return max(0.0, min(s, self._storm_s - self.now))

    def _clear_up(self) -> None:
        self.calm = True


_PLAIN: Mishap = (0.0,)


def broken(script: Script) -> str:
    """What a run breaks; "" when every promise is kept."""
    try:
        World(script).run()
    except Broken as fault:
        return str(fault)
    return ""


def shortest(script: Script) -> str:
    """A failing run as the shortest script found for it, for a person to read."""
    world = World(script)
    try:
        world.run()
    except Broken:
        small, said = shrunk(script.whole(world.mishaps), broken)
        return f"{said}\n{small}"
    return ""
