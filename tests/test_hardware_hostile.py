"""Machines that lie, hide or hang: nothing is raised, nothing is waited for, all of it is told."""

import os
import shutil
import threading
import time
from pathlib import Path

import pytest
from hardware_trees import MACHINES, TREES, plant, program
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.config import PRESETS
from engine.hardware import (
    HardwareProfile,
    ask_program,
    detect_hardware,
    get_optimal_config,
)
from engine.hardware.files import Files

GARBAGE = [
    b"",
    b"\0",
    b"\xff\xfe\x80 not utf-8",
    b"-1\n",
    b"max max max\n",
    b"9" * 5000,
    b"99999999999999999999\n",
    b"0\n",
    b"1e309\n",
    b"nan nan\n",
    b": : :\n\n: - : - :\n",
    b"0::/" + b"../" * 50 + b"\n4:memory:/\0\n",
    b"1 0 8:2 / / rw - ext4\n1 0 x\0y / / rw - ext4 /dev/\0 rw\n",
    b"processor\t: 0\n" * 100,
    "²³١\n".encode(),
]


def sane(found: HardwareProfile) -> None:
    """What a caller may rely on, whatever the machine says."""
    assert found.cpu.cores >= 1
    assert found.recommended_model_size in PRESETS
    assert found.memory.total is None or found.memory.total >= 0
    assert found.memory.available is None or found.memory.available >= 0
    assert found.temperature is None or -40 <= found.temperature <= 150
    assert found.battery is None or found.battery.percent in {None, *range(101)}
    assert found.swap is None or 0 <= found.swap.free <= found.swap.total
    assert len(found.notes) == len(set(found.notes))
    chosen = get_optimal_config(found)
    assert chosen.quantization in {"int8", "dynamic"}
    assert 1 <= chosen.threads <= found.cpu.cores
    assert chosen.batch_size >= 1
    assert 1 <= chosen.context <= PRESETS[chosen.model_size].context


def test_an_empty_tree(tmp_path: Path) -> None:
    found = detect_hardware(tmp_path, ask=ask_program)
    sane(found)
    assert (found.memory.total, found.memory.available) == (None, None)
    assert (found.cpu.architecture, found.cpu.simd, found.cpu.cores) == (None, None, 1)
    assert (found.board, found.temperature, found.swap, found.battery) == (None, None, None, None)
    assert found.gpus == ()
    assert found.storage.kind is None
    told = "\n".join(found.notes)
    for unknown in ("memory", "architecture", "cores", "model", "temperature", "swap", "mountinfo"):
        assert unknown in told
    chosen = get_optimal_config(found)
    assert (chosen.model_size, chosen.quantization, chosen.threads) == ("pi_zero", "dynamic", 1)


def test_a_tree_that_is_not_there(tmp_path: Path) -> None:
    sane(detect_hardware(tmp_path / "nothing"))


def test_a_file_instead_of_a_tree(tmp_path: Path) -> None:
    (tmp_path / "root").write_text("x")
    sane(detect_hardware(tmp_path / "root"))


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("garbage", GARBAGE, ids=range(len(GARBAGE)))
def test_every_file_is_garbage(tmp_path: Path, machine: str, garbage: bytes) -> None:
    tree = tmp_path / "tree"
    shutil.copytree(TREES / machine, tree, symlinks=True)
    for path in tree.rglob("*"):
        if path.is_file() and not path.is_symlink() and "bin" not in path.parts:
            path.write_bytes(garbage)
    sane(detect_hardware(tree))


@pytest.mark.parametrize("machine", MACHINES)
def test_one_file_at_a_time_is_garbage_missing_or_no_file(tmp_path: Path, machine: str) -> None:
    tree = tmp_path / "tree"
    shutil.copytree(TREES / machine, tree, symlinks=True)
    for path in [path for path in tree.rglob("*") if path.is_file() and not path.is_symlink()]:
        kept = path.read_bytes()
        for garbage in (b"", b"\xff\0-7 max\n", kept[: len(kept) // 2], kept * 2):
            path.write_bytes(garbage)
            sane(detect_hardware(tree))
        path.unlink()
        sane(detect_hardware(tree))
        path.mkdir()
        sane(detect_hardware(tree))
        path.rmdir()
        path.write_bytes(kept)


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(
            [
                path.relative_to(TREES / machine).as_posix()
                for machine in MACHINES
                for path in sorted((TREES / machine).glob("proc/**/*"))
                if path.is_file()
            ]
        ),
        st.binary(max_size=200) | st.text(":- /,.0123456789akmBx\n\t", max_size=80).map(str.encode),
        max_size=6,
    )
)
def test_any_bytes_in_proc(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]
) -> None:
    root = tmp_path_factory.mktemp("proc")
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    sane(detect_hardware(root))
    shutil.rmtree(root)


def test_a_file_that_may_not_be_read_is_told(tmp_path: Path) -> None:
    plant(tmp_path, {"proc/meminfo": "MemTotal: 1000 kB\n"})
    (tmp_path / "proc/meminfo").chmod(0)
    if os.geteuid() == 0:
        # Root reads anything but this: a loop of links.
        (tmp_path / "proc/meminfo").unlink()
        (tmp_path / "proc/meminfo").symlink_to("meminfo")
    found = detect_hardware(tmp_path)
    assert found.memory.total is None
    assert any(note.startswith("/proc/meminfo cannot be read") for note in found.notes)


