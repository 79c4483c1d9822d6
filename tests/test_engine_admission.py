"""Room for a model is asked for before it is loaded: refused where there is none, and only there."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from engine_models import SHAPE, random_checkpoint
from hardware_trees import plant

from engine.admission import admit, cache_bytes, room, training_bytes
from engine.checkpoint import save_checkpoint
from engine.config import PRESETS, ForgeConfig
from engine.errors import OutOfMemory
from engine.graph import export
from engine.quantisation import MODES
from engine.tokenizer import Tokenizer

pytest_plugins = ["engine_fixtures"]

MB, GB = 1 << 20, 1 << 30
MEMINFO = "MemTotal: 8388608 kB\nMemFree: 1048576 kB\nMemAvailable: 6291456 kB\n"
SWAPS = "Filename Type Size Used Priority\n/dev/sda2 partition 1048576 262144 -2\n"
V2 = "27 24 0:23 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n"
V1 = "31 24 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
# Large enough that its weights stand out from what a process takes by the way.
WIDE = ForgeConfig(
    dim=384, n_layers=3, n_heads=6, n_kv_heads=6, ffn_dim=1024, vocab_size=SHAPE.vocab_size
)


def group_v2(root: Path, files: dict[str, str]) -> Path:
    plant(root, {"proc/meminfo": MEMINFO, "proc/self/cgroup": "0::/a\n"})
    plant(root, {"proc/self/mountinfo": V2})
    return plant(root, {f"sys/fs/cgroup/a/{name}": text for name, text in files.items()})


def test_what_is_free_and_swap_are_room(tmp_path: Path) -> None:
    plant(tmp_path, {"proc/meminfo": MEMINFO})
    assert (room(tmp_path).memory, room(tmp_path).memory_of) == (6 * GB, "this machine")
    plant(tmp_path, {"proc/swaps": SWAPS})
    assert room(tmp_path).memory == 6 * GB + 768 * MB


def test_a_control_group_leaves_less(tmp_path: Path) -> None:
    files = {"memory.max": f"{512 * MB}\n", "memory.current": f"{400 * MB}\n"}
    there = room(group_v2(tmp_path, files))
    assert (there.memory, there.memory_of) == (112 * MB, "/sys/fs/cgroup/a/memory.max")
    admit("models/x", 112 * MB, root=tmp_path)
    with pytest.raises(OutOfMemory, match=r"models/x needs 113 MiB .* 112 MiB .*a/memory\.max"):
        admit("models/x", 112 * MB + 1, root=tmp_path)
    admit("models/x", 100 * MB, mapped=GB, root=tmp_path)


def test_file_pages_of_a_group_are_given_back(tmp_path: Path) -> None:
    """Whoever has just hashed a model has its pages in the cache, some of them twice touched."""
    files = {
        "memory.max": f"{512 * MB}\n",
        "memory.current": f"{500 * MB}\n",
        "memory.stat": f"inactive_file {100 * MB}\nactive_file {200 * MB}\n",
    }
    assert room(group_v2(tmp_path, files)).memory == 312 * MB


def test_a_control_group_of_version_1(tmp_path: Path) -> None:
    plant(tmp_path, {"proc/meminfo": MEMINFO, "proc/self/cgroup": "4:memory:/a\n"})
    plant(
        tmp_path,
        {
            "proc/self/mountinfo": V1,
            "sys/fs/cgroup/memory/a/memory.limit_in_bytes": f"{256 * MB}\n",
            "sys/fs/cgroup/memory/a/memory.usage_in_bytes": f"{250 * MB}\n",
        },
    )
    assert room(tmp_path).memory == 6 * MB


def test_where_nothing_tells_nothing_is_refused(tmp_path: Path) -> None:
    assert room(tmp_path).memory is None
    admit("models/x", 1 << 60, root=tmp_path)


def test_the_need_of_training_is_refused_before_it_begins(tmp_path: Path) -> None:
    files = {"memory.max": f"{512 * MB}\n", "memory.current": "0\n"}
    root = group_v2(tmp_path, files)
    admit("training", training_bytes(PRESETS["small"]), root=root)
    with pytest.raises(OutOfMemory):
        admit("training", training_bytes(PRESETS["medium"]), root=root)


CHILD = """
import json, resource, sys
from engine.checkpoint import load_checkpoint
from engine.errors import OutOfMemory
from engine.runtime import Forge

def statm(field):
    with open("/proc/self/statm") as told:
        return int(told.read().split()[field]) * resource.getpagesize()

FIELD = {"RLIMIT_AS": 0, "RLIMIT_DATA": 5}

def within(limit, more, load):
    "What `load` says in a process that may take `more` bytes."
    kind = getattr(resource, limit)
    _, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (statm(FIELD[limit]) + more, hard))
    try:
        load()
        said = "loaded"
    except OutOfMemory as fault:
        said = str(fault)
    finally:
        resource.setrlimit(kind, (hard, hard))
    return said
"""


@pytest.fixture(scope="module")
def wide(tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wide model in every mode, and its checkpoint."""
    root = tmp_path_factory.mktemp("wide")
    checkpoint = random_checkpoint(WIDE, tokenizer.fingerprint)
    for mode in MODES:
        export(checkpoint, root / mode, mode)
    save_checkpoint(root / "checkpoint", checkpoint)
    tokenizer.save(root / "tokenizer.json")
    return root


