"""The doctor's look at the machine: each fault is found, named, and has its remedy."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any

import journals
import pytest
from cli_call import ROOT

from daemon import doctor
from daemon.config import Config, load
from daemon.doctor import Finding, Verdict
from daemon.task import Phase


def _config(tmp_path: Path, **work: Any) -> Config:
    more = {f"work.{key}": value for key, value in work.items()}
    overrides: dict[str, object] = {"node.id": "alpha", "node.state_dir": str(tmp_path), **more}
    return load(ROOT / "configs/forgebus.toml", {}, overrides)


def _no_fault(_: Path) -> str:
    return ""


def test_every_finding_that_is_wrong_has_a_remedy(tmp_path: Path) -> None:
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    config = _config(tmp_path, models_dir=str(nothing))
    found: list[Finding] = [
        doctor.mosquitto(str(nothing), needed=True),
        doctor.clock(1000.0),
        doctor.memory_limits(nothing),
        *doctor.models(config, _no_fault),
    ]
    assert len(found) == 3 + len(config.work.capabilities)
    assert all(finding.remedy for finding in found)
    assert all(finding.verdict in {Verdict.WRONG, Verdict.WARNING} for finding in found)


def test_a_missing_mosquitto_is_wrong_only_where_none_answers(tmp_path: Path) -> None:
    assert doctor.mosquitto(str(tmp_path), needed=True).verdict is Verdict.WRONG
    assert doctor.mosquitto(str(tmp_path), needed=False).verdict is Verdict.WARNING
    here = doctor.mosquitto(needed=True)
    assert here.verdict is Verdict.OK
    assert "mosquitto 2." in here.found


def test_an_old_mosquitto_is_wrong(tmp_path: Path) -> None:
    program = tmp_path / "mosquitto"
    program.write_text("#!/bin/sh\necho mosquitto version 1.6.12\n")
    program.chmod(0o755)
    told = doctor.mosquitto(str(tmp_path), needed=True)
    assert (told.verdict, told.remedy) == (Verdict.WRONG, "install 2.0 or later")


def test_a_clock_that_was_never_set_is_wrong() -> None:
    told = doctor.clock(0.0)
    assert told.verdict is Verdict.WRONG
    assert "1970" in told.found


def test_a_clock_that_nobody_can_judge_is_not_called_right(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("daemon.doctor.shutil.which", lambda *_, **__: None)
    assert doctor.clock(2e9).verdict is Verdict.NOT_CHECKED


@pytest.mark.parametrize(
    ("controllers", "verdict"),
    [("cpu io memory pids", Verdict.OK), ("cpu io pids", Verdict.WARNING)],
)
def test_the_memory_cgroup_is_seen(tmp_path: Path, controllers: str, verdict: Verdict) -> None:
    (tmp_path / "cgroup.controllers").write_text(controllers)
    told = doctor.memory_limits(tmp_path)
    assert told.verdict is verdict
    assert ("cmdline.txt" in told.remedy) == (verdict is Verdict.WARNING)


def test_the_memory_cgroup_of_the_older_layout_is_seen(tmp_path: Path) -> None:
    assert doctor.memory_limits(tmp_path).verdict is Verdict.WARNING
    (tmp_path / "memory").mkdir()
    assert doctor.memory_limits(tmp_path).verdict is Verdict.OK
    assert doctor.memory_limits(tmp_path / "none").verdict is Verdict.NOT_CHECKED


def test_a_damaged_model_is_named(tmp_path: Path) -> None:
    from daemon.cli_models import model_fault

    models = tmp_path / "models"
    models.mkdir()
    shutil.copy(ROOT / "models/tokenizer.json", models)
    shutil.copytree(ROOT / "models/router", models / "router")
    config = _config(
        tmp_path, models_dir=str(models), capabilities=["intent_classification", "selftest_echo"]
    )
    good = doctor.models(config, model_fault)
    assert [finding.verdict for finding in good] == [Verdict.OK, Verdict.OK]
    (models / "router/config.json").write_text("{}")
    bad, echo = doctor.models(config, model_fault)
    assert bad.verdict is Verdict.WRONG
    assert "router" in bad.found
    assert echo.verdict is Verdict.OK


def test_a_capability_that_does_not_exist_is_wrong(tmp_path: Path) -> None:
    (told,) = doctor.models(_config(tmp_path, capabilities=["weather_control"]), _no_fault)
    assert told.verdict is Verdict.WRONG
    assert "work.capabilities" in told.remedy


@pytest.mark.parametrize(
    ("free", "verdict"),
    [(10**9, Verdict.OK), (10**8, Verdict.WARNING), (10**6, Verdict.WRONG)],
)
def test_a_full_disk_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, verdict: Verdict
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=free)
    monkeypatch.setattr("daemon.doctor.shutil.disk_usage", lambda _: usage)
    told = doctor.state_dir(tmp_path / "not" / "there" / "yet")
    assert told.verdict is verdict


def test_a_state_directory_that_cannot_be_written_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.doctor.os.access", lambda *_: False)
    told = doctor.state_dir(tmp_path)
    assert told.verdict is Verdict.WRONG
    assert "node.state_dir" in told.remedy


async def test_refused_messages_are_a_warning(tmp_path: Path) -> None:
    from test_cli_local import _refuse

    assert doctor.refused(tmp_path).verdict is Verdict.NOT_CHECKED
    await _refuse(tmp_path)
    told = doctor.refused(tmp_path)
    assert told.verdict is Verdict.WARNING
    assert "mallory" in told.found
    assert "forgebus quarantine" in told.remedy


async def test_a_journal_that_was_set_aside_is_told_for_a_week(tmp_path: Path) -> None:
    assert doctor.journal(tmp_path).verdict is Verdict.NOT_CHECKED
    await journals.write(tmp_path, [journals.task(1, Phase.QUEUED)])
    assert doctor.journal(tmp_path).verdict is Verdict.OK
    lose = "INSERT INTO loss (at, file, words) VALUES (?, 'journal-damaged-x.db', '3 lost')"
    journals.changed(tmp_path, lose, time.time())
    told = doctor.journal(tmp_path)
    assert told.verdict is Verdict.WARNING
    assert "journal-damaged-x.db was damaged and set aside: 3 lost" in told.found
    journals.changed(tmp_path, "UPDATE loss SET at = at - 8 * 86400")
    assert doctor.journal(tmp_path).verdict is Verdict.OK


def test_a_damaged_journal_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_bytes(b"no database" * 500)
    told = doctor.journal(tmp_path)
    assert told.verdict is Verdict.WRONG
    assert "start the node" in told.remedy


def test_a_state_directory_of_the_service_is_not_judged_by_a_plain_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert doctor.state_dir(tmp_path).verdict is Verdict.WRONG, "our own, and closed"
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 1)
    told = doctor.state_dir(tmp_path)
    assert (told.verdict, "sudo" in told.remedy) == (Verdict.NOT_CHECKED, True)


def test_a_journal_of_the_service_is_not_judged_by_a_plain_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_file", closed)
    for told in (doctor.journal(tmp_path), doctor.refused(tmp_path)):
        assert (told.verdict, "sudo" in told.found) == (Verdict.NOT_CHECKED, True)