def test_a_folder_that_is_none_is_nothing(tmp_path: Path) -> None:
    plant(tmp_path, {"sys/class/power_supply": "", "sys/class/drm": "", "proc/self": ""})
    sane(detect_hardware(tmp_path))


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    os.mkfifo(tmp_path / "proc/meminfo")
    found: list[HardwareProfile] = []
    looking = threading.Thread(target=lambda: found.append(detect_hardware(tmp_path)), daemon=True)
    looking.start()
    looking.join(20)
    assert found
    assert "/proc/meminfo cannot be read: it is no file" in found[0].notes


def test_a_tree_cannot_lead_out_of_itself(tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("MemTotal: 4096 kB\n")
    tree = plant(tmp_path / "tree", {"proc/swaps": "Filename\n"})
    (tree / "proc/meminfo").symlink_to(tmp_path / "outside")
    found = detect_hardware(tree)
    assert found.memory.total is None
    assert any("leads out" in note for note in found.notes)
    (tree / "proc/meminfo").unlink()
    (tree / "real").write_text("MemTotal: 4096 kB\n")
    (tree / "proc/meminfo").symlink_to("../real")
    assert detect_hardware(tree).memory.total == 4096 * 1024


def test_a_group_whose_name_climbs_reads_nothing_outside(tmp_path: Path) -> None:
    files = {"proc/self/cgroup": "0::/a/../../../../etc\n", "sys/fs/cgroup/memory.max": "1048576\n"}
    assert detect_hardware(plant(tmp_path, files)).memory.total == 1 << 20


def test_a_file_without_end_is_read_in_part(tmp_path: Path) -> None:
    plant(tmp_path, {"proc/meminfo": "MemTotal: 4096 kB\n"})
    with (tmp_path / "proc/meminfo").open("ab") as grown:
        grown.truncate(1 << 40)
    text = Files(tmp_path).text("/proc/meminfo")
    assert text is not None
    assert len(text) == 4 << 20
    assert detect_hardware(tmp_path).memory.total == 4096 * 1024


def test_the_notes_do_not_repeat_what_a_hostile_file_says_at_length(tmp_path: Path) -> None:
    plant(tmp_path, {"proc/swaps": "Filename\n" + ("x" * 9000 + "\n") * 50})
    found = detect_hardware(tmp_path)
    assert max(len(note) for note in found.notes) < 300


class TestPrograms:
    """`ask_program` and what is made of its answers."""

    def test_the_answer_is_the_output(self, tmp_path: Path) -> None:
        program(tmp_path, "tool", 'echo "$1 $LC_ALL"; echo noise >&2')
        assert ask_program([str(tmp_path / "usr/bin/tool"), "told"]) == "told C\n"

    @pytest.mark.parametrize("script", ["exit 9", "echo half; exit 1", "kill -9 $$"])
    def test_a_failure_is_no_answer(self, tmp_path: Path, script: str) -> None:
        program(tmp_path, "tool", script)
        assert ask_program([str(tmp_path / "usr/bin/tool")]) is None

    def test_what_cannot_be_run_is_no_answer(self, tmp_path: Path) -> None:
        plant(tmp_path, {"tool": "no program"})
        assert ask_program([str(tmp_path / "tool")]) is None
        assert ask_program([str(tmp_path / "missing")]) is None
        assert ask_program(["a\0b"]) is None

    def test_one_that_hangs_is_ended_with_all_it_started(self, tmp_path: Path) -> None:
        mark = tmp_path / "child"
        program(tmp_path, "tool", f"sleep 1000 &\necho $! > {mark}\nwait")
        assert ask_program([str(tmp_path / "usr/bin/tool")]) is None
        child = int(mark.read_text())
        deadline = time.monotonic() + 20
        while alive(child) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not alive(child)

    def test_one_that_leaves_a_child_with_its_output_is_not_waited_for(
        self, tmp_path: Path
    ) -> None:
        mark = tmp_path / "child"
        program(tmp_path, "tool", f"setsid sleep 60 &\necho $! > {mark}\nexit 0")
        told: list[str | None] = []
        tool = [str(tmp_path / "usr/bin/tool")]
        asking = threading.Thread(target=lambda: told.append(ask_program(tool)), daemon=True)
        asking.start()
        asking.join(20)
        os.kill(int(mark.read_text()), 9)
        assert told == [None]

    @pytest.mark.parametrize(
        "script", ["echo", "echo garbage, more, of it", "head -c 99999 /dev/zero"]
    )
    @pytest.mark.parametrize("tool", ["nvidia-smi", "vcgencmd"])
    def test_a_strange_answer_is_noted(self, tmp_path: Path, tool: str, script: str) -> None:
        plant(tmp_path, {"proc/device-tree/model": "Raspberry Pi 4 Model B\0"})
        plant(tmp_path, {"proc/driver/nvidia/gpus/0000:01:00.0/information": "Model: X\n"})
        program(tmp_path, tool, script)
        found = detect_hardware(tmp_path, ask=ask_program)
        sane(found)
        assert any(tool in note for note in found.notes)
        assert max(len(note) for note in found.notes) < 300

    def test_one_that_may_not_be_run_is_not_asked(self, tmp_path: Path) -> None:
        program(tmp_path, "nvidia-smi", "echo 00000000:01:00.0, 1, X")
        (tmp_path / "usr/bin/nvidia-smi").chmod(0o644)
        assert detect_hardware(tmp_path, ask=ask_program).gpus == ()


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
