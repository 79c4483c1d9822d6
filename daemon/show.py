"""What people see: messages to tables. Pure functions; nothing here prints or waits."""

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import orjson
from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from bus_topics import messages as m
from bus_topics.messages import Outcome
from daemon.journal import Quarantined
from daemon.plain import printable
from daemon.roster import NodeView

PLAIN_WIDTH = 120
"""Columns where no terminal says how wide it is."""


def console(*, stderr: bool = False) -> Console:
    """Where the tables go: the terminal as it is, or plain text of a fixed width."""
    wide = None if "COLUMNS" in os.environ else PLAIN_WIDTH
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else wide
    return Console(file=stream, width=width, highlight=False, markup=False, emoji=False)


def row(made: Table, *cells: str | Text, style: str = "") -> None:
    """Add a row; strings go through `words`."""
    texts = [words(cell) if isinstance(cell, str) else cell for cell in cells]
    made.add_row(*texts, style=style)


def words(text: str, style: str = "") -> Text:
    """Text of others: no markup is read in it, and nothing in it commands the terminal."""
    return Text(printable(text), style=style)


def ms(value: float) -> str:
    """Milliseconds, as precise as they are worth reading."""
    return f"{value:.1f}" if value < 10 else f"{value:.0f}"


def span(seconds: float) -> str:
    """An age for people: 3 s, 12 min, 5 h, 2 d."""
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def size(count: float) -> str:
    """Bytes for people."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def bids(decision: m.Decision) -> RenderableType:
    """Every bid, in 80 columns: its price, what the home made of it, and who wins why.

    eta = wait + load + prefill + decode + rest. The home corrects it by what it has measured of this
    node (x corr) and by how often the node kept its word (sure); the lowest score wins.
    """
    numbers = ("wait", "load", "pre-\nfill", "de-\ncode", "rest", "eta\nms")
    judged = ("qua-\nlity", "cost", "x\ncorr", "sure", "corr\nms", "score")
    made = table("  node", *numbers, *judged, right=(*numbers, *judged))
    priced = [bid for bid in decision.bids if bid.eta_ms or not bid.excluded]
    for bid in priced:
        row(made, *_bid(bid, winner=decision.winner), style=_bid_style(bid, decision.winner))
    reason = words(f"{decision.preference.value}: {decision.reason}", style="italic")
    out = [words(f"{b.node}: {b.excluded}", "dim") for b in decision.bids if b.excluded]
    return Group(*([made] if priced else []), *out, reason)


def why(record: m.TaskRecord) -> RenderableType:
    """The whole story of a task: decisions with their bids, steps with their times, the work itself."""
    parts: list[RenderableType] = [_headline(record)]
    for decision in record.decisions:
        title = f"attempt {decision.attempt}: {decision.winner or 'nobody'}"
        parts += [Text(""), words(title, style="bold"), bids(decision)]
    if record.steps:
        parts += [Text(""), steps(record.steps)]
    if record.timing is not None:
        parts.append(Text(_timing(record.timing), style="dim"))
    if record.error:
        parts.append(words(record.error, style="red"))
    return Group(*parts)


def steps(story: Sequence[m.Step]) -> Table:
    """What happened to a task, at which millisecond, and how long after the step before."""
    made = table("at ms", "+ ms", "step", "node", "attempt", "", right=("at ms", "+ ms"))
    before = 0.0
    for step in story:
        attempt = str(step.attempt) if step.attempt else ""
        gained = ms(step.at_ms - before)
        row(made, ms(step.at_ms), gained, step.kind, step.node or "", attempt, step.detail)
        before = step.at_ms
    return made


def tasks(records: Iterable[m.TaskRecord]) -> Table:
    """The latest tasks, one a line."""
    made = table("task", "capability", "state", "node", "model", "attempts", "ms", "age", "error")
    for record in records:
        state = record.outcome.value if record.outcome else record.state
        took = ms(record.elapsed_ms) if record.outcome else ""
        row(
            made,
            *(record.task, record.capability, Text(state, style=_outcome_style(record.outcome))),
            *(record.node or "", record.model, str(record.attempts), took),
            *(span(record.age_ms / 1000), record.error),
        )
    return made


def nodes(views: Iterable[NodeView]) -> Table:
    """Who is there and what each can do, at the speed it has measured."""
    made = table("node", "status", "profile", "hub", "slots", "hardware", "can", "seen")
    for view in views:
        card = view.card
        status = Text("online", "green") if view.online else Text("offline", "red")
        if card is None:
            row(made, view.id, status, *[""] * 5, span(view.age))
            continue
        row(
            made,
            *(view.id, status, card.profile, "yes" if card.hub else "", str(card.slots)),
            *(_hardware(card.hardware), _skills(card.skills), span(view.age)),
        )
    return made


def quarantine(refused: Iterable[Quarantined], now: float) -> Table:
    """Messages that were refused, newest first; `now` is wall seconds."""
    made = table("", "age", "sender", "fault", "reason", "topic", "payload begins")
    for one in refused:
        begin = one.payload[:60].decode("utf-8", "backslashreplace")
        age = span(max(0.0, now - one.at))
        row(
            made,
            str(one.number),
            age,
            one.sender,
            one.code,
            one.reason,
            one.topic,
            repr(begin)[1:-1],
        )
    return made


def answer(capability: str, result: Any) -> RenderableType:
    """A result in the words of its capability; what we do not know is shown as JSON."""
    match capability, result:
        case "text_generation", {"text": str(text)}:
            return words(text)
        case "vision", {"caption": str(caption)}:
            return words(caption)
        case "home_control", {"intents": list(intents), "abstained": False} if intents:
            return _intents(intents)
        case "home_control", {"abstained": True, "reason": str(reason)}:
            return words(f"nothing to do: {reason}", style="yellow")
        case "intent_classification", {"ranking": list(ranking), "intent": str(intent)}:
            return _ranking(intent, ranking, str(result.get("source", "")))
        case "math", {"answer": str(found), "expression": str(expression), "abstained": False}:
            return words(f"{found} = {expression}")
        case "math", {"abstained": True, "reason": str(reason)}:
            return words(f"no answer: {reason}", style="yellow")
        case _, str(text):
            return words(text)
        case _:
            return words(_compact(result))


def summary(final: m.Final, home: str, task: str) -> Text:
    """One line under an answer: who made it, in what time."""
    by = f"{final.node or 'nobody'}{f' ({final.model})' if final.model else ''}"
    more = f", attempt {final.attempts}" if final.attempts > 1 else ""
    line = f"{final.outcome.value} by {by} in {ms(final.elapsed_ms)} ms{more}; {task} at {home}"
    return words(line, style="dim")


def provenance(of: m.Provenance) -> Text:
    """One line: which node, handler, attempt, model and release an answer comes from."""
    told = {"node": of.node, "handler": of.handler, "attempt": of.attempt}
    told |= {"model": of.model or "none", "release": of.version or "unknown"}
    return words(", ".join(f"{name} {value}" for name, value in told.items()), style="dim")


def table(*columns: str, right: Sequence[str] = ()) -> Table:
    """An empty table in the one form that all of ours have."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    for column in columns:
        side: Literal["left", "right"] = "right" if column in right else "left"
        made.add_column(column, justify=side, overflow="fold", no_wrap=column in right)
    return made


