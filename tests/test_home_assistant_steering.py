"""What an owner may have of a node, and what the node shows of itself then: the machines alone, in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from machine_desk import Desk
from machine_shop import Shop, refusals
from wire_values import messages

from bus_topics import codec
from bus_topics import messages as m
from bus_topics.messages import Condition, Preference
from daemon.actions import FACT, Action, Announce, Distrust, Save
from daemon.config import AuctionConfig, Config, NodeConfig
from daemon.config_home_assistant import HomeAssistantConfig
from daemon.contractor import Vitals
from daemon.node_state import Reader, happened
from daemon.owner import OWNER, REFUSED, Owner
from daemon.tally import Tally
from handlers.protocol import Usage


class Stage:
    """The node `pi`, its home, its contractor and its owner; `fault` is what keeps it from work."""

    def __init__(self, *, shown: bool = True, preference: str = "local_first") -> None:
        self.shop, self.desk, self.tally = Shop(), Desk(), Tally()
        self.fault = ""
        self.config = Config(
            node=NodeConfig(id="pi", state_dir=Path("/nowhere"), operators=("cli",)),
            auction=AuctionConfig(preference=Preference(preference)),
            home_assistant=HomeAssistantConfig(discovery=shown),
        )
        self.live()

    def live(self) -> None:
        """A new life of the owner."""
        pi, home = self.shop.pi, self.desk.home
        self.owner = Owner(self.config, pi, home, lambda: self.fault)
        self.reader = Reader("0badcafe", home, pi, self.desk.roster, self.tally, self.owner)

    def wants(self, sender: str = "homeassistant", **wanted: Any) -> list[Action]:
        """Somebody sends a `set`."""
        return self.shop.do(self.owner.receive(sender, m.Set(**wanted), self.shop.now))

    def state(self, **more: Any) -> m.State:
        """How it stands, as it goes over the wire."""
        given: dict[str, Any] = {"disk": "", "round_trip_s": None, **more}
        read = self.reader.read(self.shop.now, self.fault, **given)
        return codec.decode(codec.encode(read), m.State)

    def bids(self) -> bool:
        """Whether it would take a task of its own."""
        offer = m.Offer(
            task="app/t",
            auction="0badcafe",
            capability="echo",
            features=m.Features(bytes=1, tokens=1),
            deadline_ms=60_000,
            window_ms=1,
        )
        return not self.shop.pi.quote(offer, "pi", self.shop.now).declined

    def prefers(self) -> Preference:
        """What a task that does not say is weighed by."""
        self.desk.submit(f"t-{self.desk.now}", preference=None)
        known = self.desk.home._known(f"app/t-{self.desk.now}")
        self.desk.now += 1
        assert known is not None
        return known[0].preference


def test_without_work_it_bids_for_nothing_and_ends_what_it_holds() -> None:
    stage = Stage()
    stage.shop.award("app/runs")
    stage.shop.award("app/waits")
    assert Announce() in stage.wants(accept_work=False)
    assert not stage.bids()
    assert (stage.state().condition, stage.state().accept_work) == (Condition.DRAINING, False)
    assert refusals(stage.shop.award("app/more"))
    for task in ("app/runs", "app/waits"):
        stage.shop.end(task)
    assert stage.state().condition is Condition.PAUSED
    stage.wants(accept_work=True)
    assert stage.bids()
    assert stage.state().condition is Condition.IDLE


def test_drained_it_also_gives_back_what_waits() -> None:
    stage = Stage()
    stage.shop.award("app/runs")
    stage.shop.award("app/waits")
    ((task, *_),) = refusals(stage.wants(drain=True))
    assert task == "app/waits"
    state = stage.state()
    assert (state.running, state.queue, state.condition) == (1, 0, Condition.DRAINING)
    assert not stage.bids()


def test_what_is_wanted_and_drained_at_once_is_drained() -> None:
    stage = Stage()
    stage.wants(drain=True, accept_work=True)
    assert not stage.bids()


@pytest.mark.parametrize("sender", ["mallory", "homeassistan", "camera"])
def test_nobody_else_is_listened_to(sender: str) -> None:
    stage = Stage()
    (distrust,) = stage.wants(sender, accept_work=False, preference=Preference.FASTEST)
    assert isinstance(distrust, Distrust)
    assert (distrust.sender, distrust.code) == (sender, REFUSED)
    assert stage.bids()
    assert stage.owner.preference is Preference.LOCAL_FIRST


def test_home_assistant_commands_only_where_it_is_shown_something() -> None:
    stage = Stage(shown=False)
    assert isinstance(stage.wants(accept_work=False)[0], Distrust)
    assert not isinstance(stage.wants("cli", accept_work=False)[0], Distrust)


def test_a_node_in_conflict_takes_no_work_whatever_its_owner_wants() -> None:
    stage = Stage()
    stage.fault = "two nodes are called pi"
    stage.shop.pi.drain(stage.fault, stage.shop.now)
    stage.wants(accept_work=True)
    assert not stage.bids()
    state = stage.state()
    assert (state.condition, state.problems) == (Condition.CONFLICT, (stage.fault,))


def test_a_preference_is_for_tasks_that_say_none() -> None:
    stage = Stage()
    stage.wants(preference=Preference.FASTEST)
    assert stage.prefers() is Preference.FASTEST
    assert stage.state().preference is Preference.FASTEST
    stage.wants(preference=Preference.LOCAL_FIRST)
    assert stage.prefers() is Preference.LOCAL_FIRST


CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "accept_work": st.booleans(),
        "preference": st.sampled_from(list(Preference)),
        "drain": st.booleans(),
    },
)


@given(wanted=st.lists(CHANGES, min_size=1, max_size=6))
@settings(deadline=None, max_examples=60)
def test_the_next_life_wants_what_this_one_did(wanted: list[dict[str, Any]]) -> None:
    stage = Stage()
    for each in wanted:
        stage.wants(**each)
    before = (stage.owner.accepts, stage.owner.preference, stage.bids())
    (row,) = [row for row in stage.shop.disk.table(FACT) if row.key == OWNER]
    after = Stage()
    after.owner.restore(row.rev, row.state, 0.0)
    assert (after.owner.accepts, after.owner.preference, after.bids()) == before
    (again,) = [each for each in after.wants(accept_work=True) if isinstance(each, Save)]
    assert again.rev > row.rev


def test_a_changed_configuration_wins_over_an_older_wish() -> None:
    stage = Stage()
    stage.wants(preference=Preference.FASTEST, accept_work=False)
    (row,) = [row for row in stage.shop.disk.table(FACT) if row.key == OWNER]
    later = Stage(preference="quality_first")
    later.owner.restore(row.rev, row.state, 0.0)
    assert later.owner.preference is Preference.QUALITY_FIRST
    assert not later.owner.accepts


@given(state=st.binary(max_size=40))
def test_a_damaged_wish_is_none(state: bytes) -> None:
    stage = Stage()
    stage.owner.restore(3, state, 0.0)
    assert stage.owner.preference in Preference


# --- what it shows -------------------------------------------------------------------------------


def test_figures_are_those_of_the_machines() -> None:
    stage = Stage()
    stage.shop.pi.feel(
        Vitals(load=1.234, memory_free_mb=812.6, temperature=71.5, held=("under_voltage",))
    )
    stage.shop.award("app/t")
    stage.tally.ran(result(m.Outcome.DONE), Usage(decode_tokens=50, decode_s=0.25))
    stage.tally.ran(result(m.Outcome.FAILED), Usage())
    stage.tally.told(m.Event(task="app/t", kind="awarded", at_ms=1.0, decision=decision()))
    stage.tally.told(m.Event(task="app/t", kind="done", at_ms=9.0))
    stage.tally.told(m.Event(task="app/u", kind="expired", at_ms=9.0))
    stage.tally.quarantined["flood"] += 2
    stage.state()
    stage.shop.now += 90.0
    got = stage.state(disk="the disk is full", round_trip_s=0.00123)
    assert msgspec.structs.asdict(got) == {
        "v": 1,
        "boot": "0badcafe",
        "condition": Condition.BUSY,
        "accept_work": True,
        "preference": Preference.LOCAL_FIRST,
        "running": 1,
        "queue": 0,
        "done": 1,
        "failed": 1,
        "home_open": 0,
        "home_done": 1,
        "home_failed": 1,
        "decode_tok_s": 200.0,
        "models": (),
        "winner": "desk",
        "reason": "desk wins: the only valid bid",
        "load": 1.23,
        "memory_free_mb": 813.0,
        "temperature": 71.5,
        "held": ("under_voltage",),
        "problems": ("the disk is full",),
        "nodes_live": 0,
        "quarantined": 2,
        "round_trip_ms": 1.2,
        "uptime_s": 90,
    }


def test_a_speed_is_that_of_the_last_writing() -> None:
    stage = Stage()
    assert stage.state().decode_tok_s is None
    stage.tally.ran(result(m.Outcome.DONE), Usage(decode_tokens=100, decode_s=1.0))
    assert stage.state().decode_tok_s == 100.0
    assert stage.state().decode_tok_s == 100.0
    stage.tally.ran(result(m.Outcome.DONE), Usage(decode_tokens=10, decode_s=1.0))
    assert stage.state().decode_tok_s == 10.0


@given(state=messages(m.State), load=st.floats(0, 9), uptime=st.integers(0, 9))
def test_what_moves_by_itself_is_no_news(state: m.State, load: float, uptime: int) -> None:
    moved = msgspec.structs.replace(state, load=load, temperature=20.0, uptime_s=uptime)
    assert happened(moved) == happened(state)
    other = msgspec.structs.replace(state, running=state.running + 1)
    assert happened(other) != happened(state)


def result(outcome: m.Outcome) -> m.Result:
    return m.Result(task="app/t", attempt=1, outcome=outcome, model="text")


def decision() -> m.Decision:
    return m.Decision(
        attempt=1,
        winner="desk",
        preference=Preference.FASTEST,
        reason="desk wins: the only valid bid",
    )
