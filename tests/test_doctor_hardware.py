"""What the doctor makes of a machine: recorded trees in, findings out."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.cli_hardware import examine_fused, examine_hardware
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
