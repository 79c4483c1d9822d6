"""What a task costs on this node, and how far a home believes what others say it costs.

Contractor's side, all in milliseconds:

    eta      = wait + load + prefill + decode + overhead
    wait     = when the first slot is free, the work left dealt in order to the slot free earliest
               (`daemon.lanes`; beside others in one process: what they take from it)
    load     = 0 if a worker is warm, else the measured time to start one and load the model
    prefill  = 1000 * prefill_tokens / prefill_tok_s * stretch
    decode   = 1000 * decode_tokens  / decode_tok_s  * stretch
    stretch  = min(max(1, load average / cores), 32)
    cost     = cost_per_s * (load + prefill + decode + overhead) / 1000

Every part is rounded to 1/8 ms, so that the sum is exact in binary floating point.

Home's side, for one (node, capability), learned from results:

    believed  = max(eta, 1 ms) * ratio + excess
    corrected = believed + (1 - reliability) * lease

`ratio` is the geometric mean of actual over promised (at least 1 ms each), within 1/20..20; `excess`
is the mean of what even a ratio of 20 leaves unexplained, so a bid of 0 ms ends at what the node
really takes. docs/pricing.md has an example.
"""

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from bus_topics.messages import DAY_MS, Bid, Features, Offer, Price, Timing
from daemon.lanes import DRAG, Left, seated, wait_ms
from handlers.catalog import Entry
from handlers.protocol import Usage

WEIGHT = 0.2
"""Share of the newest sample in every average, once there are enough for it."""

OUTLIER = 4.0
"""A sample further off than this factor counts as if it were just so far off."""

MAX_STRETCH = 32.0
HOLD_MS = 30_000
"""How long a bid may be kept in hand: two default leases."""

ASSUMED_OVERHEAD_MS = 5.0
ASSUMED_START_MS = 200.0
ASSUMED_LOAD_MS_PER_MB = 10.0

MAX_RATIO = 20.0
FLOOR_MS = 1.0
"""No promise and no result counts as shorter; else a bid of 0 could never be corrected."""

LONGEST_MS = 30.0 * DAY_MS
"""Nothing is believed to take longer: it is the longest time that a message can tell."""

MEMORY = 0.9
"""What is kept of the count of successes and failures at each new one."""

PRIOR_SUCCESSES = 4.0
"""A stranger counts as having succeeded so often and never failed."""

FADE = 0.99

REFUSAL = 0.25
"""A refusal counts as this part of a failure: it cost a round trip, not a lease."""


class Speed(msgspec.Struct, frozen=True):
    """Measured speed of one (capability, model) on this node. 0 means not measured yet.

    Tokens per second and milliseconds, as on an idle machine; `samples` counts the runs.
    """

    prefill_tok_s: float = 0.0
    decode_tok_s: float = 0.0
    load_ms: float = 0.0
    overhead_ms: float = 0.0
    samples: int = 0

    def to_state(self) -> bytes:
        """As a row of the journal's `fact` table."""
        return msgspec.json.encode(self)

    @staticmethod
    def from_state(state: bytes) -> "Speed":
        """Back from `to_state`. What cannot be read is as if nothing had been measured."""
        try:
            speed = msgspec.json.decode(state, type=Speed)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return Speed()
        return speed if min(msgspec.structs.astuple(speed)) >= 0 else Speed()


@dataclass(frozen=True, slots=True)
class Shop:
    """What a node knows of itself at the moment it is asked for a price.

    `entries` and `speeds` are by capability; a capability without a speed is priced by the
    catalog's. `work_left` is each running, then each queued attempt, in the order they will run;
    `together` is how many of a capability one process computes at once, where that is more than one.
    `load` is the 1-minute load average over the cores. `closed` says
    why the node takes no work at all now ("" = it does). An empty `accept_from` accepts everybody;
    a node always accepts its own work, quiet hours or not: both limit what it does for others.
    """

    node: str
    entries: Mapping[str, Entry]
    speeds: Mapping[str, Speed]
    warm: Collection[str] = ()
    slots: int = 1
    work_left: Sequence[Left] = ()
    together: Mapping[str, int] = field(default_factory=dict)
    load: float = 0.0
    memory_free_mb: float = math.inf
    cost_per_s: float = 0.0
    quiet: bool = False
    max_queue: int = 64
    closed: str = ""
    accept_from: Collection[str] = ()


