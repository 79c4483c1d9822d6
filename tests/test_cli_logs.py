"""Logs: one JSON object a line on stderr, without local variables."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from daemon import logs


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    yield
    root.setLevel(level)
    root.handlers[:] = handlers


def test_a_line_is_one_object_with_logger_level_and_time(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.set_up("info", "json")
    structlog.get_logger("node").info("settled", task="cli/a", ms=1.5)
    structlog.get_logger("node").debug("not shown")
    out, err = capsys.readouterr()
    line = json.loads(err)
    assert out == ""
    assert (line["event"], line["logger"], line["level"]) == ("settled", "node", "info")
    assert (line["task"], line["ms"]) == ("cli/a", 1.5)
    assert line["timestamp"].endswith("Z")


def test_a_library_that_warns_comes_out_in_the_same_form(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.set_up("info", "json")
    logging.getLogger("asyncio").warning("slow %s", "callback")
    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["logger"], line["level"]) == ("slow callback", "asyncio", "warning")


@pytest.mark.parametrize("form", ["json", "console"])
def test_an_exception_is_told_without_what_was_in_hand(
    form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.set_up("info", form)  # type: ignore[arg-type]
    prompt = "my secret diary".upper()  # so that no line of source has it
    try:
        int(prompt[:2])
    except ValueError:
        structlog.get_logger("node").exception("fault")
        logging.getLogger("asyncio").exception("fault")
    err = capsys.readouterr().err
    assert err.count("ValueError") >= 2
    assert "MY SECRET DIARY" not in err


def test_silence_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    logs.silence()
    structlog.get_logger("bus").warning("bus-down", reason="refused")
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("form", ["json", "console"])
def test_what_the_bus_wrote_forges_no_line_and_commands_no_terminal(
    form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.set_up("info", form)  # type: ignore[arg-type]
    hostile = "a\x1b[2J\x9b31m\u202e\n2026-01-01 [info     ] settled   task=forged\r"
    log = structlog.get_logger("node")
    log.warning("quarantined", topic=hostile, names=[hostile], ms=1.5)
    logging.getLogger("asyncio").warning("slow %s", hostile)
    try:
        int(hostile.replace("\n", ""))
    except ValueError:
        log.exception("fault")
    err = capsys.readouterr().err
    assert {sign for sign in err if not sign.isprintable()} == {"\n"}
    assert not any(line.startswith("2026-01-01 [info") for line in err.splitlines())
    assert "ms=1.5" in err or '"ms":1.5' in err
