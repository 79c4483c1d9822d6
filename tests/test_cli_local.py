"""The commands that need no bus, the help, and the exit codes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from cli_call import ROOT, Call, caller

from daemon.cli import INTERRUPTED, app, main
from daemon.cli_options import DONE, FAILED, REJECTED, UNREACHABLE, USAGE
from daemon.journal import Journal


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str]) -> Call:
    return caller(capfd)


def test_help_names_every_command(call: Call) -> None:
    told = call("--help")
    assert told.code == 0
    names = (
        "run broker ask bids cancel nodes tasks why models quarantine doctor train eval correct learn"
        " bench demo enroll join revoke journal top serve discover homeassistant install uninstall"
    )
    for name in names.split():
        assert f"\n  {name} " in told.out
    assert len(commands()) == len(names.split())


def commands() -> list[str]:
    """Names of all commands, groups of commands too."""
    found = [str(group.name) for group in app.registered_groups]
    for command in app.registered_commands:
        assert command.callback is not None
        found.append(command.name or command.callback.__name__)
    return found


def test_every_command_has_help(call: Call) -> None:
    for name in commands():
        told = call(name, "--help")
        assert (told.code, told.err) == (0, "")


def test_help_loads_neither_the_bus_nor_models_nor_tables() -> None:
    heavy = ["aiomqtt", "paho", "numpy", "onnxruntime", "structlog", "sqlite3", "psutil"]
    program = (
        "import sys; from daemon.cli import main; main(['--help'])\n"
        f"print([name for name in {heavy!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stderr == "[]\n"


def test_an_interrupted_command_ends_with_130(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("daemon.cli_look.asyncio.run", interrupt)
    monkeypatch.setattr("daemon.cli_look._nodes", lambda *_, **__: None)
    told = call("nodes")
    assert (told.code, told.err) == (130, "")


def test_a_defect_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("daemon.cli_models.settings", broken)
    with pytest.raises(ZeroDivisionError):
        main(["models"])


async def _refuse(directory: Path) -> None:
    import asyncio

    journal = Journal.open(directory)
    journal.start(asyncio.get_running_loop())
    done = asyncio.Event()
    journal.quarantine(
        sender="mallory",
        topic="forgebus/v1/in/a/mallory/bid",
        code="not-json",
        reason="[bold]no \x1b[2J JSON",
        payload=b"\xff\x1b[31m{",
        then=done.set,
    )
    await done.wait()
    journal.close()


async def test_quarantine_shows_what_was_refused_and_no_escape(call: Call, tmp_path: Path) -> None:
    await _refuse(tmp_path)
    (one,) = call("quarantine", "--state-dir", tmp_path, "--json").json["quarantined"]
    assert (one["sender"], one["code"]) == ("mallory", "not-json")
    table = call("quarantine", "--state-dir", tmp_path)
    assert "[bold]no" in table.out
    assert "\x1b" not in table.out


async def test_a_refused_message_is_shown_whole_and_cleared_by_sender_and_age(
    call: Call, tmp_path: Path
) -> None:
    await _refuse(tmp_path)
    there = ("--state-dir", tmp_path)
    (one,) = call("quarantine", "list", *there, "--json").json["quarantined"]
    told = call("quarantine", "show", one["number"], *there)
    assert "in/a/mallory/bid" in told.out
    assert "\\xff" in told.out
    assert "\x1b" not in told.out
    call("quarantine", "show", 99, *there).fails(1, "number 99")
    assert call("quarantine", "clear", "--sender", "app", *there, "--json").json["cleared"] == 0
    assert call("quarantine", "clear", "--older-than", 1, *there, "--json").json["cleared"] == 0
    cleared = call("quarantine", "clear", "--sender", "mallory", *there)
    assert cleared.out == "1 refused messages deleted\n"
    assert call("quarantine", *there).out == "nothing was refused\n"


def test_quarantine_without_a_journal_is_one_line(call: Call, tmp_path: Path) -> None:
    call("quarantine", "--state-dir", tmp_path).fails(1, "there is no journal", "state_dir")


def test_bench_hands_on_its_arguments_and_exit_code(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def fake(argv: Sequence[str]) -> int:
        seen.extend(argv)
        return 7

    monkeypatch.setattr("bench.auction.main", fake)
    assert call("bench", "auction", "--json", "--seconds", "1").code == 7
    assert seen == ["--json", "--seconds", "1"]


def test_an_unknown_bench_is_one_line(call: Call) -> None:
    call("bench", "everything").fails(2, "no benchmark 'everything'", "auction")


def test_the_page_names_every_command_and_every_exit_code() -> None:
    page = (ROOT / "docs/cli.md").read_text()
    for name in commands():
        assert f"| `{name}" in page
    for code in (DONE, FAILED, USAGE, REJECTED, UNREACHABLE, INTERRUPTED):
        assert f"\n| {code} | " in page
