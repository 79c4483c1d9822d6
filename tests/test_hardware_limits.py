"""Limits of control groups, versions 1 and 2, nested, in containers with and without a namespace."""

from pathlib import Path

import pytest
from hardware_trees import plant

from engine.hardware import Cpu, Memory, Swap, detect_hardware

MB, GB = 1 << 20, 1 << 30
MEMINFO = "MemTotal: 8388608 kB\nMemFree: 1048576 kB\nMemAvailable: 6291456 kB\n"
UNLIMITED = "9223372036854771712\n"
V2 = "27 24 0:23 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n"
V1 = (
    "31 24 0:30 {root} /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
    "32 24 0:31 {root} /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
)


def memory(root: Path) -> Memory:
    return detect_hardware(plant(root, {"proc/meminfo": MEMINFO})).memory


def cpu(root: Path) -> Cpu:
    return detect_hardware(plant(root, {"sys/devices/system/cpu/online": "0-7\n"})).cpu


def version_2(root: Path, own: str, files: dict[str, str]) -> Path:
    plant(root, {"proc/self/cgroup": f"0::{own}\n", "proc/self/mountinfo": V2})
    return plant(root, {f"sys/fs/cgroup/{path}": text for path, text in files.items()})


def test_without_groups_the_machine_is_ours(tmp_path: Path) -> None:
    assert memory(tmp_path) == Memory(8 * GB, 6 * GB, 8 * GB, "")


@pytest.mark.parametrize("tight", ["a", "a/b", "a/b/c"])
@pytest.mark.parametrize("name", ["memory.max", "memory.high"])
def test_the_smallest_limit_on_the_way_up_counts(tmp_path: Path, tight: str, name: str) -> None:
    files = {f"{group}/memory.max": f"{4 * GB}\n" for group in ("a", "a/b", "a/b/c")}
    files |= {f"{tight}/{name}": f"{GB}\n", "a/b/c/memory.current": f"{100 * MB}\n"}
    found = memory(version_2(tmp_path, "/a/b/c", files))
    assert found.total == GB
    assert found.limited_by == f"/sys/fs/cgroup/{tight}/{name}"


def test_a_neighbour_in_the_parent_takes_of_what_is_free(tmp_path: Path) -> None:
    files = {
        "a/memory.max": f"{2 * GB}\n",
        "a/memory.current": f"{GB + 512 * MB}\n",
        "a/memory.stat": f"anon 5\ninactive_file {256 * MB}\nactive_file 7\n",
        "a/b/memory.max": f"{GB}\n",
        "a/b/memory.current": f"{10 * MB}\n",
    }
    found = memory(version_2(tmp_path, "/a/b", files))
    assert found.total == GB
    assert found.available == (512 + 256) * MB + 7


def test_a_limit_above_what_the_machine_has_is_none(tmp_path: Path) -> None:
    found = memory(version_2(tmp_path, "/a", {"a/memory.max": f"{64 * GB}\n"}))
    assert found == Memory(8 * GB, 6 * GB, 8 * GB, "")


def test_a_group_that_is_over_its_limit_has_nothing_free(tmp_path: Path) -> None:
    files = {"a/memory.high": f"{GB}\n", "a/memory.current": f"{2 * GB}\n"}
    assert memory(version_2(tmp_path, "/a", files)).available == 0


def test_a_group_that_does_not_tell_its_use_has_at_most_its_limit(tmp_path: Path) -> None:
    assert memory(version_2(tmp_path, "/a", {"a/memory.max": f"{GB}\n"})).available == GB


def test_a_process_moved_out_of_its_namespace_has_the_limits_of_the_mount(tmp_path: Path) -> None:
    files = {"memory.max": f"{GB}\n", "memory.current": "0\n"}
    plant(tmp_path, {"sys/other/memory.max": f"{MB}\n"})
    assert memory(version_2(tmp_path, "/../../other", files)).total == GB


def version_1(root: Path, own: str, mounted: str, files: dict[str, str]) -> Path:
    groups = f"5:cpu,cpuacct:{own}\n4:memory:{own}\n1:name=systemd:{own}\n"
    plant(root, {"proc/self/cgroup": groups, "proc/self/mountinfo": V1.format(root=mounted)})
    return plant(root, {f"sys/fs/cgroup/{path}": text for path, text in files.items()})


def test_version_1_nested(tmp_path: Path) -> None:
    files = {
        "memory/memory.limit_in_bytes": UNLIMITED,
        "memory/a/memory.limit_in_bytes": f"{2 * GB}\n",
        "memory/a/memory.usage_in_bytes": f"{GB}\n",
        "memory/a/memory.stat": f"inactive_file 5\ntotal_inactive_file {256 * MB}\n",
        "memory/a/b/memory.limit_in_bytes": UNLIMITED,
        "memory/a/b/memory.usage_in_bytes": f"{10 * MB}\n",
    }
    found = memory(version_1(tmp_path, "/a/b", "/", files))
    assert found.total == 2 * GB
    assert found.available == GB + 256 * MB
    assert found.limited_by == "/sys/fs/cgroup/memory/a/memory.limit_in_bytes"


