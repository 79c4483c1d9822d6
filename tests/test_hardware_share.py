"""What a node may use of its machine, and what it bids in a container of 512 MB and one CPU."""

import os
import shutil
from pathlib import Path

import psutil
import pytest
from hardware_trees import TREES, plant

from bus_topics.messages import Bid, Features, Offer
from daemon.cli_hardware import usable_share
from daemon.contractor import Vitals
from daemon.pricing import Shop, price
from daemon.vitals import Share as Visible
from daemon.vitals import read_hardware, read_vitals, whole_machine
from engine.hardware import Share, Strain, read_share, read_strain
from handlers.catalog import Entry, Speeds, Work

MB = 1 << 20


@pytest.fixture
def container(tmp_path: Path) -> Path:
    """The recorded container, on a machine of four cores with a load of 8; we are its process 1."""
    shutil.copytree(TREES / "container_512mb", tmp_path, dirs_exist_ok=True)
    return plant(
        tmp_path,
        {
            "proc/loadavg": "8.00 4.00 2.00 9/500 777\n",
            "sys/fs/cgroup/cgroup.procs": "1\n17\n18\n",
            "proc/1/stat": "1 (forgebus) R 0 1 1",
            "proc/17/stat": "17 (worker) S 1 1 1",
            "proc/18/stat": "18 (a ) S (name) R 1 1 1",
        },
    )


def test_the_share_of_a_container(container: Path) -> None:
    # The machine's load is twice its cores; of ours one process wants the one core.
    assert read_share(container) == Share(1, 512 * MB, 462 * MB, 2.0)


def test_what_wants_our_quota_counts_though_the_machine_is_idle(container: Path) -> None:
    busy = {f"proc/{n}/stat": f"{n} (worker) R 1 1 1" for n in (17, 18, 19, 20)}
    numbers = {"sys/fs/cgroup/cgroup.procs": "1\n17\n18\n19\n20\n"}
    plant(container, {**busy, **numbers, "proc/loadavg": "0.10 0.10 0.10 1/500 777\n"})
    assert read_share(container).load == 4.0
    plant(container, {"sys/fs/cgroup/cpu.max": "200000 100000\n"})
    assert read_share(container).load == 2.0


def test_the_neighbours_load_is_not_heaped_on_our_few_cores(container: Path) -> None:
    """On 64 cores a load of 32 is an idle half, also for a container of one."""
    plant(
        container,
        {
            "proc/loadavg": "32.00 4.00 2.00 9/500 777\n",
            "sys/devices/system/cpu/online": "0-63\n",
        },
    )
    assert read_share(container).load == 1.0


def test_without_a_quota_the_load_is_that_of_the_machine(container: Path) -> None:
    plant(container, {"sys/fs/cgroup/cpu.max": "max 100000\n"})
    found = read_share(container)
    assert (found.cores, found.load) == (4, 2.0)


def test_what_is_not_known_is_none(tmp_path: Path) -> None:
    assert read_share(tmp_path) == Share(1, None, None, None)
    assert usable_share(tmp_path).memory_mb == whole_machine().memory_mb


def test_this_machine() -> None:
    found = read_share()
    assert found.memory_total is not None
    assert found.memory_total <= psutil.virtual_memory().total
    assert 1 <= found.cores <= len(os.sched_getaffinity(0))
    assert found.load is not None


def test_the_node_of_a_container_shows_and_bids_what_the_container_has(container: Path) -> None:
    def look() -> Visible:
        return usable_share(container)

    hardware = read_hardware(look)
    assert (hardware.cores, hardware.memory_mb) == (1, 512)
    vitals = read_vitals("", look)
    assert (vitals.load, vitals.memory_free_mb) == (2.0, 462.0)
    assert bid(463, vitals).declined == "needs 463 MB, 462 MB are free"
    # Two want the one core: the work takes twice as long.
    assert bid(462, vitals).price.decode_ms == 2 * bid(462, Vitals()).price.decode_ms > 0


THERMAL = "sys/class/thermal/thermal_zone0"
FIRMWARE = "sys/devices/platform/soc/soc:firmware/get_throttled"


@pytest.mark.parametrize(
    ("tree", "planted", "held"),
    [
        ("pi_5_8gb", {}, ()),
        ("pi_4_4gb", {}, ("under_voltage",)),
        ("pi_zero_2_w", {}, ()),
        ("pi_zero_2_w", {f"{THERMAL}/temp": "80000\n"}, ("hot",)),
        ("pi_zero_2_w", {f"{THERMAL}/temp": "79999\n"}, ()),
        # The upper half is what was within the last two seconds (docs/hardware.md).
        ("pi_zero_2_w", {FIRMWARE: "60006\n"}, ("frequency_capped", "throttled")),
        ("pi_zero_2_w", {FIRMWARE: "80008\n"}, ("temperature_limited",)),
        # 91 degrees are usual on a laptop, and a cap there is its owner's choice.
        ("laptop", {f"{THERMAL[:-1]}2/temp": "91000\n"}, ()),
        ("laptop", {f"{THERMAL[:-1]}2/temp": "97000\n"}, ("hot",)),
    ],
)
def test_what_holds_a_machine_back_now(
    tmp_path: Path, tree: str, planted: dict[str, str], held: tuple[str, ...]
) -> None:
    shutil.copytree(TREES / tree, tmp_path, dirs_exist_ok=True)
    assert read_strain(plant(tmp_path, planted)).held == held


def test_a_machine_that_tells_nothing_is_not_held_back(tmp_path: Path) -> None:
    assert read_strain(tmp_path) == Strain(None, ())


@pytest.mark.parametrize(
    ("tree", "planted", "times"),
    [
        ("pi_5_8gb", {}, 1.0),
        ("pi_5_8gb", {f"{THERMAL}/temp": "81000\n"}, 1.25),
        ("pi_4_4gb", {}, 2.0),
        ("pi_4_4gb", {"proc/loadavg": "12.00 4.00 2.00 9/500 777\n"}, 6.0),
    ],
)
def test_heat_and_a_weak_supply_raise_the_price(
    tmp_path: Path, tree: str, planted: dict[str, str], times: float
) -> None:
    """A load of 3 on each core, on a processor at half its speed, takes six times as long."""
    shutil.copytree(TREES / tree, tmp_path, dirs_exist_ok=True)
    plant(tmp_path, {"proc/loadavg": "0.10 0.10 0.10 1/500 777\n"} | planted)
    vitals = read_vitals("", lambda: usable_share(tmp_path))
    assert bid(64, vitals).price.decode_ms == times * bid(64, Vitals()).price.decode_ms


def bid(memory_mb: int, vitals: Vitals) -> Bid:
    entry = Entry(
        capability="chat",
        factory="nowhere:Nothing",
        model="text",
        quality=0.6,
        estimate=Work,
        speeds=Speeds(prefill=500.0, decode=50.0),
        memory_mb=memory_mb,
    )
    shop = Shop(
        node="box",
        entries={"chat": entry},
        speeds={},
        load=vitals.load,
        memory_free_mb=vitals.memory_free_mb,
    )
    offer = Offer(
        task="desk/1",
        auction="0123abcd",
        capability="chat",
        features=Features(bytes=400, tokens=100, max_tokens=20),
        deadline_ms=60_000,
        window_ms=150,
    )
    return price(offer, "desk", shop)
