"""What was promised, checked at every step of the small world: see P1 to P7 in docs/protocol.md.

Whatever happens in the world is a message that leaves, a row that is written, an effect that begins or word
that reaches an app; each is looked at as it happens, and `Broken` says which promise it breaks. `at_rest`
says what must hold when the weather has been fair for long.
"""

from collections import Counter
from typing import TYPE_CHECKING

from machine_broker import Parcel
from machine_node import ABSTAINED, answer
from machine_script import HOSTILE, TRUSTED

from bus_topics import messages as m
from bus_topics.messages import Outcome, Privacy, RejectCode
from daemon.actions import CONTRACT, TASK, Deliver
from daemon.contract import Kept, contract_key
from daemon.contract import Phase as Stage
from daemon.eligible import MAX_HANDOFFS
from daemon.home import Known
from daemon.task import ENDED, Phase, Task, final_of, given

if TYPE_CHECKING:
    from machine_apps import App
    from machine_node import Node
    from machine_world import World


Standing = dict[str, tuple[Phase, int, str, int, Outcome | None]]


class Broken(AssertionError):  # noqa: N818 - a promise, not a program
    """A promise was not kept; the text begins with its number."""


class Ledger:
    """Every promise of one world."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self.effects: Counter[tuple[str, str]] = Counter()
        """How often each (home, task) began its effect; only of `once` tasks."""
        self.given: dict[tuple[str, str, int], str] = {}
        self._finals: dict[tuple[str, str, str], m.Final] = {}

    # --- what happens ----------------------------------------------------------------------------

    def sends(self, sender: str, to: str, message: m.Message) -> None:
        """An honest node sends; what the message says is on its disk by then."""
        match message:
            case m.Accepted() | m.Rejected() | m.Final():
                self._to_app(sender, to, message)
            case m.Award():
                self._award(sender, to, message)
            case m.Go(task=task, attempt=attempt):
                if (known := self._row(sender, task)) is None or known[1].claimed != attempt:
                    raise Broken(f"P3: {sender} let {task}/{attempt} begin; no claim is on disk")
            case m.Verdict(settled=settled):
                for one in settled:
                    self._judged(sender, to, one)
            case m.Result() | m.Claim() | m.Refuse():
                self._told(sender, to, message)
            case _:
                pass

    def writes(self, node: str, key: str, before: Known | None, after: Known | None) -> None:
        """A task's row on its home's disk changes."""
        if after is None:
            raise Broken(f"P1: {node} deleted {key}")
        if before is None:
            return
        old, new = before[1], after[1]
        ends = [(task.outcome, task.result, task.kept, task.error) for task in (old, new)]
        if old.phase in ENDED and (new.phase not in ENDED or ends[0] != ends[1]):
            raise Broken(f"P2: {node} overwrote the end of {key}: {ends[0]} with {ends[1]}")
        if new.outcome is Outcome.DONE and given(new, new.kept, new.node) is None:
            raise Broken(f"P6: {node} took from {new.node} what it was never given: {key}")
        if old.given != new.given[: len(old.given)]:
            raise Broken(f"P6: {node} forgot to whom it gave {key}")
        freed = new.abstention is not None or new.phase in ENDED
        if old.claimed and new.claimed != old.claimed and not freed:
            raise Broken(f"P3: {node} moved the claim of {key}")

    def begins(self, node: str, home: str, award: m.Award) -> None:
        """A handler begins; of a `once` task that is its effect."""
        if not award.once:
            return
        self.effects[home, award.task] += 1
        if self.effects[home, award.task] > 1:
            raise Broken(f"P3: the effect of {award.task} began twice")
        known = self._row(home, award.task)
        if known is None or known[1].claimed != award.attempt:
            raise Broken(f"P3: {award.task}/{award.attempt} began at {node} without a claim")
        if known[1].phase in ENDED and known[1].outcome is not Outcome.UNKNOWN:
            raise Broken(f"P3: {award.task} began at {node} and is {known[1].outcome} already")
        row = self._contract(node, contract_key(home, award.task, award.attempt))
        if row is None or row[0] is not Stage.RUNNING:
            raise Broken(f"P3: {award.task} began at {node} before that was on its disk")

    def hears(self, app: str, told: Deliver) -> None:
        """Word for an app: one end, after which there is nothing."""
        ends = self._world.apps[app].ends[told.id]
        finals = [end for end in ends if isinstance(end, m.Final)]
        if isinstance(told.message, m.Final | m.Rejected) and finals:
            raise Broken(f"P2: {app} saw {told.id} end with {finals[0]} and with {told.message}")
        if isinstance(told.message, m.Rejected) and told.id in self._world.apps[app].accepted:
            raise Broken(f"P1: {app} was told that {told.id} is accepted, then {told.message}")

    def of_others(self, home: "Node", parcel: Parcel) -> Standing:
        """How the tasks stand that are no business of a hostile sender; an end is guarded by `writes`."""
        if parcel.sender != HOSTILE or isinstance(parcel.message, m.Bid):
            return {}
        return {
            key: (task.phase, task.attempt, task.contractor, task.claimed, task.outcome)
            for key, (order, task) in home.home._tasks.items()
            if task.phase not in ENDED
            and order.sender != HOSTILE
            and HOSTILE not in (one.node for one in task.given)
        }

    def unharmed(self, home: "Node", parcel: Parcel, before: Standing) -> None:
        """Whatever a hostile sender said has changed none of them."""
        after = self.of_others(home, parcel)
        if changed := [key for key, standing in before.items() if after.get(key) != standing]:
            raise Broken(f"P6: {parcel.message} of {HOSTILE} changed {changed} at {home.name}")

    def after_each_step(self) -> None:
        """Bounds that hold at any time."""
        for node in self._world.nodes.values():
            if node.up and node.home.unfinished() > self._world.setting.max_tasks:
                raise Broken(f"P7: {node.name} holds {node.home.unfinished()} unfinished tasks")
            if node.up and node.contractor.holding(Stage.WAITING) > self._world.setting.max_queue:
                raise Broken(f"P7: more wait at {node.name} than it may hold")

    def at_rest(self) -> None:
        """After fair weather: every promise kept, nothing left over."""
        for app in self._world.apps.values():
            for id_, (home, submit) in app.submits.items():
                if not app.ends[id_]:
                    raise Broken(f"P1: {app.name} never heard how {id_} ended")
                end = app.ends[id_][-1]
                self._end(f"{app.name}/{id_}", home, submit, end)
            if app.waiting():
                raise Broken(f"P1: {app.name} still waits for {app.waiting()}")
        for node in self._world.nodes.values():
            self._rest(node)

    # --- private ---------------------------------------------------------------------------------

    def _row(self, home: str, key: str) -> Known | None:
        node = self._world.nodes.get(home)
        return None if node is None else node.disk.recall(key)

    def _contract(self, node: str, key: str) -> tuple[Stage, Kept] | None:
        row = self._world.nodes[node].disk.rows.get((CONTRACT, key))
        return None if row is None else (Stage(row.phase), Kept.from_state(row.state, 0.0))

    def _to_app(self, home: str, app: str, message: m.Accepted | m.Rejected | m.Final) -> None:
        key = f"{app}/{message.id}"
        match message:
            case m.Accepted() if self._row(home, key) is None:
                raise Broken(f"P1: {home} accepted {key} and has it on no disk")
            case m.Rejected(code=RejectCode.CONFLICT) if app in self._world.apps:
                # No app gives an id to two things.
                raise Broken(f"P5: {home} took {key} for the task of another")
            case m.Rejected(code=code) if code is not RejectCode.CONFLICT and self._row(home, key):
                raise Broken(f"P7: {home} rejected {key}, which it has accepted")
            case m.Final():
                self._final(home, app, key, message)
            case _:
                pass

    def _final(self, home: str, app: str, key: str, final: m.Final) -> None:
        known = self._row(home, key)
        if known is None or known[1].phase not in ENDED:
            raise Broken(f"P1: {home} told {app} of the end of {key}, which is not on its disk")
        if final_of(*known) != final or self._finals.setdefault((home, app, key), final) != final:
            raise Broken(f"P2: {key} ended twice: {final} and {final_of(*known)}")

    def _award(self, home: str, to: str, award: m.Award) -> None:
        known, number = self._row(home, award.task), (home, award.task, award.attempt)
        if known is None or given(known[1], award.attempt, to) is None:
            raise Broken(f"P6: {home} gave {award.task}/{award.attempt} and did not write it down")
        if self.given.setdefault(number, to) != to:
            raise Broken(f"P6: attempt {award.attempt} of {award.task} was given to two nodes")
        if known[0].submit.privacy is Privacy.PRIVATE and to not in (home, TRUSTED):
            raise Broken(f"P5: private {award.task} went from {home} to {to}")
        if bytes(award.content) != bytes(known[0].submit.content):
            raise Broken(f"P5: {award.task} went to {to} with the content of another")

    def _judged(self, home: str, node: str, judged: m.Settled) -> None:
        """The contractor forgets what is judged; so what it said is on its home's disk before."""
        known = self._row(home, judged.task)
        if known is None or node not in self._world.nodes:
            return
        task = known[1]
        if judged.kept and (task.phase not in ENDED or task.kept != judged.attempt):
            raise Broken(f"P1: {home} kept a result of {judged.task} and not on its disk")
        row = self._contract(node, contract_key(home, judged.task, judged.attempt))
        result = None if row is None else row[1].result
        held = () if task.abstention is None else task.abstention.attempts
        abstained = result is not None and result.result == ABSTAINED
        if abstained and task.phase not in ENDED and judged.attempt not in held:
            raise Broken(f"P1: {home} judged an abstention that is not on its disk: {task}")

    def _told(self, node: str, home: str, message: m.Result | m.Claim | m.Refuse) -> None:
        """A contractor says only what it will still know after a crash."""
        key = contract_key(home, message.task, message.attempt)
        row = self._contract(node, key)
        match message, row:
            case m.Result(), None:
                raise Broken(f"P1: {node} tells of a result of {key} that is on no disk")
            case m.Claim(), None:
                raise Broken(f"P3: {node} claims {key}, which is on no disk")
            case m.Refuse(), (stage, _):
                raise Broken(f"P3: {node} gives {key} back and has it on disk as {stage}")
            case _:
                pass

    def _end(self, key: str, home: str, submit: m.Submit, end: m.Final | m.Rejected) -> None:
        known = self._row(home, key)
        if known is None:
            if isinstance(end, m.Final):
                raise Broken(f"P1: {key} has ended and is on no disk")
            return
        order, task = known
        if order.submit != submit:
            raise Broken(f"P5: {key} is the task of another")
        if task.phase not in ENDED:
            raise Broken(f"P1: {key} is still {task.phase}")
        if isinstance(end, m.Final) and end.outcome is not task.outcome:
            raise Broken(f"P2: {key} was told as {end.outcome} and is {task.outcome}")
        if isinstance(end, m.Rejected) and key.partition("/")[2] in self._app(key).known:
            raise Broken(f"P1: {key} was accepted, and its app last heard {end}")
        self._result(key, home, submit, task)
        self._turns(key, task, handoff=order.handoff)
        self._time_enough(key, home, submit, task)

    def _result(self, key: str, home: str, submit: m.Submit, task: Task) -> None:
        """It is what the one who was given the attempt has answered; and the effect is as it says."""
        if HOSTILE in (task.node, task.contractor):
            return  # nobody knows what it has done
        own = answer(submit.content, task.node, task.kept)
        if task.outcome is Outcome.DONE and task.result not in (own, ABSTAINED):
            raise Broken(f"P6: {key} is done with the result of another: {task.result!r}")
        effects = self.effects[home, key]
        if submit.once and task.outcome is Outcome.DONE and task.result == own and effects != 1:
            raise Broken(f"P3: {key} is done and its effect never began")
        unbegun = task.outcome in (Outcome.CANCELLED, Outcome.EXPIRED) or "gave it" in task.error
        if submit.once and effects and (unbegun or task.result == ABSTAINED):
            raise Broken(f"P3: {key} is {task.outcome} ({task.error}) and its effect began")

    def _turns(self, key: str, task: Task, *, handoff: bool) -> None:
        """An abstention goes on to a better node alone, not for ever, and is not forgotten."""
        turns, above = 0, 0.0
        for step in task.steps:
            quality = self._world.quality(step.node or "")
            if step.kind == "abstained":
                turns, above = turns + 1, max(above, quality)
            elif step.kind == "awarded" and turns and quality <= above:
                raise Broken(f"P6: {key} went on to {step.node}, which is no better")
        if turns > MAX_HANDOFFS + 1 or (turns and not handoff):
            raise Broken(f"P6: {key} went on {turns} times")
        if turns and task.outcome in (Outcome.FAILED, Outcome.EXPIRED) and not task.claimed:
            raise Broken(f"P1: {key} is {task.outcome} ({task.error}); somebody had abstained")

    def _time_enough(self, key: str, home: str, submit: m.Submit, task: Task) -> None:
        """A bus that is slow and nothing worse costs time; what has a minute is done."""
        allowed = (home, TRUSTED) if submit.privacy is Privacy.PRIVATE else self._world.nodes
        nobody = not any(self._world.quality(node) for node in allowed)
        if nobody or not self._world.only_slow:
            return
        if submit.deadline_ms >= 60_000 and task.outcome is Outcome.EXPIRED and not task.given:
            raise Broken(f"P1: {key} had {submit.deadline_ms} ms and was given to nobody")

    def _rest(self, node: "Node") -> None:
        if node.home.unfinished() != 0:
            raise Broken(f"P1: {node.name} counts {node.home.unfinished()} unfinished tasks")
        if kept := [row.key for row in node.disk.table(CONTRACT) if _honest(row.key)]:
            raise Broken(f"P1: {node.name} still keeps contracts {kept}")
        untold = [row.key for row in node.disk.table(TASK) if row.phase != Phase.CLOSED]
        for key in untold:
            sender, _, id_ = key.partition("/")
            if sender in self._world.apps and id_ not in self._world.apps[sender].orphans:
                raise Broken(f"P1: {node.name} still tells of {key}")

    def _app(self, key: str) -> "App":
        return self._world.apps[key.partition("/")[0]]


def _honest(contract: str) -> bool:
    return not contract.startswith(f"{HOSTILE}/")