def test_version_1_in_a_container_that_sees_its_own_group_alone(tmp_path: Path) -> None:
    files = {
        "memory/memory.limit_in_bytes": UNLIMITED,
        "memory/memory.usage_in_bytes": f"{100 * MB}\n",
        "memory/memory.stat": f"hierarchical_memory_limit {512 * MB}\ntotal_inactive_file 0\n",
        "cpu,cpuacct/cpu.cfs_quota_us": "150000\n",
        "cpu,cpuacct/cpu.cfs_period_us": "100000\n",
    }
    root = version_1(tmp_path, "/docker/0123", "/docker/0123", files)
    assert (memory(root).total, memory(root).available) == (512 * MB, 412 * MB)
    assert (cpu(root).cores, cpu(root).quota) == (1, 1.5)


def test_a_group_within_the_group_that_is_mounted(tmp_path: Path) -> None:
    files = {
        "memory/memory.limit_in_bytes": f"{GB}\n",
        "memory/inner/memory.limit_in_bytes": f"{256 * MB}\n",
    }
    assert memory(version_1(tmp_path, "/pod/inner", "/pod", files)).total == 256 * MB


@pytest.mark.parametrize("own", ["/podder/inner", "/"])
def test_a_group_outside_of_what_is_mounted_has_the_limits_of_the_mount(
    tmp_path: Path, own: str
) -> None:
    files = {
        "memory/memory.limit_in_bytes": f"{GB}\n",
        "memory/der/inner/memory.limit_in_bytes": f"{MB}\n",
    }
    assert memory(version_1(tmp_path, own, "/pod", files)).total == GB


def test_version_1_without_a_limit(tmp_path: Path) -> None:
    files = {
        "memory/memory.limit_in_bytes": UNLIMITED,
        "memory/memory.stat": f"hierarchical_memory_limit {UNLIMITED}",
        "cpu,cpuacct/cpu.cfs_quota_us": "-1\n",
        "cpu,cpuacct/cpu.cfs_period_us": "100000\n",
    }
    root = version_1(tmp_path, "/", "/", files)
    assert memory(root) == Memory(8 * GB, 6 * GB, 8 * GB, "")
    assert (cpu(root).cores, cpu(root).quota) == (8, None)
    (root / "proc/meminfo").unlink()
    assert detect_hardware(root).memory == Memory(None, None, None, "")


@pytest.mark.parametrize(
    ("inner", "outer", "cores", "quota"),
    [
        ("max 100000", "max 100000", 8, None),
        ("400000 100000", "max 100000", 4, 4.0),
        ("400000 100000", "250000 100000", 2, 2.5),
        ("20000 100000", "max 100000", 1, 0.2),
        ("1600000 100000", "max 100000", 8, 16.0),
        ("max", "0 100000", 8, None),
        ("100000 0", "50000", 8, None),
    ],
)
def test_the_smallest_share_of_processors_counts_in_whole_cores(
    tmp_path: Path, inner: str, outer: str, cores: int, quota: float | None
) -> None:
    files = {"a/b/cpu.max": inner + "\n", "a/cpu.max": outer + "\n"}
    found = cpu(version_2(tmp_path, "/a/b", files))
    assert (found.cores, found.quota) == (cores, quota)


@pytest.mark.parametrize(
    ("allowed", "online", "cores"),
    [
        ("0-127", "0-3", 4),
        ("2", "0-3", 1),
        ("0,2-3", "0-3", 3),
        ("1-2", "0,2-3", 1),
        ("garbage", "0-3", 4),
        ("0-3", "", 4),
        ("", "0-99999999999", 1),
        ("0-99999", "", 8192),
        ("1,0", "0-3", 4),
        ("7", "0-3", 1),
    ],
)
def test_a_core_counts_that_is_online_and_allowed(
    tmp_path: Path, allowed: str, online: str, cores: int
) -> None:
    files = {
        "proc/self/status": f"Name:\tx\nCpus_allowed:\tf\nCpus_allowed_list:\t{allowed}\n",
        "sys/devices/system/cpu/online": f"{online}\n",
    }
    assert detect_hardware(plant(tmp_path, files)).cpu.cores == cores


def test_swap_is_limited_too(tmp_path: Path) -> None:
    swaps = (
        "Filename Type Size Used Priority\n"
        "/dev/zram0 partition 1048576 524288 100\n"
        "/swap file 1048576 0 -2\n"
    )
    plant(tmp_path, {"proc/swaps": swaps})
    assert detect_hardware(tmp_path).swap == Swap(2 * GB, GB + 512 * MB, GB)
    version_2(tmp_path, "/a", {"a/memory.swap.max": f"{256 * MB}\n"})
    assert detect_hardware(tmp_path).swap == Swap(256 * MB, 256 * MB, 256 * MB)


def test_swap_in_use_beyond_its_size_leaves_none_free(tmp_path: Path) -> None:
    plant(tmp_path, {"proc/swaps": "Filename Type Size Used Priority\n/swap file 1024 4096 -2\n"})
    assert detect_hardware(tmp_path).swap == Swap(MB, 0, 0)


def test_a_mount_point_with_a_space_is_found(tmp_path: Path) -> None:
    line = "27 24 0:23 / /my\\040groups rw - cgroup2 cgroup2 rw\n"
    files = {
        "proc/self/mountinfo": line,
        "proc/self/cgroup": "0::/a\n",
        "my groups/a/memory.max": f"{GB}\n",
    }
    assert memory(plant(tmp_path, files)).total == GB
