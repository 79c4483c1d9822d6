"""The pictures in docs/images/, taken from the real thing: Home Assistant in a browser, and a terminal.

    apt-get install chromium debootstrap
    pip install -c constraints.txt -e '.[dev,screenshots]'
    PYTHONPATH=.:tests python tools/screenshots.py [device assist why top]

Nothing in a picture is drawn by hand. A mosquitto with logins and two real nodes run for it; the terminals show
what the commands print; Home Assistant is the one that `make ha` tests with, in its own tree (as root). The
browser signs in at its login page as a person would. It reaches nothing but this machine.
"""

from __future__ import annotations

import asyncio
import fcntl
import io
import os
import pty
import re
import shlex
import struct
import sys
import tempfile
import termios
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ha_checks import _pipeline, is_found_and_set_up
from ha_environment import ENVIRONMENTS, prepare
from ha_house import PASSWORD, USER, House
from ha_stage import Stage
from PIL import Image
from playwright.async_api import Browser, Page, Route, ViewportSize, async_playwright
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

from daemon.config import BrokerConfig
from daemon.mesh import Mesh

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
MOST_BYTES = 300_000
COLUMNS, ROWS = 108, 24
LOGIN = "doors"
SETTLE_S = 2.0
VERSION = "forky"
# As many as the dialog has room for.
SENTENCES = ("turn on all the lights in the kitchen", "is the kitchen ceiling light on?")
HEROES = ("an owl", "a fox", "a whale", "a heron")


# Rich names its font's home on another host; a font of this machine does.
_FORMAT = re.sub(r"@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL).replace(
    "Fira Code", "DejaVu Sans Mono"
)


@dataclass(frozen=True, slots=True)
class Scene:
    """What the pictures are taken of: a browser that nobody has signed in with yet, and the stage."""

    browser: Browser
    stage: Stage


async def main(wanted: list[str]) -> int:
    """Take the pictures that are named, or all."""
    if unknown := set(wanted) - set(PICTURES):
        print(f"no picture {', '.join(unknown)}; there are {', '.join(PICTURES)}")
        return 2
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        async with _scene(Path(folder)) as scene:
            for name in wanted or PICTURES:
                file = IMAGES / f"{name}.png"
                size = _keep(file, await PICTURES[name](scene))
                print(f"{file.relative_to(ROOT)}: {size:,} bytes")
    return 0


async def top(scene: Scene) -> bytes:
    """`forgebus top`, while several apps have stories told."""
    async with Mesh(login=LOGIN, broker=_broker(scene)) as mesh:
        asking = [asyncio.create_task(_ask_on(mesh, hero)) for hero in HEROES]
        said = await _command(scene, "top", leave_after_s=8.0)
        for each in asking:
            each.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
    # Each frame begins in the corner of the screen; the cursor comes back after the last.
    frame = said.rpartition(b"\x1b[?25h")[0].rpartition(b"\x1b[H")[2]
    return await _terminal(scene, "forgebus top", frame.rstrip())


async def why(scene: Scene) -> bytes:
    """`forgebus ask --why`: the bids, the decision, the milliseconds of each step."""
    options = ("--max-tokens", "24", "--prefer", "fastest", "--why")
    words = ("ask", "text_generation", "Once upon a time", *options)
    return await _terminal(scene, f"forgebus {shlex.join(words)}", await _command(scene, *words))


async def device(scene: Scene) -> bytes:
    """A node as a device of Home Assistant, found by MQTT discovery."""
    house = scene.stage.house
    found = await house.ask("config/device_registry/list")
    (id_,) = [each["id"] for each in found if ["mqtt", "forgebus_kitchen"] in each["identifiers"]]
    async with _signed_in(scene, {"width": 1180, "height": 1540}) as page:
        await page.goto(f"{house.url}/config/devices/device/{id_}")
        await page.get_by_text("Diagnostic", exact=True).first.wait_for()
        await asyncio.sleep(SETTLE_S)
        picture: bytes = await page.screenshot()
    return picture


async def assist(scene: Scene) -> bytes:
    """A talk with Assist, answered by the integration's agent over the bus."""
    house = scene.stage.house
    pipeline = await house.ask("assist_pipeline/pipeline/create", **_pipeline(scene.stage.agent))
    await house.ask("assist_pipeline/pipeline/set_preferred", pipeline_id=pipeline["id"])
    async with _signed_in(scene, {"width": 1000, "height": 720}) as page:
        await page.keyboard.press("a")
        entry = page.locator("ha-assist-chat").get_by_role("textbox")
        await entry.wait_for()
        for sentence in SENTENCES:
            await entry.fill(sentence)
            await entry.press("Enter")
            await asyncio.sleep(SETTLE_S)
        picture: bytes = await page.screenshot()
    return picture


