"""One node: a task's whole way through it, top to bottom.

    bus ─▶ _received ─▶ _dispatch ─▶ home / contractor / hub (pure: what to do)
                                          │ actions
        journal ◀── rows ── _carry_out ◀──┘
           │ on disk
           └─▶ _perform: acknowledge, then send, run, tell ─▶ bus, workers

Everything runs in one loop; nothing here decides anything. The order is the promise: validate, change,
commit, acknowledge, publish.
"""

import asyncio
import secrets
from collections.abc import Sequence
from functools import partial

import structlog

from bus_topics import codec, topics
from bus_topics import messages as m
from bus_topics.errors import UnknownTopic, WireError, WrongShape
from bus_topics.messages import Status
from daemon import hub, notify
from daemon.actions import (
    Action,
    Announce,
    Distrust,
    Halt,
    Publish,
    Reply,
    Run,
    Send,
    Tell,
    Word,
    parted,
)
from daemon.alarm import Alarm, every
from daemon.archive import Archive
from daemon.bus import Bus, Incoming
from daemon.checkup import Checkup
from daemon.config import Config
from daemon.contract import Phase, contract_key
from daemon.contractor import Contractor
from daemon.corrections import Corrections, with_learning
from daemon.display import STATE_S, Display
from daemon.gate import Gate
from daemon.home import Home
from daemon.journal_rescue import lately_lost, open_or_rescue
from daemon.keeper import Keeper
from daemon.node_state import Reader
from daemon.outcome import outcome_of
from daemon.owner import Owner
from daemon.post import Post
from daemon.presence import Change, Presence, offered, subscriptions, will
from daemon.pruning import prune
from daemon.restoring import restored
from daemon.roster import Roster
from daemon.standing import Observer
from daemon.tally import SYS_TOPICS
from daemon.vitals import Look, read_hardware, read_vitals, whole_machine
from daemon.voice import Voice
from daemon.worker_jobs import Done
from daemon.workers import Workers

REFRESH_S, VITALS_S, DRAIN_S, FLUSH_S = 20.0, 5.0, 10.0, 2.0
PRUNE_EVERY_S, SESSION_EXPIRY_S = 6 * 3600.0, 7 * 86_400
TAKEN, REFUSED = 0x00, 0x80

_log = structlog.get_logger("node")


