"""The commands that need no bus, the help, and the exit codes."""

from __future__ import annotations

import hashlib
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
    names = "run broker ask bids cancel nodes tasks why models quarantine doctor bench demo"
    for name in names.split():
        assert f"\n  {name} " in told.out
    assert len(app.registered_commands) == len(names.split())


def test_every_command_has_help(call: Call) -> None:
    for command in app.registered_commands:
        assert command.callback is not None
        told = call(command.callback.__name__, "--help")
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

    monkeypatch.setattr("daemon.cli_local.settings", broken)
    with pytest.raises(ZeroDivisionError):
        main(["models"])


def test_models_lists_what_is_shipped(call: Call) -> None:
    told = call("models", "--json").json
    assert Path(told["models_dir"]) == ROOT / "models"
    by_name = {model["model"]: model for model in told["models"]}
    assert set(by_name) == {"router", "home", "text"}
    assert all(model["verified"] and model["bytes"] > 100_000 for model in told["models"])
    assert by_name["router"]["capabilities"] == ["intent_classification"]
    assert "sha256" in call("models").out


def test_presets_are_printed_with_exact_counts(call: Call) -> None:
    rows = call("models", "presets", "--json").json["presets"]
    assert len(rows) == 15
    assert {row["preset"]: row["parameters"] for row in rows}["pi_5"] == 7_212_288
    assert "7,212,288" in call("models", "presets").out
    assert call("models", "nonsense").code == 2


def test_models_tells_a_changed_file(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "router"
    folder.mkdir()
    sums = ""
    for name in ("config.json", "model.int8.onnx"):
        data = (ROOT / "models/router" / name).read_bytes()
        (folder / name).write_bytes(data)
        sums += f"{hashlib.sha256(data).hexdigest()}  {name}\n"
    (folder / "SHA256SUMS").write_text(sums)
    monkeypatch.setenv("FORGEBUS_WORK__MODELS_DIR", str(tmp_path))
    assert call("models").code == 0
    with (folder / "model.int8.onnx").open("r+b") as graph:
        graph.seek(1000)
        graph.write(b"x" * 8)
    told = call("models", "--json")
    told.fails(1, "damaged: router")
    assert told.json["models"][0]["verified"] is False
    assert "sha256" in told.json["models"][0]["fault"]


def test_models_of_an_empty_folder_is_one_line(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORGEBUS_WORK__MODELS_DIR", str(tmp_path))
    call("models").fails(1, "holds no model", "work.models_dir")


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
    for command in app.registered_commands:
        assert command.callback is not None
        assert f"| `{command.callback.__name__}" in page
    for code in (DONE, FAILED, USAGE, REJECTED, UNREACHABLE, INTERRUPTED):
        assert f"\n| {code} | " in page
