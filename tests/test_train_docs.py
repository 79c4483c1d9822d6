"""docs/training.md shows commands that work: each is run as it stands, on the rows that it shows."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from cli_call import caller

from engine.checkpoint import load_checkpoint
from engine.training.kinds import KINDS

PAGE = (Path(__file__).resolve().parent.parent / "docs/training.md").read_text("utf-8")


@dataclass(frozen=True)
class Walk:
    """One section: the file it shows, the command, and Python that uses the outcome."""

    name: str
    file: str
    rows: str
    command: list[str]
    use: str


def walks() -> list[Walk]:
    found = []
    part = PAGE.split("\n## Six walks\n")[1].split("\n## ")[0]
    for section in re.split(r"^### ", part, flags=re.MULTILINE)[1:]:
        file, rows = re.search(
            r"^`(\S+)`:\n\n```\w+\n(.*?)```", section, re.MULTILINE | re.DOTALL
        ).groups()  # type: ignore[union-attr]
        (command,) = re.findall(r"^```sh\n(.*?)\n```", section, re.MULTILINE | re.DOTALL)
        use = "".join(re.findall(r"^```python\n(.*?)```", section, re.MULTILINE | re.DOTALL))
        words = shlex.split(command)
        assert words.pop(0) == "forgebus"
        found.append(Walk(section.split("\n")[0].lower(), file, rows, words, use))
    return found


def test_there_is_a_walk_through_every_type() -> None:
    assert [walk.name for walk in walks()] == [name for name in KINDS if name != "any"]
    for name in KINDS:
        if name != "any":
            assert f"\n| `{name}` | " in PAGE


@pytest.mark.parametrize("walk", walks(), ids=lambda walk: walk.name)
def test_the_walk_runs_as_it_stands(
    walk: Walk,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.set_num_threads(1)  # the commands leave torch its own choice
    Path(walk.file).write_text(walk.rows, "utf-8")
    told = caller(capfd)(*walk.command)
    assert told.code == 0, told
    facts = load_checkpoint(Path("runs") / walk.name).training
    assert facts["plan"]["kind"] == walk.name
    assert facts["validations"], "something was held out"
    assert facts["examples_left_out"] == 0
    if walk.use:
        exec(compile(walk.use, walk.name, "exec"), {})
        assert re.fullmatch(r"\[0\.\d+\s+0\.\d+\]\n", capfd.readouterr().out)
