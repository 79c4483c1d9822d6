"""What a home has awarded since a bid was made is added to the bid: auctions open together do not herd."""

from __future__ import annotations

from machine_desk import Desk, awards, offers
from msgspec.structs import replace

from bus_topics import messages as m
from daemon.holdings import Holdings, delayed
from daemon.task import Phase, Task


def bid(eta_ms: float, busy_ms: float, free: int) -> m.Bid:
    price = m.Price(wait_ms=eta_ms - busy_ms, decode_ms=busy_ms)
    return m.Bid(task="app/t", auction="n", eta_ms=eta_ms, free_slots=free, price=price)


def held(node: str, awarded: float, attempt: int, busy_ms: float) -> Task:
    bids = {node: bid(busy_ms, busy_ms, 1)}
    return Task(phase=Phase.AWARDED, contractor=node, attempt=attempt, awarded=awarded, bids=bids)


def test_what_was_awarded_since_waits_before_it() -> None:
    later = delayed(bid(500.0, 300.0, free=0), [100.0, 50.0])
    assert (later.eta_ms, later.price.wait_ms, later.price.decode_ms) == (650.0, 350.0, 300.0)
    # The first award takes the free slot.
    first = delayed(bid(300.0, 300.0, free=1), [100.0])
    assert (first.eta_ms, first.free_slots) == (400.0, 0)
    # Of two free slots one is left; of two awards beyond them the shorter is waited for.
    assert delayed(bid(300.0, 300.0, free=2), [100.0]).eta_ms == 300.0
    assert delayed(bid(300.0, 300.0, free=2), [100.0, 40.0]).eta_ms == 340.0
    refused = m.Bid(task="app/t", auction="n", declined="quiet hours")
    assert delayed(refused, [100.0]) == refused


def test_holdings_follow_award_loss_and_end() -> None:
    holdings = Holdings()
    first, second = held("slow", 1.0, 1, 100.0), held("slow", 2.0, 1, 40.0)
    holdings.moved("app/a", Task(), first)
    holdings.moved("app/b", Task(), second)
    assert holdings.of("slow") == ("app/a", "app/b")
    assert holdings.since("slow", 0.0) == [40.0, 100.0]
    assert holdings.since("slow", 1.0) == [40.0], "a bid of that instant knew of the first"
    # The same node again, by another attempt: as if it had come last.
    holdings.moved("app/a", first, held("slow", 3.0, 2, 100.0))
    assert holdings.since("slow", 2.0) == [100.0]
    holdings.moved("app/b", second, held("fast", 4.0, 2, 4.0))
    assert (holdings.of("slow"), holdings.of("fast")) == (("app/a",), ("app/b",))
    holdings.moved("app/a", held("slow", 3.0, 2, 100.0), Task(phase=Phase.FINAL))
    assert holdings.of("slow") == ()


def test_auctions_that_are_open_together_do_not_all_go_to_one() -> None:
    desk = Desk("slow", "fast")
    tasks = [f"t{n}" for n in range(8)]
    opened = [offer for task in tasks for offer in offers(desk.submit(task))]
    assert len(opened) == 8, "all rounds are open before the first bid comes"
    desk.until(0.05)
    won: list[str] = []
    for offer in opened:
        # Nobody knows of any award yet; the slow one has less to do and is the better for each alone.
        for node, wait_ms, work_ms in (("slow", 0.0, 2000.0), ("fast", 1900.0, 200.0)):
            priced = bid(wait_ms + work_ms, work_ms, free=0)
            told = replace(priced, task=offer.task, auction=offer.auction)
            won += [to for to, _ in awards(desk.hear(node, told))]
    assert won == ["slow"] + ["fast"] * 7, "a second one on the slow would have ended at 4 s"
    assert desk.task("app/t3").promised_ms == 1900.0 + 3 * 200.0, "and that is what was promised"