PICTURES: dict[str, Callable[[Scene], Awaitable[bytes]]] = {
    "device": device,
    "assist": assist,
    "why": why,
    "top": top,
}


@asynccontextmanager
async def _scene(folder: Path) -> AsyncIterator[Scene]:
    """Broker, two nodes that Home Assistant finds, Home Assistant with our integration, some tasks done."""
    environment = ENVIRONMENTS[VERSION]
    prepare(environment)
    # The nodes of the stage take what it does not choose from the environment.
    os.environ["FORGEBUS_HOME_ASSISTANT__DISCOVERY"] = "true"
    stage = Stage(environment, folder)
    stage.house = House(environment, "pictures")
    async with async_playwright() as player:
        browser = await player.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            await stage.open()
            await is_found_and_set_up(stage)
            for hero in HEROES:
                story = f"tell me a story about {hero}"
                for capability in ("intent_classification", "text_generation"):
                    await stage.house.act("forgebus.ask", capability=capability, content=story)
            yield Scene(browser, stage)
        finally:
            await stage.close()
            await browser.close()


@asynccontextmanager
async def _signed_in(scene: Scene, view: ViewportSize) -> AsyncIterator[Page]:
    """A new browser in front of Home Assistant, signed in at its login page."""
    house = scene.stage.house
    context = await scene.browser.new_context(viewport=view, locale="en-GB", color_scheme="light")
    try:
        await context.route("**/*", partial(_only, house.url))
        page = await context.new_page()
        await page.goto(house.url)
        await page.locator("input[name=username]").fill(USER)
        await page.locator("input[name=password]").fill(PASSWORD)
        await page.keyboard.press("Enter")
        await page.locator("home-assistant-main").wait_for()
        await asyncio.sleep(SETTLE_S)
        # Newer versions want it confirmed that they listen at another port than before.
        confirm = page.get_by_role("button", name="Confirm")
        if await confirm.count():
            await confirm.click()
            await asyncio.sleep(SETTLE_S)
        yield page
    finally:
        await context.close()


async def _only(url: str, route: Route) -> None:
    """Let the browser reach Home Assistant, and nothing else."""
    if route.request.url.startswith((url, url.replace("http", "ws", 1), "data:", "blob:")):
        await route.continue_()
    else:
        await route.abort()


async def _ask_on(mesh: Mesh, hero: str) -> None:
    """One app that wants one story after the other."""
    prompt = {"prompt": f"tell me a long story about {hero}"}
    while True:
        asked = await mesh.submit("text_generation", prompt, max_tokens=400, preference="fastest")
        await asked.final()


def _broker(scene: Scene) -> BrokerConfig:
    file = scene.stage.password_file(LOGIN)
    return BrokerConfig(port=scene.stage.broker.port, username=LOGIN, password_file=file)


async def _command(scene: Scene, *words: str, leave_after_s: float | None = None) -> bytes:
    """What a command prints on a terminal, colours and all; it ends by itself, or by the key q."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    broker = _broker(scene)
    settings = {
        "FORGEBUS_BROKER__PORT": str(broker.port),
        "FORGEBUS_BROKER__USERNAME": broker.username,
        "FORGEBUS_BROKER__PASSWORD_FILE": str(broker.password_file),
        "TERM": "xterm-256color",
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "daemon.cli", *words),
        cwd=ROOT,
        env=os.environ | settings,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    reading = asyncio.create_task(asyncio.to_thread(_drain, ours))
    if leave_after_s is not None:
        await asyncio.sleep(leave_after_s)
        os.write(ours, b"q")
    said = await reading
    await process.wait()
    os.close(ours)
    return said


def _drain(terminal: int) -> bytes:
    said = b""
    with suppress(OSError):  # the last process at the other end has gone
        while piece := os.read(terminal, 65_536):
            said += piece
    return said


async def _terminal(scene: Scene, command: str, said: bytes) -> bytes:
    """The true output as a terminal shows it, drawn by rich."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(Text(f"$ {command}", style="bold"))
    console.print(Text.from_ansi(said.decode().replace("\r\n", "\n")))
    drawn = console.export_svg(title=command, code_format=_FORMAT)
    page = await scene.browser.new_page(viewport={"width": 1080, "height": 800})
    try:
        await page.set_content(f"<body style='margin:0'>{drawn}</body>")
        picture: bytes = await page.locator("svg").screenshot()
    finally:
        await page.close()
    return picture


def _keep(file: Path, picture: bytes) -> int:
    """Write it with 256 colours, which is a third of the bytes; the size. Raises ValueError above the most."""
    drawn = Image.open(io.BytesIO(picture)).convert("RGB")
    drawn.quantize(256, dither=Image.Dither.NONE).save(file, optimize=True)
    size = file.stat().st_size
    if size > MOST_BYTES:
        raise ValueError(f"{file} has {size:,} bytes, at most {MOST_BYTES:,}")
    return size


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