def _bid(bid: m.Considered, winner: str | None) -> list[str]:
    price = bid.price
    load = "warm" if bid.warm and not price.load_ms else ms(price.load_ms)
    return [
        f"> {bid.node}" if bid.node == winner else f"  {bid.node}",
        *(ms(price.wait_ms), load, ms(price.prefill_ms), ms(price.decode_ms)),
        *(ms(price.overhead_ms), ms(bid.eta_ms), f"{bid.quality:.2f}", f"{bid.cost:.3g}"),
        *(f"{bid.correction:.2f}", f"{bid.reliability:.0%}", ms(bid.corrected_ms), ms(bid.score)),
    ]


def _bid_style(bid: m.Considered, winner: str | None) -> str:
    if bid.excluded:
        return "dim"
    return "bold green" if bid.node == winner else ""


def _headline(record: m.TaskRecord) -> Text:
    state = record.outcome.value if record.outcome else record.state
    terms = [record.preference.value, record.privacy.value, f"priority {record.priority}"]
    terms += ["once"] if record.once else []
    line = words(f"{record.task}  {record.capability}  ({', '.join(terms)})  ", style="bold")
    line.append(printable(state), style=_outcome_style(record.outcome))
    by = f" by {record.node}" if record.node else ""
    model = f" ({record.model})" if record.model else ""
    took = f" in {ms(record.elapsed_ms)} ms" if record.outcome else ""
    tries = f", {record.attempts} attempt{'s' if record.attempts != 1 else ''}"
    return line.append(printable(f"{by}{model}{took}{tries}"), style="default not bold")


def _timing(timing: m.Timing) -> str:
    return (
        f"at the contractor: {ms(timing.queue_ms)} ms in the queue, {ms(timing.load_ms)} ms loading, "
        f"{ms(timing.run_ms)} ms running; {timing.prefill_tokens} tokens read, "
        f"{timing.decode_tokens} written"
    )


def _outcome_style(outcome: Outcome | None) -> str:
    match outcome:
        case None:
            return "cyan"
        case Outcome.DONE:
            return "green"
        case Outcome.CANCELLED:
            return "yellow"
        case _:
            return "red"


def _hardware(hardware: m.Hardware) -> str:
    board = hardware.board or hardware.arch
    return f"{board}, {hardware.cores} cores, {hardware.memory_mb / 1000:.1f} GB"


def _skills(skills: Sequence[m.Skill]) -> str:
    lines = []
    for skill in skills:
        model = f" ({skill.model})" if skill.model else ""
        speed = f" {skill.decode_tok_s:.0f} tok/s" if skill.decode_tok_s else ""
        lines.append(f"{skill.capability}{model}{speed}{' warm' if skill.warm else ''}")
    return "\n".join(lines)


def _intents(intents: Sequence[Mapping[str, Any]]) -> Table:
    made = table("intent", "slots", "acts on", "probability", right=("probability",))
    for intent in intents:
        slots = ", ".join(f"{name}={_compact(v)}" for name, v in intent.get("slots", {}).items())
        acts = ", ".join(intent.get("entities", ()))
        row(made, intent.get("name", ""), slots, acts, f"{intent.get('probability', 0):.2f}")
    return made


def _ranking(intent: str, ranking: Sequence[Mapping[str, Any]], source: str) -> Table:
    made = table("intent", "probability", "", right=("probability",))
    names = [guess["intent"] for guess in ranking]
    if intent and intent not in names:
        row(made, intent, "", f"chosen by {source}", style="bold")
    for guess in ranking:
        chosen = guess["intent"] == intent
        note = f"chosen by the {source}" if chosen else ""
        row(
            made,
            guess["intent"],
            f"{guess['probability']:.2f}",
            note,
            style="bold" if chosen else "",
        )
    return made


def _compact(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()