class Calibration(msgspec.Struct, frozen=True):
    """What a home learned of one node's promises for one capability. The default is neutral.

    `successes` and `failures` are decayed counts; `samples` counts the results learned from.
    """

    log_ratio: float = 0.0
    excess_ms: float = 0.0
    successes: float = 0.0
    failures: float = 0.0
    samples: int = 0

    def to_state(self) -> bytes:
        """As a row of the journal's `fact` table."""
        return msgspec.json.encode(self)

    @staticmethod
    def from_state(state: bytes) -> "Calibration":
        """Back from `to_state`. What cannot be read is a neutral calibration."""
        try:
            found = msgspec.json.decode(state, type=Calibration)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return Calibration()
        counts = (found.excess_ms, found.successes, found.failures, found.samples)
        sound = min(counts) >= 0 and abs(found.log_ratio) <= math.log(MAX_RATIO) + 1e-9
        return found if sound else Calibration()


def price(offer: Offer, sender: str, shop: Shop) -> Bid:
    """This node's bid for `offer` of the home `sender`, or a bid that says why it declines."""
    reason = _refusal(offer, sender, shop)
    if reason:
        return _declined(offer, reason)
    entry = shop.entries[offer.capability]
    cost_of = parts(offer.capability, offer.features, shop)
    lanes, queued = seated(shop.work_left, shop.slots, shop.together)
    eta = cost_of.wait_ms + busy_ms(cost_of)
    if eta > offer.deadline_ms:
        return _declined(offer, f"needs {eta:.0f} ms, {offer.deadline_ms} ms are left")
    return Bid(
        task=offer.task,
        auction=offer.auction,
        eta_ms=eta,
        quality=entry.quality,
        cost=min(shop.cost_per_s * busy_ms(cost_of) / 1000.0, 1e9),
        hold_ms=min(HOLD_MS, offer.deadline_ms),
        model=entry.model,
        warm=offer.capability in shop.warm,
        free_slots=0 if queued else lanes.free(offer.capability),
        price=cost_of,
    )


def parts(capability: str, features: Features, shop: Shop) -> Price:
    """The parts of the eta of such a task here. KeyError when the shop has no such capability."""
    entry = shop.entries[capability]
    speed = known(shop.speeds.get(capability, Speed()), entry)
    work = entry.estimate(features.tokens, features.max_tokens)
    stretch = _stretch(shop.load)
    alone = Price(
        load_ms=0.0 if capability in shop.warm else _eighths(speed.load_ms),
        prefill_ms=_eighths(_run_ms(work.prefill_tokens, speed.prefill_tok_s) * stretch),
        decode_ms=_eighths(_run_ms(work.decode_tokens, speed.decode_tok_s) * stretch),
        overhead_ms=_eighths(speed.overhead_ms),
    )
    mine = Left(capability, busy_ms(alone))
    wait = wait_ms(shop.work_left, shop.slots, mine, shop.together)
    return msgspec.structs.replace(alone, wait_ms=_eighths(wait))


def busy_ms(price: Price) -> float:
    """How long the work itself holds a slot: all but the wait."""
    return price.load_ms + price.prefill_ms + price.decode_ms + price.overhead_ms


def known(speed: Speed, entry: Entry) -> Speed:
    """`speed` with what is not measured filled in from the catalog's assumptions."""
    assumed_load = ASSUMED_START_MS + ASSUMED_LOAD_MS_PER_MB * entry.memory_mb
    return msgspec.structs.replace(
        speed,
        prefill_tok_s=speed.prefill_tok_s or entry.speeds.prefill,
        decode_tok_s=speed.decode_tok_s or entry.speeds.decode,
        load_ms=speed.load_ms or assumed_load,
        overhead_ms=speed.overhead_ms or ASSUMED_OVERHEAD_MS,
    )


