"""The examples of docs/pricing.md are what the code computes."""

from pathlib import Path

from bus_topics.messages import Features, Offer, Preference
from daemon.lanes import Left
from daemon.policy import Terms, decide
from daemon.pricing import Calibration, Shop, Speed, believed_ms, failed, learn, price
from handlers.catalog import Entry, Speeds, Work

PAGE = (Path(__file__).parent.parent / "docs" / "pricing.md").read_text(encoding="utf-8")
ENTRY = Entry(
    capability="chat",
    factory="",
    model="text",
    quality=0.4,
    estimate=Work,
    speeds=Speeds(prefill=500.0, decode=50.0),
    memory_mb=100,
)
OFFER = Offer(
    task="desk/1",
    auction="0123abcd",
    capability="chat",
    features=Features(bytes=70, tokens=20, max_tokens=64),
    deadline_ms=5000,
    window_ms=150,
)
PI5 = Shop(
    node="pi5",
    entries={"chat": ENTRY},
    speeds={"chat": Speed(2000.0, 400.0, 900.0, 4.0, 30)},
    warm={"chat"},
    load=1.5,
)
DESK = Shop(
    node="desk",
    entries={"chat": ENTRY},
    speeds={"chat": Speed(8000.0, 1600.0, 300.0, 2.5, 30)},
    warm={"chat"},
    work_left=(Left("chat", 400.0), Left("chat", 150.0)),
)
NAS = Shop(node="nas", entries={"chat": ENTRY}, speeds={}, quiet=True)
BIDS = {shop.node: price(OFFER, "desk", shop) for shop in (PI5, DESK, NAS)}


def five_results() -> Calibration:
    calibration = Calibration()
    for _ in range(5):
        calibration = learn(calibration, 250.0, 325.0)
    return calibration


def reason(calibration: Calibration) -> str:
    terms = Terms(
        preference=Preference.FASTEST, own="desk", deadline_left_ms=5000.0, lease_ms=15_000.0
    )
    return decide(BIDS, {"pi5": calibration}, terms, 1, OFFER.auction).decision.reason


def test_the_table_of_bids() -> None:
    for node in ("pi5", "desk"):
        row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{node}`"))
        cells = [float(cell) for cell in row.strip("| ").split("|")[1:]]
        told = BIDS[node].price
        assert cells == [
            *(told.wait_ms, told.load_ms, told.prefill_ms, told.decode_ms, told.overhead_ms),
            BIDS[node].eta_ms,
        ]
    assert BIDS["nas"].declined == "quiet hours"


def test_the_two_decisions() -> None:
    assert f"> {reason(five_results())}\n" in PAGE
    assert f"> {reason(failed(five_results()))}\n" in PAGE


def test_the_liar_who_bids_nothing() -> None:
    calibration, told = Calibration(), []
    for _ in range(5):
        told.append(f"{believed_ms(0.0, calibration):,.0f}")
        calibration = learn(calibration, 0.0, 2000.0)
    assert ", ".join(told) in " ".join(PAGE.split())
