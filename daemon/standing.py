"""How a node stands at one moment: everything that is shown of it, copied so that any thread may read it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from bus_topics import messages as m
from daemon.checkup import Checkup, Health
from daemon.config import Config
from daemon.contract import Phase as ContractPhase
from daemon.contractor import Contractor, Vitals
from daemon.home import Home
from daemon.pricing import Calibration
from daemon.roster import Roster
from daemon.tally import Tally
from daemon.task import Phase
from daemon.version import VERSION
from daemon.worker_jobs import Resident
from daemon.workers import Workers


@dataclass(frozen=True, slots=True)
class Standing:
    """One node, read in its own loop. Sizes of workers are MiB."""

    node: str
    boot: str
    version: str
    profile: str
    health: Health
    tally: Tally
    tasks: Mapping[Phase, int]
    max_tasks: int
    attempts: Mapping[ContractPhase, int]
    slots: int
    vitals: Vitals
    skills: tuple[m.Skill, ...]
    calibrations: Mapping[tuple[str, str], Calibration]
    workers: tuple[Resident, ...]
    nodes_live: int
    nodes_known: int


class Observer:
    """Reads one node; `tally` is what its edges count. For the loop's thread."""

    def __init__(
        self,
        config: Config,
        boot: str,
        checkup: Checkup,
        home: Home,
        contractor: Contractor,
        workers: Workers,
        roster: Roster,
    ) -> None:
        self.tally = Tally()
        self._config = config
        self._boot = boot
        self._checkup = checkup
        self._home = home
        self._contractor = contractor
        self._workers = workers
        self._roster = roster
        home.reputation.on_rate = self.tally.rated

    async def health(self) -> Health:
        """Whether the node is well; see `daemon.checkup`."""
        return await self._checkup.look()

    async def standing(self, now: float) -> Standing:
        """How it stands; `now` is the loop's time."""
        health = await self._checkup.look()
        holding = self._contractor.holding
        views = self._roster.nodes(now)
        return Standing(
            node=self._config.node.id,
            boot=self._boot,
            version=VERSION,
            profile=self._config.node.profile,
            health=health,
            tally=self.tally.copy(),
            tasks=Counter(self._home.phases()),
            max_tasks=self._config.auction.max_tasks,
            attempts={phase: holding(phase) for phase in ContractPhase},
            slots=self._config.work.slots,
            vitals=self._contractor.vitals,
            skills=self._contractor.skills(),
            calibrations=dict(self._home.reputation.known()),
            workers=tuple(self._workers.resident()),
            nodes_live=sum(view.online for view in views),
            nodes_known=len(views),
        )
