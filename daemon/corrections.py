"""What a node does about corrections before and after the handler: who may, what was asked, whose models.

The contents of the tasks that were run last are remembered in memory alone, and only where learning is
switched on, so that a correction need only name its task. `handlers.corrections` decides the rest.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace

import msgspec

from bus_topics import messages as m
from daemon.actions import Action
from daemon.config import Config
from daemon.outcome import job_of
from daemon.rejection import rejection
from daemon.task import ReplyTo
from daemon.worker_jobs import Job
from handlers.corrections_envelope import CAPABILITY, CORRECTABLE, MOST_CONTENT, Envelope
from handlers.learned_models import FOLDER, overlay

REMEMBERED, REMEMBERED_BYTES = 200, 8 * 1024 * 1024
Submit = Callable[[str, m.Submit, float, ReplyTo | None], list[Action]]


def with_learning(config: Config) -> Config:
    """The configuration of a node that learns: it takes corrections, and has models of its own.

    Raises OSError where the state directory cannot be written.
    """
    if not config.learning.corrections:
        return config
    models = overlay(config.node.state_dir / FOLDER, config.work.models_dir)
    names = dict.fromkeys((*config.work.capabilities, CAPABILITY))
    work = msgspec.structs.replace(config.work, capabilities=tuple(names), models_dir=models)
    return msgspec.structs.replace(config, work=work)


class Corrections:
    """The corrections of one node, on their way to its workers."""

    def __init__(self, config: Config) -> None:
        self._own = config.node.id
        self._trusted = frozenset((self._own, *config.node.operators))
        self._learning = config.learning
        self._folder = config.node.state_dir / FOLDER
        self._limit_s = config.work.task_limit_s
        self._asked: OrderedDict[str, tuple[str, msgspec.Raw]] = OrderedDict()
        self._bytes = 0
        self._off = (
            f"learning from corrections is off on {self._own}; its owner switches it on with "
            "corrections = true in [learning] of its configuration"
        )

    def guarded(self, submit: Submit) -> Submit:
        """`submit` for a node that may not learn: it refuses corrections, which it could not keep."""

        def admit(
            sender: str, order: m.Submit, now: float, reply: ReplyTo | None = None
        ) -> list[Action]:
            ours = order.capability == CAPABILITY and order.node in (None, self._own)
            if self._learning.corrections or not ours:
                return submit(sender, order, now, reply)
            return [rejection(sender, order.id, m.RejectCode.DENIED, self._off, reply)]

        return admit

    def job(self, home: str, award: m.Award) -> Job:
        """What a worker is given; what may be corrected later is remembered."""
        job = job_of(home, award, self._limit_s)
        if award.capability == CAPABILITY:
            return replace(job, content=msgspec.json.encode(self._envelope(home, award)))
        if self._learning.corrections and award.capability in CORRECTABLE:
            self._remember(award)
        return job

    def _remember(self, award: m.Award) -> None:
        if len(bytes(award.content)) > MOST_CONTENT:
            return
        self._drop(award.task)
        self._asked[award.task] = (award.capability, award.content)
        self._bytes += len(bytes(award.content))
        while len(self._asked) > REMEMBERED or self._bytes > REMEMBERED_BYTES:
            self._drop(next(iter(self._asked)))

    def _drop(self, task: str) -> None:
        _, content = self._asked.pop(task, ("", msgspec.Raw(b"")))
        self._bytes -= len(bytes(content))

    def _envelope(self, home: str, award: m.Award) -> Envelope:
        by = award.task.partition("/")[0]
        said = _named(bytes(award.content))
        task = said if "/" in said else f"{by}/{said}"
        operator = by in self._trusted
        refused = ""
        if not self._learning.corrections:
            refused = self._off
        elif home not in self._trusted:
            # Another node's word on who asks is not the broker's.
            refused = f"a correction goes to {self._own} itself, not by way of {home}"
        elif said and not operator and task.partition("/")[0] != by:
            refused = f"{by} may correct its own tasks; operators of {self._own} may correct all"
        about = Envelope(
            said=award.content,
            by=by,
            node=self._own,
            operator=operator,
            refused=refused,
            task=task if said else "",
            folder=str(self._folder),
            keep_days=self._learning.keep_days,
        )
        known = self._asked.get(task) if said else None
        if known is None or refused:
            return about
        return msgspec.structs.replace(about, capability=known[0], content=known[1])


class _Named(msgspec.Struct):
    task: str = ""


def _named(content: bytes) -> str:
    """The task that a correction names; whatever else is in it is for the handler to judge."""
    try:
        said = msgspec.json.decode(content, type=_Named | str)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    return said if isinstance(said, str) else said.task
