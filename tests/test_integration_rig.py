"""The rig of `make ha`, as far as it can be tried without a Home Assistant: when it skips, what it installs."""

from __future__ import annotations

import json
import os
from pathlib import Path

import ha_environment
import pytest
from ha_environment import COMPONENTS, ENVIRONMENTS, lacks, requirements
from ha_stage import ACCESS, LOGINS


def test_who_is_not_root_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert lacks() == "only root may make a Debian tree and enter it"


def test_what_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(ha_environment, "_PATH", "/nowhere")
    assert lacks().startswith("debootstrap, unshare, chroot is missing")


def test_what_components_depend_on_is_installed_too(tmp_path: Path) -> None:
    wanted = {
        "mqtt": {"requirements": ["paho-mqtt==2.1.0"], "dependencies": ["http"]},
        "http": {"requirements": ["a==1"], "dependencies": ["mqtt"]},
        "unused": {"requirements": ["never==1"]},
    }
    for name, manifest in wanted.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.json").write_text(json.dumps(manifest))
    assert "mqtt" in COMPONENTS
    assert requirements(tmp_path) == ["a==1", "paho-mqtt==2.1.0"]


def test_a_command_runs_within_its_tree() -> None:
    trixie = ENVIRONMENTS["trixie"]
    command = trixie.inside("hass", "-c", "/srv/x")
    assert command[:2] == ["unshare", "--mount"]
    assert command[-4:] == [str(trixie.root), "hass", "-c", "/srv/x"]


def test_the_logins_are_those_of_the_access_list() -> None:
    for login in LOGINS:
        assert f"user {login}\n" in ACCESS
    assert "topic readwrite homeassistant/#" in ACCESS
