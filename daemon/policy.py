"""Who gets the task: every bid corrected, scored and explained; the lowest score wins.

    base  = corrected + cost * COST_MS            corrected: see daemon.pricing

    fastest         score = base
    local_first     score = base; for the home itself, with a free slot, max(0, base - 250) / 4:
                    it wins unless it is worse than 4 times the best other plus 250 ms
    quality_first   score = base + one hour for every 0.05 of quality missing from 1
    distributed     score = base * (1 + 4 * the node's recent share of the wins)

Out before scoring, in this order: declined, not allowed (privacy or delegation), below the wanted
quality, not above the best quality that has abstained. Late bids (believed time > time left) are out
only when somebody is in time: a late answer may still come, none at all cannot. With an abstention in
hand they are always out. Equal scores are drawn by a hash of the auction's nonce and the
node, so every replay of the same auction has the same winner and no node is always the lucky one.
"""

import hashlib
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import msgspec

from bus_topics.messages import Bid, Considered, Decision, Preference
from daemon.pricing import FLOOR_MS, Calibration, believed_ms, corrected_ms, correction

COST_MS = 1000.0
"""One unit of cost weighs as much as so many milliseconds."""

LOCAL_FACTOR = 4.0
LOCAL_SLACK_MS = 250.0
QUALITY_BAND = 0.05
QUALITY_BAND_MS = 3_600_000.0
SHARE_FACTOR = 4.0
SHARE_WEIGHT = 0.2
MAX_REASON = 500
"""Longest `Reason` on the wire; the parts of one are the bidders' own words."""

MAX_CONSIDERED = 64
"""`Decision.bids` holds no more; the best ranked come first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the home wants of this award.

    `allowed` None is everybody; a set is exactly these, and an empty set is nobody. `above` is the
    best quality that has abstained from the task, None while nobody has. `recent` is
    each node's share of recent wins (`shares_after`), read by `distributed` alone. `own_free`:
    the home's own node has a free slot.
    """

    preference: Preference
    own: str
    deadline_left_ms: float
    lease_ms: float
    capability: str = ""
    allowed: Collection[str] | None = None
    min_quality: float = 0.0
    above: float | None = None
    recent: Mapping[str, float] = field(default_factory=dict)
    own_free: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """The decision with its reasons, and the valid bidders, best first; empty when none is."""

    decision: Decision
    ranking: tuple[str, ...]


def decide(
    bids: Mapping[str, Bid],
    calibrations: Mapping[str, Calibration],
    terms: Terms,
    attempt: int,
    tie: str,
) -> Choice:
    """Choose among `bids` (by bidder) with what is known of each; a stranger is believed.

    `tie` is the auction's nonce. The order of the mappings does not matter.
    """
    views = [
        _consider(node, bids[node], calibrations.get(node, Calibration()), terms)
        for node in sorted(bids)
    ]
    late = {
        node: believed
        for node, bid in bids.items()
        if (believed := believed_ms(bid.eta_ms, calibrations.get(node, Calibration())))
        > terms.deadline_left_ms
    }
    in_time = any(not view.excluded and view.node not in late for view in views)
    if in_time or terms.above is not None:
        views = [_without_late(view, late, terms) for view in views]
    valid = sorted(
        (view for view in views if not view.excluded),
        key=lambda view: (view.score, _lot(tie, view.node), view.node),
    )
    decision = Decision(
        attempt=attempt,
        winner=valid[0].node if valid else None,
        preference=terms.preference,
        reason=_clip(_reason(valid, views, late, terms)),
        bids=tuple([*valid, *(view for view in views if view.excluded)][:MAX_CONSIDERED]),
    )
    return Choice(decision=decision, ranking=tuple(view.node for view in valid))


def shares_after(recent: Mapping[str, float], winner: str) -> dict[str, float]:
    """Every node's share of recent wins after one more, for `Terms.recent`; they sum to 1 at most.

    Each win weighs 0.2 and fades by 0.8 with every later one; a share below 0.001 is dropped.
    """
    faded = {node: share * (1.0 - SHARE_WEIGHT) for node, share in recent.items()}
    faded[winner] = faded.get(winner, 0.0) + SHARE_WEIGHT
    return {node: share for node, share in faded.items() if share >= 0.001}


def _consider(node: str, bid: Bid, calibration: Calibration, terms: Terms) -> Considered:
    if bid.declined:
        return Considered(node=node, excluded=_clip(f"declined: {bid.declined}"))
    believed = believed_ms(bid.eta_ms, calibration)
    corrected = corrected_ms(bid.eta_ms, calibration, terms.lease_ms)
    return Considered(
        node=node,
        eta_ms=bid.eta_ms,
        quality=bid.quality,
        cost=bid.cost,
        warm=bid.warm,
        price=bid.price,
        correction=min(believed / max(bid.eta_ms, FLOOR_MS), 1e6),
        reliability=correction(calibration)[1],
        corrected_ms=corrected,
        score=_score(node, bid, corrected, terms),
        excluded=_clip(_exclusion(node, bid, terms)),
    )


