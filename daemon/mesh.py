"""The bus from a Python program: ask, delegate, negotiate, collaborate, watch.

    async with Mesh() as mesh:
        async for chunk in mesh.ask("text_generation", "Once upon a time"):
            print(chunk.text, end="")

A mesh is one login with one inbox. It finds a home (a node that owns the task until it ends), submits,
and waits for the one final. See `daemon.requester` for what is repeated and why that is safe.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import Any, Self

import msgspec
import orjson
from msgspec import Raw

from bus_topics import codec, topics
from bus_topics import messages as m
from bus_topics.errors import WireError
from bus_topics.messages import Outcome, Preference, Status
from daemon.actions import Action, Deliver, Send
from daemon.alarm import Alarm
from daemon.asking import (
    Asking,
    Chunk,
    Collaboration,
    MeshError,
    Rejected,
    Subtask,
    Unfinished,
    Wanted,
)
from daemon.bus import NOBODY_THERE, Bus, Incoming
from daemon.config import BrokerConfig
from daemon.post import Post
from daemon.requester import Requester
from daemon.roster import NodeView, Roster

FIND_S = 3.0
"""How long a mesh looks for a broker and a node before it says that there is none."""
SETTLE_S = 0.15
"""Retained cards arrive together; this long after the first, all that were there are known."""


class Mesh:
    """A requester's connection to the bus.

    Args:
        host, port: the broker; or `broker` for everything a connection can need.
        login: our name on the bus; with an access list it is the user name.
        home: the node to submit to; by default a live hub is chosen.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 1883,
        *,
        login: str = "app",
        home: str | None = None,
        broker: BrokerConfig | None = None,
    ) -> None:
        self.login = login
        self.preference: Preference | None = None
        self._broker = broker or BrokerConfig(host=host, port=port)
        self._home = home
        self._base = self._broker.base
        self._roster = Roster()
        self._requester = Requester(login)
        self._asking: dict[str, Asking] = {}
        self._wanted: list[Wanted] = []
        self._looking: dict[str, asyncio.Future[m.Loaded | m.Rejected]] = {}
        self._one_get = asyncio.Lock()
        self._watchers: list[asyncio.Queue[m.Event]] = []
        self._bus = Bus(
            self._broker,
            login=login,
            client_id=f"{login}-{secrets.token_hex(4)}",
            session_expiry_s=0,
            subscriptions=self._subscriptions(),
            on_message=self._received,
            on_link=self._linked,
        )
        self._post = Post(login, self._base, self._bus)
        self._alarm = Alarm(self._tick)

    async def __aenter__(self) -> Self:
        """Connect. Raises MeshError when no broker answers within `FIND_S`."""
        self._loop = asyncio.get_running_loop()
        self._up = asyncio.Event()
        self._seen = asyncio.Event()
        self._task = self._loop.create_task(self._bus.run())
        up = False
        try:
            up = await _within(FIND_S, self._up.wait())
        finally:
            if not up:
                await self._close()
        if not up:
            raise MeshError(self._unreachable())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Acknowledge what was received, and leave."""
        self._carry_out(self._requester.leave())
        await self._bus.flush(1.0)
        await self._close()

    # --- asking ----------------------------------------------------------------------------------

    def prefer(self, preference: Preference | str | None) -> None:
        """Set how homes weigh bids for what is asked from now on; None leaves it to them."""
        self.preference = None if preference is None else Preference(preference)

    async def submit(self, capability: str, content: object, **options: Any) -> Asking:
        """Submit a task and return at once. `options` are the other fields of `messages.Submit`.

        Content is anything that orjson can write. Raises MeshError when no home is on the bus, or
        when the task is malformed.
        """
        options = {"preference": self.preference, "id": secrets.token_hex(8)} | options
        submit = _submit(capability, content, options)
        home = await self._find_home()
        asking = Asking(self.login, submit, home, self.cancel)
        self._asking[submit.id] = asking
        self._carry_out(self._requester.submit(home, submit, self._loop.time()))
        return asking

    async def ask(self, capability: str, content: object, **options: Any) -> AsyncIterator[Chunk]:
        """Submit with streaming and yield the chunks; a capability that does not stream yields one.

        Leaving before the end cancels the task. Raises Rejected or Unfinished when the task is not
        taken or does not end as done.
        """
        asking = await self.submit(capability, content, stream=True, **options)
        try:
            async for chunk in asking:
                yield chunk
        finally:
            if asking.id in self._asking:
                await asking.cancel()

    async def delegate(
        self, node: str, capability: str, content: object, **options: Any
    ) -> m.Final:
        """Have this node do it, and no other; return its end."""
        asking = await self.submit(capability, content, node=node, **options)
        return await asking.final()

    async def negotiate(
        self, capability: str, content: object = None, **options: Any
    ) -> m.Decision:
        """Hold the auction without an award: who would take it, at what price."""
        asking = await self.submit(capability, content, negotiate=True, **options)
        final = await asking.final()
        if final.outcome is not Outcome.DONE or final.result is None:
            raise Unfinished(final)
        return msgspec.json.decode(bytes(final.result), type=m.Decision)

    async def collaborate(
        self,
        subtasks: Sequence[Subtask],
        on_progress: Callable[[int, int], None] | None = None,
    ) -> Collaboration:
        """Spread subtasks over the bus and wait for all; `on_progress` gets (ended, total).

        A subtask without a preference of its own is `distributed`. One that fails fails alone.
        """
        ended = 0

        async def one(subtask: Subtask) -> m.Final | m.Rejected:
            nonlocal ended
            options = {"preference": self.preference or Preference.DISTRIBUTED, **subtask.options}
            try:
                asking = await self.submit(subtask.capability, subtask.content, **options)
                return await asking.final()
            except Rejected as rejected:
                return rejected.rejection
            finally:
                ended += 1
                if on_progress is not None:
                    on_progress(ended, len(subtasks))

        results = await asyncio.gather(*(one(subtask) for subtask in subtasks))
        done = sum(isinstance(end, m.Final) and end.outcome is Outcome.DONE for end in results)
        return Collaboration(len(subtasks), done, tuple(results))

    async def cancel(self, id_: str, home: str | None = None) -> None:
        """Cancel one of our tasks; one that an earlier process of this login submitted needs its home."""
        if home is not None and id_ not in self._asking:
            self._post.send(home, m.Cancel(id=id_))
        else:
            self._carry_out(self._requester.cancel(id_, self._loop.time()))

    # --- looking ---------------------------------------------------------------------------------

    @property
    def linked(self) -> bool:
        """Whether the connection to the broker stands; one that ends is made again by itself."""
        return self._bus.linked

    @property
    def at_work(self) -> bool:
        """Whether it stands, or is tried again as it should be."""
        return self._bus.at_work

    async def nodes(self) -> list[NodeView]:
        """Every node that the bus knows, live or not, with its card."""
        await self._look()
        return self._roster.nodes(self._loop.time())

    async def can(self, node: str, capability: str) -> bool:
        """Whether this node is live and offers this capability."""
        await self._look()
        return node in self._roster.capable(capability, self._loop.time(), (node,))

    async def report(
        self, task: str | None = None, *, home: str | None = None, limit: int = 20
    ) -> tuple[m.TaskRecord, ...]:
        """What a home tells of a task (`<sender>/<id>`), or of the latest that we may see.

        Raises MeshError when it gives no answer, Rejected when it does not know or may not tell.
        """
        chosen = home or await self._find_home()
        wanted = Wanted(chosen, task, self._loop.create_future())
        get = m.Get(task=task, limit=limit)
        async with self._one_get:  # a refusal does not say which question it answers
            self._wanted.append(wanted)
            try:
                for _ in range(3):
                    self._post.send(chosen, get)
                    if await _within(1.0, asyncio.shield(wanted.answer)):
                        return wanted.answer.result().tasks
            finally:
                self._wanted.remove(wanted)
        raise MeshError(f"{chosen} gave no report within 3 s; is it running? see `forgebus nodes`")

    async def models(
        self, node: str, load: Sequence[str] = (), evict: Sequence[str] = ()
    ) -> m.Loaded:
        """What a node has loaded, after it was told to load or evict these capabilities.

        Raises MeshError when it gives no answer, Rejected when we are no operator of it, or when it does
        not offer one of them.
        """
        id_ = secrets.token_hex(8)
        message = m.Models(id=id_, load=tuple(load), evict=tuple(evict))
        answer: asyncio.Future[m.Loaded | m.Rejected] = self._loop.create_future()
        self._looking[id_] = answer
        try:
            for _ in range(3):
                self._post.send(node, message)
                if await _within(1.0, asyncio.shield(answer)):
                    if isinstance(told := answer.result(), m.Rejected):
                        raise Rejected(told)
                    return told
        finally:
            del self._looking[id_]
        raise MeshError(f"{node} gave no answer within 3 s; is it running? see `forgebus nodes`")

    async def events(self) -> AsyncIterator[m.Event]:
        """Decisions of all homes as they fall, until the caller stops iterating."""
        queue: asyncio.Queue[m.Event] = asyncio.Queue()
        topic = topics.build(self._base, "event", sender="+")
        self._watchers.append(queue)
        await self._bus.subscribe(topic, 0)
        try:
            while True:
                yield await queue.get()
        finally:
            self._watchers.remove(queue)
            if not self._watchers:
                await self._bus.unsubscribe(topic)

    # --- private ---------------------------------------------------------------------------------

    def _subscriptions(self) -> list[tuple[str, int]]:
        build = partial(topics.build, self._base)
        return [
            (f"{self._base}/in/{self.login}/#", 1),
            (build("status", sender="+"), 1),
            (build("card", sender="+"), 1),
        ]

    def _linked(self, up: bool) -> None:  # noqa: FBT001 - the bus's own callback
        if up:
            self._up.set()

    def _received(self, incoming: Incoming) -> None:
        """What is malformed is no answer to anything that we asked."""
        now = self._loop.time()
        try:
            address = topics.parse(self._base, incoming.topic)
            self._dispatch(address, incoming, now)
        except (WireError, ValueError):
            pass
        incoming.ack()

    def _dispatch(self, address: topics.Address, incoming: Incoming, now: float) -> None:
        match address.topic.name:
            case "status":
                status = Status(incoming.payload.decode() or Status.OFFLINE.value)
                self._roster.on_status(address.sender, status, now)
                self._seen.set()
            case "card" if incoming.payload:
                card = codec.decode(incoming.payload, m.Card)
                self._roster.on_card(address.sender, card, now)
            case "event":
                events = codec.decode(incoming.payload, m.Events).events
                for queue in self._watchers:
                    for event in events:
                        queue.put_nowait(event)
            case _ if address.to == self.login and address.topic.message is not None:
                message = codec.decode(incoming.payload, address.topic.message)
                self._told(address.sender, message, now)
            case _:
                pass

    def _told(self, sender: str, message: m.Message, now: float) -> None:
        match message:
            case m.Report() | m.Rejected(id=None):
                for wanted in self._wanted:
                    wanted.hear(sender, message)
            case m.Loaded(id=id_) | m.Rejected(id=str(id_)) if id_ in self._looking:
                if not self._looking[id_].done():
                    self._looking[id_].set_result(message)
            case _:
                self._carry_out(self._requester.receive(sender, message, now))

    def _carry_out(self, actions: Sequence[Action]) -> None:
        for action in actions:
            match action:
                case Send(to, m.Submit() as submit):
                    self._post.send(to, submit, partial(self._taken, submit.id))
                case Send(to, message):
                    self._post.send(to, message)
                case Deliver(id_, message):
                    self._deliver(id_, message)
        self._alarm.set(self._requester.wake())

    def _deliver(
        self, id_: str, message: m.Accepted | m.Rejected | m.Progress | m.Final | m.Report
    ) -> None:
        asking = self._asking.get(id_)
        if asking is None or isinstance(message, m.Report):
            return
        asking.hear(message)
        if isinstance(message, m.Final | m.Rejected):
            del self._asking[id_]

    def _taken(self, id_: str, code: int) -> None:
        if code:
            self._carry_out(self._requester.undelivered(id_, code))

    def _tick(self) -> None:
        self._carry_out(self._requester.tick(self._loop.time()))

    async def _look(self) -> None:
        """Wait until the retained presence of the nodes has arrived; none is an answer too."""
        if not self._seen.is_set():
            await _within(1.0, self._seen.wait())
            await asyncio.sleep(SETTLE_S)

    async def _find_home(self) -> str:
        """The chosen home; else a live hub, the same for all of our tasks; else any live node."""
        if self._home is not None:
            return self._home
        until = self._loop.time() + FIND_S
        while True:
            await self._look()
            now = self._loop.time()
            hubs = self._roster.hubs(self.login, now)
            live = [view.id for view in self._roster.nodes(now) if view.online]
            if hubs or live:
                return (hubs or live)[0]
            if now > until:
                where = f"{self._broker.host}:{self._broker.port}"
                raise MeshError(f"no node is on the bus at {where}; start one with `forgebus run`")
            await asyncio.sleep(0.1)

    def _unreachable(self) -> str:
        where = f"{self._broker.host}:{self._broker.port}"
        trouble = self._bus.trouble
        if trouble and not trouble.startswith(NOBODY_THERE):
            return f"{where}: {trouble}"
        return f"no MQTT broker answers at {where}; start one with `forgebus run`"

    async def _close(self) -> None:
        self._alarm.cancel()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


def _submit(capability: str, content: object, options: Mapping[str, Any]) -> m.Submit:
    """A checked submit: what the wire would refuse is refused here, where the caller sees it."""
    try:
        raw = content if isinstance(content, Raw) else Raw(orjson.dumps(content))
        fields = {name: value for name, value in options.items() if value is not None}
        submit = m.Submit(capability=capability, content=raw, **fields)
        return codec.decode(codec.encode(submit), m.Submit)
    except (TypeError, WireError) as error:
        raise MeshError(f"this task cannot be submitted: {error}") from None


async def _within(seconds: float, waiting: Awaitable[object]) -> bool:
    try:
        await asyncio.wait_for(waiting, seconds)
    except TimeoutError:
        return False
    return True
