"""The figures of an evaluation as lines of text."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_DOMAINS_SHOWN = 40
_CONFUSED_SHOWN = 12
_WRONG_SHOWN = 5


def lines(told: Mapping[str, Any]) -> Iterator[str]:
    """What `forgebus eval` prints; `told` is the object that it prints with --json."""
    if not told["complete"]:
        yield f"PARTIAL: stopped after {told['cases']} of {told['cases_in_all'] or 'all'} cases"
    yield f"{told['kind']}: {told['subject']} on {told['data']}"
    for note in told["notes"]:
        yield f"note: {note}"
    unit = "tokens" if told["kind"] == "text" else "cases"
    yield (
        f"accuracy   {_share(told['accuracy'])}   {told['correct']:,} of {told['n']:,} {unit} right"
    )
    yield (
        f"precision  {_share(told['precision'])}   of {told['answered']:,} answered at threshold "
        f"{told['threshold']:.3f}"
    )
    if "perplexity" in told:
        yield f"perplexity {told['perplexity']}   {told['bits_per_byte']} bits a byte"
    elif told["accuracy_without_threshold"] != told["accuracy"]:
        yield f"           {_share(told['accuracy_without_threshold'])}   right without the threshold"
    if "out_of_scope" in told:
        inside, outside = told["in_scope"], told["out_of_scope"]
        yield (
            f"in scope   {_share(inside['accuracy'])}   of {inside['n']:,}; "
            f"{_share(inside['accuracy_at_threshold'])} at the threshold"
        )
        yield f"out        {_share(outside['recall'])}   of {outside['n']:,} turned away"
    if told["latency_p50_ms"] is not None:
        yield (
            f"latency    {told['latency_p50_ms']:.1f} ms median, {told['latency_p95_ms']:.1f} ms at "
            f"95 %, {told['latency_max_ms']:.1f} ms at most"
        )
    yield from _tables(told)


def _tables(told: Mapping[str, Any]) -> Iterator[str]:
    yield from _table(
        "precision at coverage",
        ("coverage", "precision", "threshold"),
        [
            (_share(p["coverage"]), _share(p["precision"]), f"{p['threshold']:.3f}")
            for p in told["precision_at_coverage"]
        ],
    )
    outside = "out_of_scope" in told
    yield from _table(
        "abstention curve",
        ("threshold", "answered", "precision", "right", *(["turned away"] if outside else [])),
        [
            (
                f"{p['threshold']:.2f}",
                *(_share(p[name]) for name in ("coverage", "precision", "accuracy")),
                *([_share(p["out_of_scope_recall"])] if outside else []),
            )
            for p in told["abstention_curve"][::2]
        ],
    )
    domains = sorted(told["domains"].items(), key=lambda pair: (-pair[1]["n"], pair[0]))
    yield from _table(
        f"domains{_of_all(len(domains), _DOMAINS_SHOWN)}",
        ("", "n", "right", "accuracy", "answered", "precision"),
        [
            (
                name,
                f"{d['n']}",
                f"{d['correct']}",
                _share(d["accuracy"]),
                f"{d['answered']}",
                _share(d["precision"]),
            )
            for name, d in domains[:_DOMAINS_SHOWN]
        ],
    )
    yield from _table(
        "most confused",
        ("wanted", "given", "n"),
        [(c["wanted"], c["given"], str(c["n"])) for c in told["confusion"][:_CONFUSED_SHOWN]],
    )
    for one in told["wrong"][:_WRONG_SHOWN]:
        yield (
            f"wrong: {one['case']} {one['question'][:80]!r}: {one['given'][:120]} "
            f"({one['probability']:.2f}); wanted {one['wanted'][:80]}"
        )


def _table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    if not rows:
        return
    cut = [[cell.replace("\n", " ")[:48] for cell in row] for row in (head, *rows)]
    widths = [max(len(row[column]) for row in cut) for column in range(len(head))]
    yield ""
    yield title
    for row in cut:
        cells = [
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  " + "  ".join(cells).rstrip()


def _share(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f} %"


def _of_all(count: int, shown: int) -> str:
    return f", {shown} largest of {count}" if count > shown else ""