def child(program: str, root: Path) -> Any:
    """The last line that a fresh process prints, as JSON."""
    environment = {"XDG_CACHE_HOME": str(root / "cache"), "PATH": "/usr/bin:/bin"}
    ran = subprocess.run(
        [sys.executable, "-c", f"root = {str(root)!r}\n{CHILD}{program}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=environment,
        cwd=Path(__file__).parent.parent,
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout.splitlines()[-1])


def test_a_limit_of_the_process_is_seen_before_anything_is_loaded(wide: Path) -> None:
    said = child(
        """
doors = {mode: (lambda mode=mode: Forge.load(root + "/" + mode, threads=1))
         for mode in ("none", "dynamic", "int8", "int4")}
doors["mapped"] = lambda: Forge.load_mmap(root + "/int8", threads=1)
doors["checkpoint"] = lambda: load_checkpoint(root + "/checkpoint")
said = {f"{door} {limit}": within(limit, (1 << 20) * (16 if limit == "RLIMIT_AS" else 1), load)
        for door, load in doors.items() for limit in FIELD}
said["imported"] = [name for name in ("onnxruntime", "torch") if name in sys.modules]
print(json.dumps(said))
""",
        wide,
    )
    assert said.pop("imported") == [], "nothing was half loaded"
    for door, text in said.items():
        if door in {"int4 RLIMIT_AS", "dynamic RLIMIT_AS", "int8 RLIMIT_AS", "mapped RLIMIT_AS"}:
            continue  # these may come as far as the libraries
        assert "RLIMIT" in text or "no room" in text, (door, text)
        assert "choose a smaller model" in text


def test_whatever_the_limit_it_loads_or_is_named(wide: Path) -> None:
    said = child(
        """
import os
said = {}
for limit in FIELD:
    for mode in ("none", "int8"):
        for more in (2, 16, 40, 90, 512):
            seen, tell = os.pipe()
            if not os.fork():  # nothing of the one before is there already
                load = lambda: Forge.load(root + "/" + mode, threads=1)
                os.write(tell, within(limit, more << 20, load).encode())
                os._exit(0)
            os.close(tell)
            said[f"{limit} {mode} {more}"] = os.read(seen, 999).decode()
print(json.dumps(said))
""",
        wide,
    )
    for limit in ("RLIMIT_AS", "RLIMIT_DATA"):
        for mode in ("none", "int8"):
            steps = [said.pop(f"{limit} {mode} {more}") for more in (2, 16, 40, 90, 512)]
            assert steps[-1] == "loaded", steps
            assert "choose a smaller model" in steps[0], steps
            named = [text == "loaded" or "choose a smaller model" in text for text in steps]
            assert all(named), steps


def test_what_is_asked_for_is_no_more_than_a_model_takes(wide: Path) -> None:
    took = child(
        """
import onnxruntime, os
took = {}
for mode in ("none", "dynamic", "int8", "int4"):
    seen, tell = os.pipe()
    if not os.fork():  # a process that has freed nothing that could be used again
        before = statm(5)
        forge = Forge.load(root + "/" + mode, threads=1)
        forge.prefill([5] * forge.config.context)
        os.write(tell, str(statm(5) - before).encode())
        os._exit(0)
    os.close(tell)
    took[mode] = int(os.read(seen, 99))
print(json.dumps(took))
""",
        wide,
    )
    for mode in MODES:
        asked = (wide / mode / f"model.{mode}.onnx").stat().st_size + cache_bytes(WIDE, mode)
        assert asked <= took[mode], f"{mode}: {asked:,} asked for, {took[mode]:,} taken"
        assert asked >= took[mode] / 6, f"{mode}: {asked:,} is far from {took[mode]:,}"


@pytest.fixture
def group() -> Iterator[Path]:
    """A memory control group of the machine's own, where one can be made."""
    for root, limit in (
        ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
        ("/sys/fs/cgroup", "memory.max"),
    ):
        folder = Path(root) / f"forgebus-test-{os.getpid()}"
        try:
            folder.mkdir()
        except OSError:
            continue
        if (folder / limit).exists():
            yield folder / limit
            folder.rmdir()
            return
        folder.rmdir()
    pytest.skip("no memory control group can be made here")


def test_a_real_control_group_is_seen_before_the_kernel_acts(wide: Path, group: Path) -> None:
    """Its limit is told, not the kernel's: that would kill the process."""
    said = child(
        f"""
import os
with open({str(group.parent / "cgroup.procs")!r}, "w") as procs:
    procs.write(str(os.getpid()))
said = []
for limit in (16 << 20, 512 << 20):
    with open({str(group)!r}, "w") as file:
        file.write(str(limit))
    try:
        Forge.load(root + "/none", threads=1).prefill([5] * 40)
        said.append("loaded")
    except OutOfMemory as fault:
        said.append(str(fault))
print(json.dumps(said))
""",
        wide,
    )
    assert "MiB are free" in said[0]
    assert group.name in said[0]
    assert said[1] == "loaded"