class Node:
    """A running node. `run` returns after `stop`; whatever it was doing is drained or on disk."""

    def __init__(self, config: Config, *, boot: str = "", look: Look = whole_machine) -> None:
        self._journal = open_or_rescue(config.node.state_dir)
        config, auction = with_learning(config), config.auction
        self.id = config.node.id
        self.boot = boot or secrets.token_hex(8)
        self.roster = Roster()
        self._config = config
        self._look = look
        self._base = config.broker.base
        self._entries = offered(config)
        self._archive = Archive(self._journal)
        self._corrections = Corrections(config)
        self._contractor = Contractor(
            self.id, self.boot, config.work, self._entries, auction.beat_s, auction.lease_s
        )
        self._home = Home(
            self.id,
            auction,
            self.roster,
            self._contractor.quote,
            self._archive,
            lambda: secrets.token_hex(8),
            config.node.operators,
        )
        self._submit = self._corrections.guarded(self._home.submit)
        self._hub: hub.Hub[Incoming] = hub.Hub(
            self.id, self._base, self.roster, self._submit, lambda: f"ask-{secrets.token_hex(8)}"
        )
        self._workers = Workers(
            config.work,
            on_chunk=self._streamed,
            on_done=self._done,
            on_warm=self._contractor.warmed,
        )
        self._keeper = Keeper(self.id, config.node.operators, self._workers, self._entries)
        self._bus = Bus(
            config.broker,
            login=self.id,
            client_id=self.id,
            session_expiry_s=SESSION_EXPIRY_S,
            subscriptions=subscriptions(config, self._entries),
            on_message=self._received,
            on_link=self._linked,
            will=will(config),
        )
        self._post = Post(self.id, self._base, self._bus)
        self._presence = Presence(config, self.boot, self.roster, read_hardware(look))
        checkup = Checkup(self._bus, self._journal, self._fault)
        machines = self._home, self._contractor, self._workers, self.roster
        self.observer = Observer(config, self.boot, checkup, *machines)
        self._tally = self.observer.tally
        self._voice = Voice(self._post, self._tally, self._answered)
        self._owner = Owner(config, self._contractor, self._home, self._fault)
        reader = Reader(
            self.boot, self._home, self._contractor, self.roster, self._tally, self._owner
        )
        self._display = Display(config, self._bus, self._post, self._journal, reader, self._fault)
        self._gate = Gate(config.node.inbox_per_s, self._journal, self._tally)
        self._alarm = Alarm(self._tick)
        self._healthy = True
        self._stopping, self._ready, self._idle = asyncio.Event(), asyncio.Event(), asyncio.Event()

    # --- life ------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Start, run until `stop`, stop."""
        self._loop = asyncio.get_running_loop()
        self._journal.start(self._loop)
        async with asyncio.TaskGroup() as tasks:
            self._feel()
            running = [tasks.create_task(self._workers.run())]
            self._workers.preload(self._config.work.preload)
            self._restore()
            pruned = partial(prune, self._journal, self._config.auction)
            pruned()
            running += [
                tasks.create_task(self._bus.run()),
                tasks.create_task(every(REFRESH_S, self._announce)),
                tasks.create_task(every(VITALS_S, self._feel)),
                tasks.create_task(every(STATE_S, self._display.look)),
                tasks.create_task(every(PRUNE_EVERY_S, pruned)),
                tasks.create_task(every(notify.watchdog_interval_s() or 5.0, self._watchdog)),
            ]
            await self._stopping.wait()
            await self._drain()
            for task in running:
                task.cancel()
        self._alarm.cancel()
        self._journal.close()
        _log.info("stopped", node=self.id)

    def stop(self) -> None:
        """Ask `run` to end: no new bids, what runs may finish, what waits is given back."""
        notify.stopping()
        self._stopping.set()

    def _restore(self) -> None:
        """Take up the life before."""
        now, self._home.cut_off = self._loop.time(), True
        machines = self._home, self._contractor, self._owner, self._display
        self._carry_out(restored(self._archive, *machines, now))
        tasks = self._home.phases().total()
        _log.info("started", node=self.id, boot=self.boot, tasks=tasks)

    async def _drain(self) -> None:
        now = self._loop.time()
        self.roster.on_status(self.id, Status.OFFLINE, now)
        self._carry_out(self._contractor.drain(f"{self.id} is stopping", now))
        self._idle.clear()
        if self._contractor.holding(Phase.RUNNING):
            await asyncio.wait((self._loop.create_task(self._idle.wait()),), timeout=DRAIN_S)
        self._carry_out(self._home.reputation.lessons() + self._contractor.lessons())
        # First the results, then what we say of them as the home of their tasks: each once it is written.
        for _ in range(2):
            written = asyncio.Event()
            self._journal.commit((), written.set)
            await asyncio.wait((self._loop.create_task(written.wait()),), timeout=FLUSH_S)
        self._presence.status = Status.OFFLINE
        self._announce()  # after the results: what a home believes us to hold goes to others now
        await self._bus.flush(FLUSH_S)

    # --- what comes in ---------------------------------------------------------------------------

    def _received(self, incoming: Incoming) -> None:
        """Validate; what cannot be true goes to the quarantine and is acknowledged all the same."""
        if incoming.topic in SYS_TOPICS:
            self._tally.broker_said(incoming.topic, incoming.payload)
            return
        if self._display.hears(incoming):
            return
        now = self._loop.time()
        try:
            address = topics.parse(self._base, incoming.topic)
            if not self._gate.lets_in(address, incoming, now):
                return
            if incoming.retain and not address.topic.retain:
                # The broker would deliver it again on every connection: a task each time.
                raise WrongShape("a retained message; publish it without the retain flag")
            self._dispatch(address, incoming, now)
        except WireError as error:
            sender = incoming.topic.removeprefix(self._base).strip("/").split("/")
            told = sender[-2] if len(sender) > 2 else ""
            self._gate.put_aside(incoming, told, error.code, str(error), now)

    def _dispatch(self, address: topics.Address, incoming: Incoming, now: float) -> None:
        sender = address.sender
        self._tally.received[address.topic.name] += 1
        match address.topic.name:
            case "status":
                change = self._presence.hear_status(sender, incoming.payload, now)
                self._carry_out(self._noticed(change, now), incoming)
            case "card":
                live = self._ready.is_set() and not incoming.retain
                change = self._presence.hear_card(sender, incoming.payload, now, live=live)
                self._carry_out(self._noticed(change, now), incoming)
            case "offer":
                if sender != self.id:
                    offer = codec.decode(incoming.payload, m.Offer)
                    self._carry_out(self._contractor.receive(sender, offer, now), incoming)
            case "ask":
                self._asked(address, incoming, now)
            case "taken":
                taken = codec.decode(incoming.payload, m.Taken)
                held = self._hub.taken(taken.digest) if sender != self.id else None
                if held is not None:
                    held.ack()
                incoming.ack()
            case _ if address.to == self.id and address.topic.message is not None:
                message = codec.decode(incoming.payload, address.topic.message)
                if isinstance(message, m.Bid):
                    self._tally.bid(message, now)
                self._carry_out(self._told(sender, message, now), incoming)
            case _:
                raise UnknownTopic(f"{incoming.topic[:200]} is not for {self.id}")

    def _told(self, sender: str, message: m.Message, now: float) -> list[Action]:
        """The machine that the message is for decides. Raises WrongShape when it is for neither."""
        row = topics.BY_MESSAGE[type(message)]
        match row.reader:
            case "home" if isinstance(message, m.Submit) and self._stopping.is_set():
                reason, code = f"{self.id} is stopping", m.RejectCode.BUSY
                return [Send(sender, m.Rejected(id=message.id, code=code, reason=reason))]
            case "home" if isinstance(message, m.Submit):
                return self._submit(sender, message, now, None)
            case "home" | "home, requester":
                return self._home.receive(sender, message, now)
            case "contractor":
                return self._contractor.receive(sender, message, now)
            case "node" if isinstance(message, m.Set):
                return self._owner.receive(sender, message, now)
            case "node":
                return self._keeper.receive(sender, message)
            case reader:
                raise WrongShape(f"{row.name} is for a {reader}; {self.id} is a node")

    def _noticed(self, change: Change | None, now: float) -> list[Action]:
        """A node came, went or lives anew; or another one answers to our name."""
        match change:
            case Change(node, _) if node == self.id:
                self._presence.status = Status.CONFLICT
                self._announce()
                return self._contractor.drain(f"two nodes are called {self.id}", now)
            case Change(node, boot):
                return self._home.node_changed(node, boot, now)
            case None:
                return []

    def _asked(self, address: topics.Address, incoming: Incoming, now: float) -> None:
        way_back = incoming.response_topic, incoming.correlation
        asked = hub.Asked(address.sender, address.capability, incoming.payload, *way_back)
        actions, ours = self._hub.ask(asked, now, incoming)
        if ours is not None:
            self._carry_out(actions, incoming)
        self._arm()

    def _streamed(self, key: str, seq: int, text: str, fraction: float | None) -> None:
        self._carry_out(self._contractor.progressed(key, seq, text, fraction))

    def _done(self, key: str, done: Done) -> None:
        result, usage = outcome_of(key, done)
        self._tally.ran(result, usage)
        self._carry_out(self._contractor.finished(key, result, usage, self._loop.time()))
        if not self._contractor.holding(Phase.RUNNING):
            self._idle.set()

    # --- what goes out ---------------------------------------------------------------------------

    def _carry_out(self, actions: Sequence[Action], incoming: Incoming | None = None) -> None:
        """Rows to disk; then, and only then, the acknowledgement and everything else."""
        rows, rest, admitted = parted(actions)
        then = partial(self._perform, rest, incoming, admitted)
        if admitted and not self._journal.healthy:
            self._not_admitted(admitted, incoming, OSError(self._journal.fault))
        elif admitted:
            self._journal.commit(rows, then, partial(self._not_admitted, admitted, incoming))
        else:
            self._journal.commit(rows, then)
        self._arm()

    def _perform(self, actions: list[Action], incoming: Incoming | None, admitted: str) -> None:
        if incoming is not None:
            incoming.ack()
        for action in actions:
            match action:
                case Send(to, message) if to == self.id and type(message) in _NODES_ONLY:
                    self._loop.call_soon(self._told_by_us, message)
                case Send() | Publish() | Tell() | Word() | Reply():
                    self._voice.say(action)
                case Announce():
                    self._announce()
                case Run(home, award):
                    self._workers.submit(self._corrections.job(home, award))
                case Halt(home, task, attempt):
                    self._workers.cancel(contract_key(home, task, attempt))
                case Distrust(sender, code, reason) if incoming is not None:
                    now = self._loop.time()
                    self._gate.put_aside(incoming, sender, code, reason, now)
        if admitted:
            self._tally.accepted += 1
            self._carry_out(self._home.admitted(admitted, self._loop.time()))

    def _not_admitted(self, key: str, incoming: Incoming | None, error: Exception) -> None:
        """The disk takes nothing: no task; whoever asked is told to come back, and that settles it."""
        _log.error("not-accepted", task=key, error=str(error))
        self._perform(self._home.not_admitted(key), incoming, "")

    def _told_by_us(self, message: m.Message) -> None:
        """What we say to ourselves does not leave the process."""
        self._carry_out(self._told(self.id, message, self._loop.time()))

    def _answered(self, key: str, code: int) -> None:
        """An answer that nobody subscribes to is sent again; one that is not allowed never arrives."""
        if code == TAKEN or code >= REFUSED:
            self._carry_out(self._home.answered(key, self._loop.time()))

    # --- what time brings ------------------------------------------------------------------------

    def _arm(self) -> None:
        self._alarm.set(min(self._home.wake(), self._contractor.wake(), self._hub.wake()))

    def _tick(self) -> None:
        now = self._loop.time()
        self._carry_out(self._home.tick(now) + self._contractor.tick(now))
        for actions, incoming in self._hub.tick(now):
            self._carry_out(actions, incoming)
        self._arm()

    def _watchdog(self) -> None:
        """The service manager hears of us unless a restart may mend something."""
        healed, self._healthy = self._journal.healthy and not self._healthy, self._journal.healthy
        if healed:
            # What was not acknowledged comes again.
            self._bus.reconnect("the disk takes writes again")
        if self._bus.at_work and not self._journal.ended:
            notify.watchdog()

    def _fault(self) -> str:
        """What is wrong with the node itself, for whoever checks; or ""."""
        if self._stopping.is_set():
            return "stopping"
        conflict = self._presence.status is Status.CONFLICT
        return f"two nodes are called {self.id}" if conflict else ""

    def _linked(self, up: bool) -> None:  # noqa: FBT001 - the bus's own callback
        self._home.cut_off = not up
        if not up:
            _log.warning("bus-down", node=self.id)
            self._hub.link_lost()
            return
        self._tally.links += 1
        self._display.linked()
        self._announce()
        self._hub.linked(self._loop.time())
        self._arm()
        self._ready.set()
        notify.ready()
        there = f"on the bus at {self._config.broker.host}:{self._config.broker.port}"
        notify.status(f"{there}{lately_lost(self._journal)}")

    def _announce(self) -> None:
        """Birth, and every `REFRESH_S` again."""
        skills = self._contractor.skills() if self._owner.accepts else ()
        card = self._presence.announce(skills, self._loop.time())
        self._post.presence(card, self._presence.status)
        self._display.show(card)

    def _feel(self) -> None:
        vitals = read_vitals(self._config.work.quiet_hours, self._look)
        if vitals.held != self._contractor.vitals.held:
            _log.warning("held-back", by=vitals.held, degrees=vitals.temperature)
        self._contractor.feel(vitals)


_NODES_ONLY = {row.message for row in topics.TOPICS if "requester" not in row.reader} | {m.Progress}