def observe(
    speed: Speed, timing: Timing, usage: Usage | None = None, *, load: float = 0.0
) -> Speed:
    """`speed` after one more run.

    `usage` splits the run into prefill, decode and overhead. Without it both speeds are scaled by
    how far the run missed them, and the overhead is kept. What was computed beside others counts as
    it would have taken alone. `load` is what `Shop.load` was during
    the run: it is divided out, or a busy node would price the load twice.
    """
    if usage is None:
        usage = _guess_usage(speed, timing)
    stretch = _stretch(load)
    overhead_ms = timing.run_ms - 1000.0 * (usage.prefill_s + usage.decode_s + usage.others_s)
    weight = max(WEIGHT, 1.0 / (speed.samples + 1))
    return Speed(
        prefill_tok_s=_rate(
            speed.prefill_tok_s, usage.prefill_tokens, usage.prefill_s / stretch, weight
        ),
        decode_tok_s=_rate(
            speed.decode_tok_s, usage.decode_tokens, _alone_s(usage) / stretch, weight
        ),
        load_ms=_mean(speed.load_ms, timing.load_ms, WEIGHT) if timing.load_ms else speed.load_ms,
        overhead_ms=_mean(speed.overhead_ms, max(overhead_ms, 0.125), weight),
        samples=speed.samples + 1,
    )


def quiet_now(quiet_hours: str, minutes_of_day: int) -> bool:
    """Whether the local time lies in `quiet_hours` ("22:00-07:00"); the end is no longer quiet.

    A span may cross midnight; one that ends where it begins is the whole day; "" is never.

    Raises:
        ValueError: the span or the minutes (0 to 1439) are not what is expected.
    """
    if not 0 <= minutes_of_day < _DAY_MINUTES:
        raise ValueError(f"minutes_of_day is {minutes_of_day}; expected 0 to 1439")
    if not quiet_hours:
        return False
    span = _SPAN.fullmatch(quiet_hours)
    if span is None:
        raise ValueError(
            f"quiet hours are {quiet_hours!r}; expected two clock times as in 22:00-07:00, or empty"
        )
    hour, minute, end_hour, end_minute = map(int, span.groups())
    begin, until = hour * 60 + minute, end_hour * 60 + end_minute
    if begin < until:
        return begin <= minutes_of_day < until
    return minutes_of_day >= begin or minutes_of_day < until


def learn(calibration: Calibration, promised_ms: float, actual_ms: float) -> Calibration:
    """After a result: `promised_ms` was the bid's eta, `actual_ms` from award to result."""
    promised, actual = max(promised_ms, FLOOR_MS), max(actual_ms, FLOOR_MS)
    limit = math.log(MAX_RATIO)
    seen = min(max(math.log(actual / promised), -limit), limit)
    excess = max(0.0, actual - MAX_RATIO * promised)
    # The neutral start counts as one sample, so one freak result moves a stranger only half way.
    weight = max(WEIGHT, 1.0 / (calibration.samples + 2))
    return Calibration(
        log_ratio=calibration.log_ratio + weight * (seen - calibration.log_ratio),
        excess_ms=calibration.excess_ms + weight * (excess - calibration.excess_ms),
        successes=calibration.successes * MEMORY + 1.0,
        failures=calibration.failures * MEMORY,
        samples=calibration.samples + 1,
    )


def failed(calibration: Calibration) -> Calibration:
    """After an attempt that failed or went silent."""
    return _blamed(calibration, 1.0)


def refused(calibration: Calibration) -> Calibration:
    """After an award was refused although there was a bid."""
    return _blamed(calibration, REFUSAL)


def restarted(calibration: Calibration) -> Calibration:
    """After the node came back under a new boot: half of its failures are forgiven.

    A node that is never chosen cannot show that it has become well. How slow it is, it keeps.
    """
    return msgspec.structs.replace(calibration, failures=calibration.failures * 0.5)


def outbid(calibration: Calibration) -> Calibration:
    """After the node bid and another was chosen: what speaks against it fades by one part in 100.

    Only winners are learned from. Without this, one slow answer could shut a node out for good.
    """
    return msgspec.structs.replace(
        calibration,
        log_ratio=calibration.log_ratio * (FADE if calibration.log_ratio > 0 else 1.0),
        excess_ms=calibration.excess_ms * FADE,
        failures=calibration.failures * FADE,
    )


def correction(calibration: Calibration) -> tuple[float, float]:
    """The ratio of actual to promised, and the reliability 0 to 1; (1, 1) for a stranger."""
    good = calibration.successes + PRIOR_SUCCESSES
    return math.exp(calibration.log_ratio), good / (good + calibration.failures)


