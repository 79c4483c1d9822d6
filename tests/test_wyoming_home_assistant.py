"""The link to Home Assistant: what it tells of the home, and what goes wrong with it."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from assist_server import AssistServer
from broker_fixture import eventually

from doors import wyoming_home_assistant
from doors.wyoming_home_assistant import HomeAssistant, NotDoneError, UnreachableError


@contextlib.asynccontextmanager
async def linked(server: AssistServer, *, within: bool = True) -> AsyncIterator[HomeAssistant]:
    assistant = HomeAssistant(server.url + "/", server.token_file)
    task = asyncio.create_task(assistant.run())
    try:
        if within:
            await eventually(lambda: "get_config" in server.asked, "not linked")
        yield assistant
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AssistServer]:
    monkeypatch.setattr(wyoming_home_assistant, "RETRY_S", (0.02,))
    made = AssistServer(tmp_path)
    await made.start()
    yield made
    await made.stop()


async def test_the_home_is_what_is_exposed_with_names_rooms_and_states(
    server: AssistServer,
) -> None:
    async with linked(server) as assistant:
        home = await assistant.home()
    assert set(home.entities) == {"light.kitchen_light", "light.lamp", "light.ceiling"}
    lamp = home.entities["light.lamp"]
    assert (lamp.name, lamp.area, lamp.state, lamp.aliases) == (
        *("Lamp", "Living Room", "on"),
        ("reading lamp",),
    )
    assert home.everything["light.hall_light"] == "Hall"
    assert [place.name for place in home.places] == ["Ground Floor", "Cooking Place"]
    assert home.devices == {"speaker": "Kitchen"}
    assert home.settings.time_zone == "Europe/Berlin"


async def test_registries_are_asked_once_and_again_when_one_changes(server: AssistServer) -> None:
    async with linked(server) as assistant:
        await assistant.home()
        await assistant.home()
        assert server.asked.count("get_states") == 2
        assert server.asked.count("homeassistant/expose_entity/list") == 1
        server.exposed["light.lamp"] = False
        await server.changed()
        await eventually(lambda: assistant._changes > 0, "the change was not heard")
        assert "light.lamp" not in (await assistant.home()).entities
        await assistant.home()
        assert server.asked.count("homeassistant/expose_entity/list") == 2


async def test_what_changes_without_an_event_is_seen_after_a_while(
    server: AssistServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with linked(server) as assistant:
        server.exposed["light.lamp"] = False
        assert "light.lamp" in (await assistant.home()).entities
        monkeypatch.setattr(wyoming_home_assistant, "STALE_S", 0.0)
        assert "light.lamp" not in (await assistant.home()).entities


async def test_a_link_that_ends_is_made_again(
    server: AssistServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wyoming_home_assistant, "LINK_S", 0.05)
    async with linked(server) as assistant:
        await server.stop()
        await eventually(lambda: not assistant.linked, "the loss was not seen")
        with pytest.raises(UnreachableError):
            await assistant.home()
        await server.start()
        await eventually(lambda: assistant.linked, "no link again")
        assert len((await assistant.home()).entities) == 3
    assert server.logins == 2


async def test_a_sentence_does_not_wait_for_the_next_try(
    server: AssistServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with linked(server) as assistant:
        monkeypatch.setattr(wyoming_home_assistant, "RETRY_S", (3600.0,))
        await server.stop()
        await eventually(lambda: not assistant.linked, "the loss was not seen")
        await server.start()
        home = await asyncio.wait_for(assistant.home(), 5)
        assert len(home.entities) == 3


async def test_a_question_that_is_under_way_when_the_link_ends_has_an_end(
    server: AssistServer,
) -> None:
    async with linked(server) as assistant:
        server.silent.add("get_states")
        asking = asyncio.create_task(assistant.home())
        await eventually(lambda: "get_states" in server.asked, "not asked")
        await server.stop()
        with pytest.raises(UnreachableError):
            await asyncio.wait_for(asking, 5)


async def test_a_silent_home_assistant_is_not_waited_for(
    server: AssistServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with linked(server) as assistant:
        monkeypatch.setattr(wyoming_home_assistant, "ANSWER_S", 0.05)
        server.silent.add("get_states")
        with pytest.raises(UnreachableError):
            await asyncio.wait_for(assistant.home(), 5)


async def test_a_refused_token_is_told_once_and_not_tried_again_soon(
    server: AssistServer, tmp_path: Path
) -> None:
    """Home Assistant bans who tries again and again."""
    server.token = "another"
    with structlog.testing.capture_logs() as logs:
        async with linked(server, within=False) as assistant:
            await eventually(lambda: bool(logs), "nothing was told")
            await asyncio.sleep(0.2)
            assert not assistant.linked
    assert server.logins == 1
    assert "refused the token" in logs[0]["reason"]
    assert str(server.token_file) in logs[0]["reason"]
    assert "the-right-one" not in str(logs)


async def test_a_token_that_others_can_read_is_not_used(server: AssistServer) -> None:
    server.token_file.chmod(0o644)
    with structlog.testing.capture_logs() as logs:
        async with linked(server, within=False):
            await eventually(lambda: bool(logs), "nothing was told")
    assert server.logins == 0
    assert "chmod 600" in logs[0]["reason"]


async def test_a_token_that_is_no_administrators_is_told(server: AssistServer) -> None:
    server.refusing.add("homeassistant/expose_entity/list")
    with structlog.testing.capture_logs() as logs:
        async with linked(server, within=False):
            await eventually(lambda: bool(logs), "nothing was told")
            await eventually(lambda: server.logins > 2, "not tried again")
    assert [line["event"] for line in logs] == ["no-home-assistant"]
    assert "administrator" in logs[0]["reason"]


async def test_what_is_no_home_assistant_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wyoming_home_assistant, "LINK_S", 0.05)
    server = AssistServer(tmp_path)  # nobody listens there
    with structlog.testing.capture_logs() as logs:
        async with linked(server, within=False) as assistant:
            await eventually(lambda: bool(logs), "nothing was told")
            with pytest.raises(UnreachableError):
                await assistant.home()
            with pytest.raises(UnreachableError):
                await assistant.handle("HassTurnOn", {}, "en")
    assert logs[0]["event"] == "no-home-assistant"


@pytest.mark.parametrize("host", ["a..b", "a" * 70])
async def test_a_host_that_is_no_name_ends_no_door(tmp_path: Path, host: str) -> None:
    token_file = AssistServer(tmp_path).token_file
    running = asyncio.create_task(HomeAssistant(f"http://{host}:8123", token_file).run())
    with structlog.testing.capture_logs() as logs:
        await eventually(lambda: bool(logs) or running.done(), "nothing was told")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert logs[0]["event"] == "no-home-assistant"


async def test_a_message_of_any_depth_ends_no_door(server: AssistServer) -> None:
    deep = "[" * 100_000 + "]" * 100_000
    async with linked(server) as assistant:
        await server.said(f'{{"id": 1, "type": "event", "event": {deep}}}')
        await eventually(lambda: server.logins > 1, "no link again")
        await eventually(lambda: assistant.linked, "no link again")
        assert len((await assistant.home()).entities) == 3


async def test_a_token_of_several_lines_is_told(server: AssistServer) -> None:
    server.token_file.write_text("the-right-one\nand another\n")
    with structlog.testing.capture_logs() as logs:
        async with linked(server, within=False):
            await eventually(lambda: bool(logs), "nothing was told")
    assert server.logins == 0
    assert "one token on one line" in logs[0]["reason"]


@pytest.fixture
def untrusted(tmp_path: Path) -> ssl.SSLContext:
    """TLS with a certificate that nobody has signed."""
    out = ["-keyout", str(tmp_path / "key"), "-out", str(tmp_path / "crt")]
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    name = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run(["openssl", "req", "-x509", *curve, *out, *name], check=True)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(tmp_path / "crt", tmp_path / "key")
    return tls


async def test_who_has_no_trusted_certificate_is_sent_no_token(
    tmp_path: Path, untrusted: ssl.SSLContext
) -> None:
    server = AssistServer(tmp_path)
    server.url = server.url.replace("http://127.0.0.1", "https://localhost")
    await server.start(untrusted)
    try:
        with structlog.testing.capture_logs() as logs:
            async with linked(server, within=False):
                await eventually(lambda: bool(logs), "nothing was told")
    finally:
        await server.stop()
    assert "certificate verify failed" in logs[0]["reason"]
    assert server.logins == 0


async def test_an_answer_to_a_command_may_come_in_pieces(server: AssistServer) -> None:
    server.piecewise = True
    async with linked(server) as assistant:
        await assistant.handle("HassTurnOn", {"name": "light.lamp"}, "en")


@pytest.mark.parametrize(
    ("version", "many", "more"),
    [
        ("2026.2.3", False, {}),
        ("2026.10.4", True, {"language": "de", "assistant": "conversation"}),
        ("2027.1.0.dev0", True, {"language": "de", "assistant": "conversation"}),
        ("unheard of", False, {}),
        ("9" * 5000 + ".10", False, {}),
    ],
)
async def test_a_command_is_carried_out_as_each_version_takes_it(
    server: AssistServer, version: str, *, many: bool, more: dict[str, Any]
) -> None:
    server.version = version
    async with linked(server) as assistant:
        assert assistant.takes_many is many
        await assistant.handle("HassTurnOn", {"name": "light.lamp"}, "de")
    assert server.handled == [{"name": "HassTurnOn", "data": {"name": "light.lamp"}} | more]


async def test_a_command_that_fails_is_no_success(server: AssistServer) -> None:
    async with linked(server) as assistant:
        server.refusing.add("light.lamp")
        with pytest.raises(NotDoneError):
            await assistant.handle("HassTurnOn", {"name": "light.lamp"}, "en")
        server.token = "another"
        with pytest.raises(NotDoneError, match="401"):
            await assistant.handle("HassTurnOn", {"name": "light.ceiling"}, "en")


async def test_no_name_of_a_home_and_no_token_is_logged(server: AssistServer) -> None:
    with structlog.testing.capture_logs() as logs:
        async with linked(server) as assistant:
            await assistant.home()
            await server.stop()
            await eventually(lambda: len(logs) > 1, "nothing was told")
    for private in ("Lamp", "light.lamp", "Kitchen", "the-right-one"):
        assert private not in str(logs)
    assert logs[0] == {
        "event": "home-assistant-linked",
        "version": "2026.2",
        "exposed": 3,
        "log_level": "info",
    }
