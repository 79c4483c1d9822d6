"""What the doctor makes of a machine: recorded trees in, findings out."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from hardware_trees import plant

from daemon.cli_hardware import examine_fused, examine_hardware, suited_profile
from daemon.doctor import Verdict
from engine.fused import build

TREES = Path(__file__).parent / "fixtures" / "hardware"


@pytest.mark.parametrize(
    ("tree", "names"),
    [
        ("pi_5_8gb", ("Raspberry Pi 5", "4 cores")),
        ("pi_zero_2_w", ("Raspberry Pi Zero 2", "dynamic", "zram", "context 512")),
        ("container_512mb", ("limited by", "1 core,", "virtual", "no swap", "1 sequence at once")),
        ("laptop", ("nvme", "71 degrees", "battery at 68 %, discharging", "Intel 0x9a49")),
        ("gpu_server", ("NVIDIA A100-SXM4-80GB, not used for serving",)),
    ],
)
def test_a_machine_is_named_with_what_suits_it(tree: str, names: tuple[str, ...]) -> None:
    findings = examine_hardware(Path("/var/lib/forgebus"), TREES / tree)
    said = " ".join(finding.found for finding in findings if finding.verdict is Verdict.OK)
    for name in names:
        assert name in said
    assert "model size" in said


def test_a_starved_board_is_a_warning_with_its_remedy() -> None:
    findings = examine_hardware(Path("/var/lib/forgebus"), TREES / "pi_4_4gb")
    warned = [finding for finding in findings if finding.verdict is Verdict.WARNING]
    assert warned
    assert all(finding.remedy for finding in warned)


def test_this_machine_is_told(tmp_path: Path) -> None:
    machine = examine_hardware(tmp_path)[0]
    assert machine.verdict is Verdict.OK
    assert "GB free" in machine.found


def test_a_fused_step_that_is_not_built_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not build.here():
        pytest.skip("there is no code for this processor")
    monkeypatch.setattr(build, "_installed", lambda: tmp_path)
    (finding,) = examine_fused()
    assert finding.verdict is Verdict.WARNING
    assert "engine.fused.build" in finding.remedy
    library = tmp_path / build._name(build.here()[0])
    library.touch(0o755)
    (finding,) = examine_fused()
    assert (finding.verdict, str(library) in finding.found) == (Verdict.OK, True)


@pytest.mark.parametrize(
    ("tree", "profile"),
    [
        ("pi_zero_2_w", "pi_zero"),
        ("pi_4_4gb", "pi_4"),
        ("pi_5_8gb", "pi_5"),
        ("laptop", "desktop"),
        ("gpu_server", "gpu_server"),
        ("container_512mb", "pi_zero"),
    ],
)
def test_each_machine_has_a_profile_that_suits_it(tree: str, profile: str) -> None:
    name, why = suited_profile(TREES / tree)
    assert name == profile
    assert "GB of memory" in why


def test_where_nothing_is_known_the_smallest_profile_suits(tmp_path: Path) -> None:
    assert suited_profile(tmp_path)[0] == "pi_zero"


@pytest.mark.parametrize(("cores", "profile"), [("0-15", "gpu_server"), ("0-7", "desktop")])
def test_a_desktop_with_one_card_is_no_server(tmp_path: Path, cores: str, profile: str) -> None:
    shutil.copytree(TREES / "gpu_server", tmp_path, dirs_exist_ok=True)
    folders = sorted((tmp_path / "proc/driver/nvidia/gpus").iterdir())
    for folder in folders[1:]:
        shutil.rmtree(folder)
    for folder in (tmp_path / "sys/class/drm").glob("card*"):
        shutil.rmtree(folder)
    block = (tmp_path / "proc/cpuinfo").read_text().split("\n\n")[0]
    each = [re.sub(r"(processor\s*:) \d+", rf"\1 {number}", block) for number in range(16)]
    plant(
        tmp_path,
        {
            "proc/cpuinfo": "\n\n".join(each) + "\n",
            "sys/devices/system/cpu/online": f"{cores}\n",
            "proc/self/status": "Cpus_allowed_list:\t0-15\n",
            "sys/fs/cgroup/system.slice/forgebus.service/cpu.max": "max 100000\n",
        },
    )
    assert suited_profile(tmp_path)[0] == profile
