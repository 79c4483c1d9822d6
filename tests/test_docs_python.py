"""The examples of docs/python.md run as they stand, against a real node, and print what they say."""

from __future__ import annotations

import asyncio
import re
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from broker_fixture import BrokerProcess
from cli_call import ROOT
from node_process import NodeProcess, on_the_bus

from bus_topics import messages as m
from daemon import asking
from daemon.mesh import Mesh

PAGE = (ROOT / "docs" / "python.md").read_text("utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
NODE = ("math", "home_control", "text_generation")


@pytest.fixture
def port(
    make_broker: Callable[..., BrokerProcess], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[int]:
    """The bus that `Mesh()` and the configuration find without being told."""
    port = make_broker().port
    monkeypatch.setenv("FORGEBUS_BROKER__PORT", str(port))
    assert Mesh.__init__.__defaults__ is not None
    host, _, *others = Mesh.__init__.__defaults__
    monkeypatch.setattr(Mesh.__init__, "__defaults__", (host, port, *others))
    node = NodeProcess(tmp_path, port, "kitchen", NODE)
    try:
        node.start()
        asyncio.run(_live())
        yield port
    finally:
        node.kill()


async def _live() -> None:
    async with Mesh(login="waiting") as mesh:
        await on_the_bus(mesh, "kitchen")


@pytest.mark.usefixtures("port")
def test_the_examples_run_and_print_what_they_say(capsys: pytest.CaptureFixture[str]) -> None:
    program, configured, *parts = BLOCKS
    names: dict[str, Any] = {}
    exec(compile(program, "the program", "exec"), names)
    exec(compile(configured, "from a configuration", "exec"), names)
    inside = "".join(textwrap.indent(part, "        ") for part in parts)
    whole = f"async def main():\n    async with mesh:\n{inside}\nasyncio.run(main())\n"
    exec(compile(whole, "the parts", "exec"), names)
    said = capsys.readouterr().out
    for told in re.findall(r"print\(.*  # (.*)$", PAGE, re.MULTILINE):
        assert f"{told}\n" in said
    assert len(re.findall(r"  # ", PAGE)) == 3
    assert "kitchen True\nTrue\n" in said
    assert "done kitchen" in said


def test_the_table_of_options_is_that_of_a_submit() -> None:
    told = set(re.findall(r"^\| `(\w+)` \| .* \| .* \|$", PAGE, re.MULTILINE))
    fields = set(m.Submit.__struct_fields__)
    assert told & fields == fields - {"v", "capability", "content", "negotiate", "max_attempts"}


def test_the_table_of_errors_is_that_of_the_module() -> None:
    told = set(re.findall(r"^\| `([A-Z]\w+)` ", PAGE, re.MULTILINE))
    assert told == {name for name, each in vars(asking).items() if _is_error(each)}


def _is_error(each: object) -> bool:
    return isinstance(each, type) and issubclass(each, asking.MeshError)