def _exclusion(node: str, bid: Bid, terms: Terms) -> str:
    if terms.allowed is not None and node not in terms.allowed:
        return "not allowed: the task may go to chosen nodes alone"
    if bid.quality < terms.min_quality:
        return f"quality {bid.quality:.2f} is below {terms.min_quality:.2f}"
    if terms.above is not None and bid.quality <= terms.above:
        return f"quality {bid.quality:.2f} is not above {terms.above:.2f}, which abstained"
    return ""


def _score(node: str, bid: Bid, corrected: float, terms: Terms) -> float:
    base = corrected + bid.cost * COST_MS
    match terms.preference:
        case Preference.FASTEST:
            return base
        case Preference.LOCAL_FIRST:
            if node == terms.own and terms.own_free:
                return max(0.0, base - LOCAL_SLACK_MS) / LOCAL_FACTOR
            return base
        case Preference.QUALITY_FIRST:
            return base + (1.0 / QUALITY_BAND - _band(bid.quality)) * QUALITY_BAND_MS
        case Preference.DISTRIBUTED:
            return base * (1.0 + SHARE_FACTOR * terms.recent.get(node, 0.0))


def _band(quality: float) -> int:
    return math.floor(quality / QUALITY_BAND + 0.5)


def _without_late(view: Considered, late: Mapping[str, float], terms: Terms) -> Considered:
    """The view, excluded if its bidder is among the late (believed milliseconds by node)."""
    if view.excluded or view.node not in late:
        return view
    told = f"late: {late[view.node]:.0f} ms expected, {terms.deadline_left_ms:.0f} left"
    return msgspec.structs.replace(view, excluded=told)


def _lot(tie: str, node: str) -> bytes:
    return hashlib.blake2b(f"{tie}\0{node}".encode(), digest_size=8).digest()


def _clip(text: str) -> str:
    return text if len(text) <= MAX_REASON else text[: MAX_REASON - 3] + "..."


def _reason(
    valid: list[Considered], views: list[Considered], late: Collection[str], terms: Terms
) -> str:
    """One sentence for people: who wins, by what, over whom."""
    if not views:
        return "nobody bid"
    if not valid:
        told = "; ".join(f"{view.node} {view.excluded}" for view in views)
        return f"no bid can be taken: {told}"
    won = valid[0]
    wins = f"{won.node} wins, though late" if won.node in late else f"{won.node} wins"
    if len(valid) == 1:
        others = f", {len(views) - 1} excluded" if len(views) > 1 else ""
        return f"{wins}: the only valid bid, {_worth(won)}{others}"
    second = valid[1]
    if won.score == second.score:
        return f"{wins} by lot: {_worth(won)} equals {second.node}'s"
    return f"{wins}{_advantage(won, second, terms)}"


def _advantage(won: Considered, second: Considered, terms: Terms) -> str:
    """What put the winner before the second, in the words of the preference."""
    rival = f"{second.node}'s {second.corrected_ms:.0f} ms"
    if second.eta_ms < won.corrected_ms < second.corrected_ms:
        rival += f" ({_steps(second)})"  # it would have won, had its word been taken
    slower = won.corrected_ms > second.corrected_ms
    if slower and won.node == terms.own and terms.preference is Preference.LOCAL_FIRST:
        return f" as the home itself: {_worth(won)} is near enough to {rival}"
    if terms.preference is Preference.QUALITY_FIRST and _band(won.quality) != _band(second.quality):
        return (
            f": quality {won.quality:.2f} beats {second.node}'s {second.quality:.2f}, {_worth(won)}"
        )
    if slower and terms.preference is Preference.DISTRIBUTED:
        mine, theirs = (terms.recent.get(node, 0.0) for node in (won.node, second.node))
        if mine != theirs:
            return f": {_worth(won)} at {mine:.0%} of recent wins beats {rival} at {theirs:.0%}"
    if slower:
        return f": {_worth(won)} at cost {won.cost:g} beats {rival} at cost {second.cost:g}"
    return f": {_worth(won)} beats {rival}"


def _worth(view: Considered) -> str:
    """The corrected time, and how it came from the bid where it differs."""
    return f"{view.corrected_ms:.0f} ms corrected ({_steps(view)})"


def _steps(view: Considered) -> str:
    """What was bid, and what is made of it."""
    steps = f"bid {view.eta_ms:.0f} ms x {view.correction:.2f}"
    return f"{steps}, {view.reliability:.0%} reliable" if view.reliability < 0.995 else steps
