"""A node's standing as metrics in Prometheus' text or OpenMetrics; docs/observability.md explains each.

Base units (seconds, bytes), `_total` for what only rises, labels of few values: no task and no login is one.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from typing import NamedTuple, TypeVar

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.process_collector import ProcessCollector

from daemon.contractor import Vitals
from daemon.pricing import correction
from daemon.standing import Standing
from daemon.tally import Buckets
from daemon.task import Phase

MOST_PAIRS = 200
"""Pairs of node and capability whose calibration is told: those with the most samples."""
PARTS = ("node", "broker", "journal")

Labels = TypeVar("Labels", bound=str | tuple[str, ...])


def render(standing: Standing, late_s: float, accept: str) -> tuple[bytes, str]:
    """The metrics in the form that an Accept header asks for, and that form's content type.

    `late_s` is how long the node's loop let the question wait.
    """
    encode, kind = choose_encoder(accept)
    families = [*_families(standing, late_s), *ProcessCollector(registry=None).collect()]
    return encode(_Once(families)), kind


class _Once(NamedTuple):
    """What an encoder reads."""

    families: Iterable[Metric]

    def collect(self) -> Iterable[Metric]:
        """All of it."""
        return self.families


def _families(standing: Standing, late_s: float) -> Iterator[Metric]:
    told = {"version": standing.version, "profile": standing.profile, "boot": standing.boot}
    yield InfoMetricFamily("forgebus_node", "This node.", {"node": standing.node, **told})
    yield from _health(standing, late_s)
    yield from _home(standing)
    yield from _promises(standing)
    yield from _contractor(standing)
    yield from _machine(standing.vitals)
    yield from _bus(standing)


def _health(standing: Standing, late_s: float) -> Iterator[Metric]:
    health = standing.health
    well = {part: float(part not in health.faults) for part in PARTS}
    yield _gauge("forgebus_healthy", "Whether this part of the node is well.", well, "part")
    yield _gauge("forgebus_loop_delay_seconds", "How late the loop took this up.", {(): late_s})
    trip = {(): health.broker_s} if health.broker_s is not None else {}
    words = "From a message to ourselves to the broker's acknowledgement."
    yield _gauge("forgebus_broker_round_trip_seconds", words, trip)
    write = {(): health.journal_s} if health.journal_s is not None else {}
    yield _gauge("forgebus_journal_write_seconds", "From a row to its being on the disk.", write)


def _home(standing: Standing) -> Iterator[Metric]:
    tally = standing.tally
    phases = {phase.value: standing.tasks.get(phase, 0) for phase in Phase if phase != Phase.CLOSED}
    yield _gauge("forgebus_tasks", "Tasks of this home by state.", phases, "state")
    limit = {(): standing.max_tasks}
    yield _gauge("forgebus_tasks_limit", "Unfinished tasks before this home is busy.", limit)
    yield _counter("forgebus_tasks_accepted", "Tasks accepted.", {(): tally.accepted})
    yield _counter("forgebus_tasks_rejected", "Tasks not taken.", tally.rejected, "code")
    yield _counter("forgebus_decisions", "Awards, abstentions, ends.", tally.events, "kind")
    words = "From acceptance to the end of tasks that were done."
    yield _histogram("forgebus_task_seconds", words, tally.task_s)
    answers = {"yes": tally.bids[True], "no": tally.bids[False]}
    yield _counter("forgebus_bids", "Answers to our offers.", answers, "declined")
    yield _histogram("forgebus_bid_seconds", "From an offer to a node's answer.", tally.bid_s)


def _promises(standing: Standing) -> Iterator[Metric]:
    tally = standing.tally
    words = "Measured over promised time of awards that were kept."
    yield _histogram("forgebus_promise_ratio", words, tally.promise_ratio)
    yield _counter(
        "forgebus_leases_lost", "Attempts lost with a lease or node.", tally.lost, "node"
    )
    yield _counter("forgebus_promises_broken", "Awards refused or failed.", tally.broken, "how")
    most = sorted(standing.calibrations.items(), key=lambda known: -known[1].samples)[:MOST_PAIRS]
    learned = {pair: correction(calibration) for pair, calibration in most}
    ratios = {pair: ratio for pair, (ratio, _) in learned.items()}
    names = ("node", "capability")
    yield _gauge("forgebus_calibration_ratio", "What bids are corrected by.", ratios, *names)
    sure = {pair: reliability for pair, (_, reliability) in learned.items()}
    yield _gauge("forgebus_reliability_ratio", "Share of awards that are kept.", sure, *names)


def _contractor(standing: Standing) -> Iterator[Metric]:
    tally = standing.tally
    held = {phase.value: count for phase, count in standing.attempts.items()}
    yield _gauge("forgebus_attempts", "Attempts that this node holds.", held, "state")
    yield _gauge("forgebus_slots", "Attempts that it runs at a time.", {(): standing.slots})
    ends = ("model", "outcome")
    yield _counter("forgebus_attempts_ended", "Attempts run here.", tally.attempts, *ends)
    kinds = ("model", "kind")
    yield _counter("forgebus_tokens", "Tokens through a model.", tally.tokens, *kinds)
    yield _counter("forgebus_model_seconds", "Time in a model.", tally.model_s, *kinds)
    speeds = {
        (skill.capability, kind): speed
        for skill in standing.skills
        for kind, speed in (("prefill", skill.prefill_tok_s), ("decode", skill.decode_tok_s))
        if speed
    }
    words = "Tokens a second as bids are made with."
    yield _gauge("forgebus_speed_tokens_per_second", words, speeds, "capability", "kind")
    sizes = {
        (str(number), kind): mib * 2**20
        for number, worker in enumerate(standing.workers)
        for kind, mib in (("rss", worker.rss_mb), ("pss", worker.pss_mb))
    }
    yield _gauge("forgebus_worker_memory_bytes", "Memory of workers.", sizes, "worker", "kind")


def _machine(vitals: Vitals) -> Iterator[Metric]:
    degrees = {} if vitals.temperature is None else {(): vitals.temperature}
    yield _gauge("forgebus_temperature_celsius", "Of the processor.", degrees)
    words = "What slows the processor now; bids are higher for it."
    yield _gauge("forgebus_held_back", words, dict.fromkeys(vitals.held, 1.0), "by")


def _bus(standing: Standing) -> Iterator[Metric]:
    tally = standing.tally
    words = "Messages put aside as malformed or false."
    yield _counter("forgebus_quarantined", words, tally.quarantined, "code")
    yield _counter("forgebus_messages_received", "Messages from the bus.", tally.received, "kind")
    yield _counter("forgebus_messages_sent", "Messages into inboxes.", tally.sent, "kind")
    yield _counter("forgebus_broker_links", "Connections made to the broker.", {(): tally.links})
    seen = {"live": standing.nodes_live, "absent": standing.nodes_known - standing.nodes_live}
    yield _gauge("forgebus_nodes", "Nodes that this one knows, itself too.", seen, "state")
    dropped = {(): tally.broker["dropped"]} if "dropped" in tally.broker else {}
    yield _counter("forgebus_broker_dropped_messages", "Messages that it threw away.", dropped)
    told = {
        "clients": ("forgebus_broker_clients", "Clients connected to the broker."),
        "stored": ("forgebus_broker_stored_messages", "Messages that the broker holds."),
        "heap": ("forgebus_broker_memory_bytes", "Memory that the broker has taken."),
    }
    for key, (name, words) in told.items():
        yield _gauge(name, words, {(): tally.broker[key]} if key in tally.broker else {})


def _gauge(name: str, words: str, values: Mapping[Labels, float], *labels: str) -> Metric:
    family = GaugeMetricFamily(name, words, labels=labels)
    for key, value in values.items():
        family.add_metric(_words(key), value)
    return family


def _counter(name: str, words: str, values: Mapping[Labels, float], *labels: str) -> Metric:
    family = CounterMetricFamily(name, words, labels=labels)
    for key, value in values.items():
        family.add_metric(_words(key), value)
    return family


def _histogram(name: str, words: str, buckets: Buckets) -> Metric:
    bounds = [*map(str, buckets.bounds), "+Inf"]
    counts = list(zip(bounds, map(float, accumulate(buckets.counts)), strict=True))
    return HistogramMetricFamily(name, words, buckets=counts, sum_value=buckets.sum)


def _words(key: str | tuple[str, ...]) -> list[str]:
    return [key] if isinstance(key, str) else list(key)
