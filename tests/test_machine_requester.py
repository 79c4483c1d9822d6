"""The requester's side: sent until it is taken, told its one end, acknowledged."""

from collections.abc import Sequence

import pytest
from machine_desk import sent, submit

from bus_topics import messages as m
from bus_topics.messages import Outcome, RejectCode
from daemon.actions import Action, Deliver
from daemon.requester import FINISHED_KEPT, NOT_ALLOWED, NOT_REACHABLE, Requester

FINAL = m.Final(id="t", outcome=Outcome.DONE, node="pi4")
BUSY = m.Rejected(id="t", code=RejectCode.BUSY, reason="full")


class App:
    """A requester with a clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.requester = Requester("app")

    def submit(self, id_: str = "t", deadline_ms: int = 60_000) -> list[Action]:
        return self.requester.submit("desk", submit(id=id_, deadline_ms=deadline_ms), self.now)

    def hear(self, message: m.Message, sender: str = "desk") -> list[Action]:
        return self.requester.receive(sender, message, self.now)

    def until(self, seconds: float) -> list[Action]:
        end, actions = self.now + seconds, []
        while (due := self.requester.wake()) <= end:
            self.now = max(self.now, due)
            actions += self.requester.tick(self.now)
        self.now = end
        return actions


def asked() -> App:
    app = App()
    app.submit()
    return app


def news(actions: Sequence[Action]) -> list[object]:
    """What the caller is told."""
    return [action.message for action in actions if isinstance(action, Deliver)]


def pauses(app: App, kind: type[m.Message], count: int) -> list[float]:
    """Seconds between the next repeats of one kind."""
    found: list[float] = []
    last, end = app.now, app.now + 1000.0
    while len(found) < count and app.now < end:
        app.now = app.requester.wake()
        if sent(app.requester.tick(app.now), kind):
            found.append(round(app.now - last, 3))
            last = app.now
    return found


# --- until it is taken ---------------------------------------------------------------------------


def test_it_is_sent_to_its_home_and_again_with_growing_pauses() -> None:
    app = App()
    assert sent(app.submit(deadline_ms=600_000), m.Submit)[0][0] == "desk"
    assert pauses(app, m.Submit, 8) == [1, 2, 4, 8, 16, 30, 30, 30]


def test_every_repeat_is_the_same_task() -> None:
    app = App()
    (first,) = sent(app.submit(), m.Submit)
    assert sent(app.until(8.0), m.Submit) == [first] * 3


def test_accepted_is_told_once() -> None:
    app = asked()
    assert news(app.hear(m.Accepted(id="t"))) == [m.Accepted(id="t")]
    assert news(app.hear(m.Accepted(id="t"))) == []


def test_accepted_it_is_asked_for_every_thirty_seconds() -> None:
    app = asked()
    app.hear(m.Accepted(id="t"))
    assert pauses(app, m.Submit, 3) == [30, 30, 30]


def test_a_chunk_says_that_it_was_accepted() -> None:
    app = asked()
    chunk = m.Progress(task="app/t", attempt=1, seq=0, text="he")
    assert news(app.hear(chunk)) == [m.Accepted(id="t"), chunk]
    assert sent(app.until(29.9), m.Submit) == []


@pytest.mark.parametrize(
    "message", [m.Accepted(id="t"), FINAL, BUSY, m.Progress(task="app/t", attempt=1, seq=0)]
)
def test_only_the_home_that_was_asked_may_answer(message: m.Message) -> None:
    app = asked()
    assert app.hear(message, "thief") == []
    assert app.requester.waiting() == ("t",)


@pytest.mark.parametrize("message", [m.Accepted(id="x"), m.Rejected(id="x", code=RejectCode.BUSY)])
def test_what_was_not_asked_is_not_told(message: m.Message) -> None:
    assert asked().hear(message) == []


# --- its end -------------------------------------------------------------------------------------


def test_the_final_is_told_once_and_acknowledged_every_time() -> None:
    app = asked()
    assert news(app.hear(FINAL)) == [FINAL]
    assert sent(app.until(0.02), m.FinalAck) == [("desk", m.FinalAck(ids=("t",)))]
    for _ in range(3):
        assert news(app.hear(FINAL)) == []
        assert sent(app.until(0.02), m.FinalAck) == [("desk", m.FinalAck(ids=("t",)))]
    assert app.requester.waiting() == ()
    assert sent(app.until(1000.0), m.Submit) == []


def test_acknowledgements_travel_together() -> None:
    app = App()
    acks: list[Action] = []
    for number in range(70):
        app.submit(f"n{number}")
    for number in range(70):
        acks += app.hear(m.Final(id=f"n{number}", outcome=Outcome.DONE))
    acks += app.until(0.02)
    assert [len(ack.ids) for _, ack in sent(acks, m.FinalAck)] == [64, 6]


def test_what_is_still_to_be_acknowledged_is_said_on_leaving() -> None:
    app = asked()
    app.hear(FINAL)
    assert sent(app.requester.leave(), m.FinalAck)
    assert app.requester.leave() == []


def test_a_final_of_a_stranger_is_not_acknowledged() -> None:
    app = App()
    app.hear(FINAL)
    assert app.until(1.0) == []


def test_the_ends_of_so_many_are_remembered() -> None:
    app = App()
    for number in range(FINISHED_KEPT + 10):
        app.submit(f"n{number}")
        app.hear(m.Final(id=f"n{number}", outcome=Outcome.DONE))
    assert len(app.requester._finished) == FINISHED_KEPT


def test_an_id_is_free_again_after_its_end() -> None:
    app = asked()
    app.hear(BUSY)
    app.submit()
    assert news(app.hear(FINAL)) == [FINAL]


# --- not taken -----------------------------------------------------------------------------------


def test_rejected_is_told_and_over() -> None:
    app = asked()
    assert news(app.hear(BUSY)) == [BUSY]
    assert app.hear(BUSY) == []
    assert sent(app.until(100.0), m.Submit) == []


def test_a_refusal_that_was_overtaken_by_the_acceptance_is_none() -> None:
    app = asked()
    app.hear(m.Accepted(id="t"))
    assert app.hear(BUSY) == []
    assert news(app.hear(FINAL)) == [FINAL]


def test_a_final_after_the_refusal_is_acknowledged_and_not_told() -> None:
    app = asked()
    app.hear(BUSY)
    assert news(app.hear(FINAL)) == []
    assert sent(app.until(0.02), m.FinalAck)


@pytest.mark.parametrize(
    ("code", "rejected", "reason"),
    [
        (NOT_REACHABLE, RejectCode.BUSY, "desk is not on the bus"),
        (
            NOT_ALLOWED,
            RejectCode.DENIED,
            "app may not submit to desk: the broker's access list says so",
        ),
    ],
)
def test_what_the_broker_does_not_deliver_is_told_at_once(
    code: int, rejected: RejectCode, reason: str
) -> None:
    app = asked()
    told = m.Rejected(id="t", code=rejected, reason=reason)
    assert news(app.requester.undelivered("t", code)) == [told]
    assert app.requester.waiting() == ()
    assert app.requester.undelivered("t", code) == []


@pytest.mark.parametrize("code", [0x00, 0x80, 0x97])
def test_other_codes_are_left_to_the_repeat(code: int) -> None:
    app = asked()
    assert app.requester.undelivered("t", code) == []
    assert sent(app.until(1.0), m.Submit)


def test_once_accepted_the_broker_has_no_say() -> None:
    app = asked()
    app.hear(m.Accepted(id="t"))
    assert app.requester.undelivered("t", NOT_REACHABLE) == []


def test_without_any_answer_it_is_given_up_after_its_deadline_and_says_what_is_safe() -> None:
    app = App()
    app.submit(deadline_ms=20_000)
    assert news(app.until(20.0)) == []
    (told,) = news(app.until(30.0))
    assert told == m.Rejected(
        id="t",
        code=RejectCode.BUSY,
        reason="desk gave no answer; sending it again under the id t is safe",
    )


def test_what_was_accepted_is_never_given_up() -> None:
    app = App()
    app.submit(deadline_ms=20_000)
    app.hear(m.Accepted(id="t"))
    assert news(app.until(10_000.0)) == []
    assert app.requester.waiting() == ("t",)


# --- cancelled -----------------------------------------------------------------------------------


def test_a_cancel_repeats_until_the_end() -> None:
    app = asked()
    app.hear(m.Accepted(id="t"))
    assert sent(app.requester.cancel("t", app.now), m.Cancel) == [("desk", m.Cancel(id="t"))]
    assert pauses(app, m.Cancel, 6) == [1, 2, 4, 8, 16, 30]
    app.hear(m.Final(id="t", outcome=Outcome.CANCELLED))
    assert sent(app.until(100.0), m.Cancel) == []


def test_chunks_and_acceptances_do_not_put_a_cancel_off() -> None:
    app = asked()
    app.requester.cancel("t", app.now)
    for _ in range(9):
        app.until(0.1)
        app.hear(m.Progress(task="app/t", attempt=1, seq=0, text="he"))
        app.hear(m.Accepted(id="t"))
    assert len(sent(app.until(0.2), m.Cancel)) == 1


def test_a_cancel_of_what_is_over_is_nothing() -> None:
    assert App().requester.cancel("t", 0.0) == []


# --- thousands -----------------------------------------------------------------------------------


def test_thousands_of_requests_cost_no_more_than_those_that_are_due() -> None:
    app = App()
    for number in range(5000):
        app.submit(f"n{number}", deadline_ms=m.DAY_MS)
        app.hear(m.Accepted(id=f"n{number}"))
        app.now += 0.001
    assert len(app.requester._timers._heap) < 3 * 5000
    looked = 0

    class Counting(dict[str, object]):
        def __getitem__(self, key: str) -> object:
            nonlocal looked
            looked += 1
            return super().__getitem__(key)

    app.requester._requests = Counting(app.requester._requests)  # type: ignore[assignment]
    app.now = app.requester.wake()
    assert len(sent(app.requester.tick(app.now), m.Submit)) == 1
    assert looked == 1