def believed_ms(eta_ms: float, calibration: Calibration) -> float:
    """When the answer will come if the attempt succeeds: the eta, corrected for past lateness."""
    ratio, _ = correction(calibration)
    return min(max(eta_ms, FLOOR_MS) * ratio + calibration.excess_ms, LONGEST_MS)


def corrected_ms(eta_ms: float, calibration: Calibration, lease_ms: float) -> float:
    """`believed_ms` and the expected cost of failing, which is found out after a lease."""
    _, reliability = correction(calibration)
    risk_ms = (1.0 - reliability) * lease_ms
    return min(believed_ms(eta_ms, calibration) + risk_ms, LONGEST_MS)


_DAY_MINUTES = 24 * 60
_SPAN = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)", re.ASCII)


def _refusal(offer: Offer, sender: str, shop: Shop) -> str:
    """Why this node does not bid whatever the price, or ""."""
    entry = shop.entries.get(offer.capability)
    if entry is None:
        return f"no capability {offer.capability}"
    if offer.only and shop.node not in offer.only:
        return "not among the nodes asked"
    if shop.closed:
        return shop.closed
    if sender != shop.node:
        if shop.accept_from and sender not in shop.accept_from:
            return f"takes no work from {sender}"
        if shop.quiet:
            return "quiet hours"
    if entry.quality < offer.min_quality:
        return f"quality {entry.quality:.2f} is below {offer.min_quality:.2f}"
    lanes, queued = seated(shop.work_left, shop.slots, shop.together)
    waits = queued or not lanes.fits(offer.capability)
    if shop.slots < 1 or (waits and queued >= shop.max_queue):
        return f"queue full: {len(shop.work_left)} attempts in hand"
    if offer.capability not in shop.warm and shop.memory_free_mb < entry.memory_mb:
        return f"needs {entry.memory_mb} MB, {shop.memory_free_mb:.0f} MB are free"
    return ""


def _declined(offer: Offer, reason: str) -> Bid:
    return Bid(task=offer.task, auction=offer.auction, declined=reason[:500])


def _alone_s(usage: Usage) -> float:
    """The seconds of decoding if no others had been computed beside it; see `daemon.lanes`."""
    if usage.decode_s <= 0 or usage.others_s <= 0:
        return usage.decode_s
    others = usage.others_s / usage.decode_s  # as many as there were on average
    return (usage.decode_s + usage.others_s) / (1.0 + DRAG * others)


def _stretch(load: float) -> float:
    return min(max(1.0, load), MAX_STRETCH)


def _run_ms(tokens: int, tok_s: float) -> float:
    """0 where no model runs: neither a measured nor an assumed speed."""
    return 1000.0 * tokens / tok_s if tok_s > 0 else 0.0


def _eighths(ms: float) -> float:
    return round(ms * 8.0) / 8.0


def _mean(old: float, seen: float, weight: float) -> float:
    """Exponentially weighted mean; `seen` is held within `OUTLIER` of `old`, the first is taken."""
    if old <= 0:
        return seen
    return old + weight * (min(max(seen, old / OUTLIER), old * OUTLIER) - old)


def _rate(old: float, tokens: int, seconds: float, weight: float) -> float:
    """Mean tokens per second. Seconds per token are what is averaged: an eta is linear in them."""
    if tokens <= 0 or seconds <= 0:
        return old
    return 1.0 / _mean(1.0 / old if old > 0 else 0.0, seconds / tokens, weight)


def _guess_usage(speed: Speed, timing: Timing) -> Usage:
    """Split a run's time as `speed` foresaw it; without a speed it is all overhead."""
    prefill = _run_ms(timing.prefill_tokens, speed.prefill_tok_s)
    decode = _run_ms(timing.decode_tokens, speed.decode_tok_s)
    if prefill + decode <= 0:
        return Usage()
    share = max(0.0, timing.run_ms - speed.overhead_ms) / (prefill + decode) / 1000.0
    return Usage(timing.prefill_tokens, prefill * share, timing.decode_tokens, decode * share)


def _blamed(calibration: Calibration, weight: float) -> Calibration:
    return msgspec.structs.replace(
        calibration,
        successes=calibration.successes * MEMORY,
        failures=calibration.failures * MEMORY + weight,
    )
