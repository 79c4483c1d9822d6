"""Every message that docs/troubleshooting.md quotes is one that the program says, word for word."""

from __future__ import annotations

import asyncio
import io
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from broker_fixture import BrokerProcess, free_port
from cli_call import ROOT, Call, caller, finished, started
from node_process import NodeProcess, on_the_bus

from daemon import config as configuration
from daemon import doctor, pricing
from daemon.journal import Journal
from daemon.mesh import Mesh

PAGE = (ROOT / "docs" / "troubleshooting.md").read_text("utf-8")
QUOTED = {
    line
    for block in re.findall(r"^```\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
}
# It takes a whole secured bus to say this; the words stand in one piece in the source.
REVOKED = "the broker refuses our certificate: revoked, or over; `forgebus enroll` again"
TASK = "cli/0360d1a96b94ad45"


@dataclass
class Scene:
    """A broker, a node that calculates, and what was said so far, as the page would write it."""

    folder: Path
    call: Call
    patch: pytest.MonkeyPatch
    port: int
    closed_port: int
    instead: dict[str, str] = field(default_factory=dict)
    said: set[str] = field(default_factory=set)
    waiting: list[subprocess.Popen[str]] = field(default_factory=list)

    def begin(self, config: str, *arguments: object) -> None:
        """A command that gives up after seconds, beside the others."""
        file = self.folder / f"{len(self.waiting)}.toml"
        file.write_text(config)
        self.waiting.append(started(*arguments, "--config", file))

    def end(self) -> None:
        for each in self.waiting:
            out, err = each.communicate(timeout=60)
            self.hear(out + err)

    def say(self, *arguments: object) -> None:
        told = self.call(*arguments)
        self.hear(told.out + told.err)

    def hear(self, text: str) -> None:
        for here, there in self.instead.items():
            text = text.replace(here, there)
        self.said |= set(re.sub(r"\bcli/[0-9a-f]{16}", TASK, text).splitlines())


@pytest.fixture
def scene(
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    make_broker: Callable[..., BrokerProcess],
) -> Iterator[Scene]:
    port = make_broker().port
    (tmp_path / "passwords").touch(mode=0o600)
    closed = make_broker(f"allow_anonymous false\npassword_file {tmp_path}/passwords\n")
    node = NodeProcess(tmp_path, port, "alpha", ("math", "home_control"))
    try:
        node.start()
        asyncio.run(_live(port))
        made = Scene(tmp_path, caller(capfd), monkeypatch, port, closed.port)
        made.instead = {str(port): "1883", str(node.state): "/var/lib/forgebus"}
        yield made
    finally:
        node.kill()


async def _live(port: int) -> None:
    async with Mesh(port=port, login="waiting") as mesh:
        await on_the_bus(mesh, "alpha")


def test_every_quoted_message_is_said(scene: Scene) -> None:
    for provoke in (_no_bus, _not_let_in, _no_start, _no_answer, _no_enrolment):
        provoke(scene)
    scene.end()
    assert REVOKED in (ROOT / "daemon" / "bus.py").read_text("utf-8")
    assert QUOTED - scene.said == {f"forgebus: broker.lan:8883: {REVOKED}"}
    assert len(QUOTED) > 20


def _no_bus(scene: Scene) -> None:
    nobody = str(free_port())
    scene.instead[nobody] = "1883"
    scene.begin(f"[broker]\nport = {nobody}", "nodes")
    empty = f'[broker]\nport = {scene.port}\nbase = "empty/v1"'
    scene.begin(empty, "nodes")
    scene.begin(empty, "ask", "math", "1+1")
    scene.say("nodes", "--host", "192.168.1.5")
    scene.say("broker", "--bind", "0.0.0.0")
    with scene.patch.context() as patch:
        patch.setattr(shutil, "which", lambda *_args, **_more: None)
        scene.say("broker", "--port", nobody)


def _not_let_in(scene: Scene) -> None:
    scene.instead[str(scene.closed_port)] = "1883"
    for mode in (0o644, 0o600):
        file = scene.folder / f"password-{mode:o}"
        file.write_text("wrong\n")
        file.chmod(mode)
        scene.instead[str(file)] = "/etc/forgebus/password"
        login = f'[broker]\nport = {scene.closed_port}\nusername = "cli"\npassword_file = "{file}"'
        scene.begin(login, "nodes")


def _no_start(scene: Scene) -> None:
    scene.say("run", "--set", "broker.prot=1")
    scene.say("run", "--set", "auction.lease_s=3")
    taken = f'node.state_dir="{scene.folder}/alpha"'
    scene.hear(finished("run", "--id", "beta", "--port", scene.port, "--set", taken).err)
    newer = scene.folder / "newer"
    Journal.open(newer).close()
    with sqlite3.connect(newer / "journal.db") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    scene.instead[str(newer)] = "/var/lib/forgebus"
    scene.say("journal", "check", "--state-dir", newer)
    scene.say("serve")
    for door, listen in (("OPENAI", "0.0.0.0:8750"), ("WYOMING", "0.0.0.0:10750")):
        with scene.patch.context() as patch:
            patch.setenv(f"FORGEBUS_{door}__LISTEN", listen)
            scene.say("serve")
    with scene.patch.context() as patch:
        patch.setenv("FORGEBUS_WORK__MODELS_DIR", "/var/lib/models")
        scene.say("models")


def _no_answer(scene: Scene) -> None:
    there = ("--port", scene.port)
    scene.say("ask", "painting", "a cat", "--deadline", 1, *there)
    scene.say("ask", "math", "1+1", "--node", "nas", "--deadline", 1, *there)
    scene.say("why", "cli/nosuch", *there)
    scene.say("ask", "home_control", "turn off the light", *there)
    scene.say("ask", "math", "how are you", *there)


def _no_enrolment(scene: Scene) -> None:
    nobody = str(free_port())
    scene.instead |= {nobody: "8884", str(scene.folder): "/etc/forgebus"}
    with scene.patch.context() as patch:
        patch.setattr(sys, "stdin", io.StringIO("K7QF-2MXP\n"))
        scene.say("join", f"127.0.0.1:{nobody}", "--out", scene.folder / "new")
    scene.say("enroll", "Kitchen", "--dir", scene.folder / "bus")
    scene.say("enroll", "kitchen", "--dir", scene.folder / "bus")


# Words in tables and sentences: what is said, and the module that says it.
WORDS = {
    "not-offered": "daemon/presence.py",
    "journal-set-aside": "daemon/journal_rescue.py",
    "held-back": "daemon/service.py",
    "make room: a node on a full disk takes no tasks": "daemon/doctor.py",
    "the kernel limits no memory": "daemon/doctor.py",
    "swap on the SD card": "daemon/cli_hardware.py",
}


@pytest.mark.parametrize("words", WORDS)
def test_the_words_of_logs_and_doctor_are_theirs(words: str) -> None:
    assert f"`{words}`" in PAGE
    assert words in (ROOT / WORDS[words]).read_text("utf-8")


def test_the_figures_are_those_of_the_code() -> None:
    assert doctor.FREE_TOO_LOW == 50_000_000
    assert "less than 50 MB is free" in PAGE
    assert configuration.WorkConfig().max_queue + 1 == 65
    assert "`queue full: 65 attempts in hand`" in PAGE
    for said in ("quiet hours", "no capability math", "takes no work from cli"):
        assert f"| `{said}`" in PAGE
        assert said.split()[0] in Path(pricing.__file__ or "").read_text("utf-8")
