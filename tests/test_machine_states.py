"""The same machines under rules that hypothesis picks: any order of asks and blows, and fair weather in between.

After fair weather everything that was asked has ended, each promise was kept on the way, and nothing is left
over; whatever comes next begins from there. A failing example is told as the shortest list of rules.
"""

from functools import partial
from random import Random
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from machine_script import (
    APPS,
    Ask,
    Cancel,
    Crash,
    Cut,
    Event,
    Lie,
    Machine,
    Pause,
    Quit,
    Script,
    Setting,
    Wipe,
    lie,
)
from machine_world import World
from msgspec import Raw

from bus_topics import messages as m
from bus_topics.messages import Preference, Privacy

MACHINES = (
    Machine("desk", slots=1, quality=0.4, offset=7e4, rate=0.97),
    Machine("pi4", slots=2, quality=0.6, offset=100.0, rate=1.03),
    Machine("pi5", able=False),
)
NAMES = tuple(machine.name for machine in MACHINES)
PROBABLE = st.sampled_from([0.0, 0.1, 0.4])


class Storms(RuleBasedStateMachine):
    """Three nodes, one of which can only be a home, two apps, and a hostile login."""

    @initialize(seed=st.integers(0, 999), max_tasks=st.sampled_from([2, 50]), bad=PROBABLE)
    def begin(self, seed: int, max_tasks: int, bad: float) -> None:
        setting = Setting(
            MACHINES,
            loss=bad,
            double=bad,
            late=bad,
            crash=bad / 8,
            max_tasks=max_tasks,
            max_queue=2,
            hostile=True,
        )
        self.world = World(Script(seed, setting), storm_s=float("inf"))
        self.asked = 0

    @rule(
        home=st.sampled_from(NAMES),
        many=st.integers(1, 4),
        once=st.booleans(),
        options=st.fixed_dictionaries(
            {
                "privacy": st.sampled_from(list(Privacy)),
                "preference": st.sampled_from(list(Preference)),
                "deadline_ms": st.sampled_from([3_000, 20_000, 90_000]),
                "handoff": st.booleans(),
                "stream": st.booleans(),
            }
        ),
    )
    def ask(self, home: str, many: int, *, once: bool, options: dict[str, Any]) -> None:
        """Of both apps, under the same ids."""
        for number in range(self.asked, self.asked + many):
            for app in APPS:
                submit = m.Submit(
                    id=f"t{number}",
                    capability="echo",
                    content=Raw(f'"{app}{number}"'.encode()),
                    once=once,
                    **options,
                )
                self._now(Ask(0.0, app, home, submit))
        self.asked += many

    @rule(app=st.sampled_from(APPS), back=st.integers(1, 5))
    def cancel(self, app: str, back: int) -> None:
        self._now(Cancel(0.0, app, f"t{self.asked - back}"))

    @rule(seconds=st.sampled_from([0.001, 0.02, 0.2, 1.0, 6.0, 16.0, 40.0]))
    def wait(self, seconds: float) -> None:
        self.world.until(self.world.now + seconds)

    @rule(
        node=st.sampled_from(NAMES), back_s=st.sampled_from([0.0, 0.5, 20.0]), forgets=st.booleans()
    )
    def kill(self, node: str, back_s: float, *, forgets: bool) -> None:
        self._now(Crash(0.0, node, back_s, forgets=forgets))

    @rule(node=st.sampled_from(NAMES), s=st.sampled_from([1.0, 14.0, 50.0]))
    def stop(self, node: str, s: float) -> None:
        self._now(Pause(0.0, node, s))

    @rule(who=st.sampled_from([*NAMES, *APPS]), s=st.sampled_from([1.0, 20.0, 55.0]))
    def cut(self, who: str, s: float) -> None:
        self._now(Cut(0.0, who, s))

    @rule(s=st.sampled_from([0.0, 4.0]))
    def wipe(self, s: float) -> None:
        self._now(Wipe(0.0, s))

    @rule(app=st.sampled_from(APPS))
    def quit(self, app: str) -> None:
        self._now(Quit(0.0, app))

    @rule(seed=st.integers(0, 999), back=st.integers(1, 4))
    def lie(self, seed: int, back: int) -> None:
        """For a while, about tasks of late, to their homes."""
        random = Random(seed)
        for number in range(20):
            app, id_ = random.choice(APPS), f"t{self.asked - back}"
            home, _ = self.world.apps[app].submits.get(id_, (NAMES[0], None))
            event = Lie(0.0, home, lie(random, app, f"t{max(0, self.asked - back)}"))
            self.world.later(0.2 * number, partial(self.world.happen, event))

    @rule(loss=PROBABLE, double=PROBABLE, late=PROBABLE, crash=st.sampled_from([0.0, 0.1]))
    def weather(self, **odds: float) -> None:
        self.world.weather(**odds)

    @rule()
    def fair_weather(self) -> None:
        self.world.fair_weather()

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.fair_weather()

    def _now(self, event: Event) -> None:
        self.world.happen(event)


TestStorms = Storms.TestCase
TestStorms.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    database=None,
)
