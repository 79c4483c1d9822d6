"""A contractor in its shop, in memory: hand it messages, end its runs, move the clock by hand."""

from collections.abc import Sequence
from typing import Any

from machine_desk import sent
from machine_disk import Disk, entry
from msgspec import Raw

from bus_topics import messages as m
from bus_topics.messages import Outcome
from daemon.actions import CONTRACT, FACT, Action, Forget, Halt, Run, Save
from daemon.config import WorkConfig
from daemon.contract import Contract, Kept, contract_key
from daemon.contractor import Contractor
from handlers.protocol import Usage

HOME = "desk"


class Shop:
    """The node `pi` with what it has on disk. Work takes as long as `end` says it did."""

    def __init__(self, **work: Any) -> None:
        self.now = 1000.0
        self.disk = Disk()
        self.work = WorkConfig(**work)
        self.lives = 0
        self.restart()

    def restart(self) -> list[Action]:
        """A new life, from the disk."""
        self.lives += 1
        self.boot = f"{self.lives:08x}"
        entries = {"echo": entry("echo"), "slow": entry("slow")}
        entries["many"] = entry("many", together=3)
        self.pi = Contractor("pi", self.boot, self.work, entries, 5.0, 15.0)
        actions: list[Action] = []
        for row in list(self.disk.table(FACT)):
            self.pi.restore_speed(row.key, row.rev, row.state)
        for row in list(self.disk.table(CONTRACT)):
            kept = Kept.from_state(row.state, 0.0)
            actions += self.do(self.pi.restore(kept, row.phase, self.now))
        return actions

    def award(self, task: str = "app/t", attempt: int = 1, **changes: Any) -> list[Action]:
        """An attempt is given to us."""
        home = changes.pop("home", HOME)
        return self.hear(award(task, attempt, **changes), home)

    def hear(self, message: m.Message, home: str = HOME) -> list[Action]:
        """A message comes in."""
        return self.do(self.pi.receive(home, message, self.now))

    def go(self, task: str = "app/t", attempt: int = 1, boot: str = "") -> list[Action]:
        """A claim is granted, to the life that runs now or to another."""
        return self.hear(m.Go(task=task, attempt=attempt, boot=boot or self.boot))

    def stop(self, task: str = "app/t", attempt: int = 1) -> list[Action]:
        """An attempt is no longer wanted."""
        return self.hear(m.Stop(task=task, attempt=attempt))

    def judge(self, task: str = "app/t", attempt: int = 1, *, kept: bool = True) -> list[Action]:
        """A result is judged."""
        settled = m.Settled(task=task, attempt=attempt, kept=kept)
        return self.hear(m.Verdict(settled=(settled,)))

    def end(
        self,
        task: str = "app/t",
        attempt: int = 1,
        outcome: Outcome = Outcome.DONE,
        usage: Usage | None = None,
        timing: m.Timing | None = None,
    ) -> list[Action]:
        """A worker ends an attempt."""
        answer = Raw(b'"hello"') if outcome is Outcome.DONE else None
        result = m.Result(
            task=task,
            attempt=attempt,
            outcome=outcome,
            result=answer,
            timing=timing or m.Timing(run_ms=100.0),
        )
        key = contract_key(HOME, task, attempt)
        return self.do(self.pi.finished(key, result, usage, self.now))

    def until(self, seconds: float) -> list[Action]:
        """Time passes, and every timer has its turn."""
        end, actions = self.now + seconds, []
        while (due := self.pi.wake()) <= end:
            self.now = max(self.now, due)
            actions += self.do(self.pi.tick(self.now))
        self.now = end
        return actions

    def frozen(self, seconds: float) -> list[Action]:
        """Time passes, and nothing of ours runs; then the timers do."""
        self.now += seconds
        return self.do(self.pi.tick(self.now))

    def do(self, actions: Sequence[Action]) -> list[Action]:
        """To disk what belongs there."""
        self.disk.write([action for action in actions if isinstance(action, Save | Forget)])
        return list(actions)

    def contract(self, task: str = "app/t", attempt: int = 1) -> Contract | None:
        """How an attempt stands; None when it is gone."""
        return self.pi._contracts.get(contract_key(HOME, task, attempt))

    def stored(self) -> dict[str, str]:
        """The contracts on disk, each with its phase."""
        return {row.key: row.phase for row in self.disk.table(CONTRACT)}


def award(task: str = "app/t", attempt: int = 1, **changes: Any) -> m.Award:
    """An attempt with its content."""
    values: dict[str, Any] = {"task": task, "attempt": attempt, "capability": "echo"}
    values |= {"content": Raw(b'"hello"'), "lease_ms": 15_000, "deadline_ms": 60_000}
    return m.Award(**(values | changes))


def runs(actions: Sequence[Action]) -> list[str]:
    """The tasks that begin."""
    return [action.award.task for action in actions if isinstance(action, Run)]


def halts(actions: Sequence[Action]) -> list[Halt]:
    """The attempts that are stopped."""
    return [action for action in actions if isinstance(action, Halt)]


def refusals(actions: Sequence[Action]) -> list[tuple[str, int, str]]:
    """What is given back, and why."""
    return [(one.task, one.attempt, one.reason) for _, one in sent(actions, m.Refuse)]
