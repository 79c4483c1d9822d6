"""What people see: within 80 columns, true to the message, and harmless to the terminal."""

from __future__ import annotations

import io
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import msgspec
import pytest
from rich.console import Console, RenderableType

from bus_topics import messages as m
from bus_topics.messages import Outcome, Preference
from daemon import show
from daemon.journal import Quarantined
from daemon.plain import as_json, plain, printable
from daemon.roster import NodeView

EVIL = "\x1b[2J[bold]x[/bold] :warning: \x07"
PRICE = m.Price(wait_ms=1, load_ms=1200, prefill_ms=11, decode_ms=312, overhead_ms=4.6)
BID = m.Considered(
    node="desk",
    eta_ms=1528.6,
    quality=0.4,
    cost=0.153,
    price=PRICE,
    correction=1.23,
    reliability=0.93,
    corrected_ms=1879,
    score=2032,
)
DECLINED = m.Considered(node="zero", excluded=f"declined: {EVIL}")
DECISION = m.Decision(
    attempt=1,
    winner="desk",
    preference=Preference.FASTEST,
    reason="desk wins: the only valid bid",
    bids=(BID, DECLINED),
)
RECORD = m.TaskRecord(
    task="cli/one",
    capability="text_generation",
    state="closed",
    outcome=Outcome.DONE,
    node="desk",
    model="text",
    attempts=1,
    elapsed_ms=189.4,
    timing=m.Timing(queue_ms=0.2, load_ms=89, run_ms=82, prefill_tokens=18, decode_tokens=64),
    decisions=(DECISION,),
    steps=(
        m.Step(at_ms=0, kind="received"),
        m.Step(at_ms=4.6, kind="awarded", node="desk", attempt=1),
        m.Step(at_ms=189.4, kind="done", node="desk", attempt=1, detail=EVIL),
    ),
)


def drawn(what: RenderableType, width: int = 80) -> str:
    """As on a colour terminal of this width."""
    out = io.StringIO()
    Console(
        file=out, width=width, color_system=None, force_terminal=True, markup=False, emoji=False
    ).print(what)
    return out.getvalue()


def test_a_decision_fits_80_columns_with_every_part_of_the_price() -> None:
    text = drawn(show.bids(DECISION))
    (row,) = [line for line in text.splitlines() if "> desk" in line]
    assert row.split() == [
        *(">", "desk", "1.0", "1200", "11", "312", "4.6", "1529"),
        *("0.40", "0.153", "1.23", "93%", "1879", "2032"),
    ]
    assert "zero: declined" in text
    assert "fastest: desk wins" in text


def test_a_warm_model_shows_as_such() -> None:
    warm = msgspec.structs.replace(BID, warm=True, price=m.Price(decode_ms=312))
    text = drawn(show.bids(msgspec.structs.replace(DECISION, bids=(warm,))))
    assert "warm" in text


def test_why_tells_the_time_between_steps() -> None:
    lines = drawn(show.why(RECORD)).splitlines()
    (awarded,) = [line for line in lines if " awarded " in line]
    (done,) = [line for line in lines if " done " in line and "text_generation" not in line]
    assert awarded.split()[:3] == ["4.6", "4.6", "awarded"]
    assert done.split()[:3] == ["189", "185", "done"]
    assert any("64 written" in line for line in lines)


@pytest.mark.parametrize(
    "what",
    [
        show.bids(DECISION),
        show.why(msgspec.structs.replace(RECORD, error=EVIL, model=EVIL)),
        show.tasks([msgspec.structs.replace(RECORD, error=EVIL)]),
        show.nodes(
            [
                NodeView(
                    "a",
                    m.Card(node="a", boot="0" * 8, version=EVIL, profile=EVIL),
                    online=True,
                    age=1,
                )
            ]
        ),
        show.quarantine([Quarantined(0, EVIL, EVIL, "x", EVIL, EVIL.encode())], 0.0),
        show.answer("text_generation", {"text": EVIL}),
        show.answer("home_control", {"abstained": True, "reason": EVIL}),
        show.answer("anything", EVIL),
        show.answer("anything", {"a": EVIL}),
    ],
)
def test_text_of_others_neither_commands_nor_colours(what: RenderableType) -> None:
    text = drawn(what, 300)
    assert "\x1b" not in text
    assert "\x07" not in text
    if "x" in text and "[bold]" not in text:
        pytest.fail(f"the markup was read: {text}")


def test_an_answer_speaks_the_words_of_its_capability() -> None:
    intent = {"name": "HassTurnOff", "slots": {"area": "Kitchen"}, "entities": ["light.a"]}
    told = show.answer("home_control", {"intents": [intent], "abstained": False})
    for word in ("HassTurnOff", "area=Kitchen", "light.a"):
        assert word in drawn(told)
    ranking = [{"intent": "code", "probability": 0.91}, {"intent": "chat", "probability": 0.05}]
    routed = {"intent": "code", "ranking": ranking, "source": "model"}
    assert "0.91" in drawn(show.answer("intent_classification", routed))
    assert drawn(show.answer("selftest_echo", [1, {"a": None}])).strip() == '[1,{"a":null}]'


@pytest.mark.parametrize(
    ("shown", "value"),
    [
        ("0.0", show.ms(0)),
        ("9.9", show.ms(9.94)),
        ("12", show.ms(12.4)),
        ("1529", show.ms(1528.6)),
        ("3 s", show.span(3.2)),
        ("2 min", show.span(120)),
        ("5 h", show.span(18_100)),
        ("2 d", show.span(172_801)),
        ("999 B", show.size(999)),
        ("1.5 kB", show.size(1500)),
        ("8.0 MB", show.size(8_000_000)),
        ("3.1 GB", show.size(3.1e9)),
    ],
)
def test_numbers_for_people(shown: str, value: str) -> None:
    assert value == shown


class _Colour(Enum):
    RED = "red"


@dataclass
class _Pair:
    left: object
    right: object


def test_plain_values_have_every_field_and_no_version() -> None:
    told = plain(m.Final(id="a", outcome=Outcome.DONE, result=msgspec.Raw(b'{"x": [1]}')))
    assert told["result"] == {"x": [1]}
    assert told["attempts"] == 0
    assert "v" not in told
    assert as_json(_Pair(_Colour.RED, (Path("/a"), b"\xffb"))) == (
        '{"left":"red","right":["/a","\\\\xffb"]}'
    )


def test_printable_keeps_lines_and_letters() -> None:
    assert printable("a\tü\n→ 日本") == "a\tü\n→ 日本"
    assert printable("\x1b]0;x\x07\r\x9b") == "\ufffd]0;x\ufffd\ufffd\ufffd"


def test_without_a_terminal_tables_are_wide_and_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert show.console().width == show.PLAIN_WIDTH
    monkeypatch.setenv("COLUMNS", "90")
    assert show.console().width == 90
