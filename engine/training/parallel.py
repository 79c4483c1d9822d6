"""Several processes that train one model: torch's DistributedDataParallel, started by torchrun.

Each process takes its share of the rows of every step and reads the same data in the same order,
so that a step is the same whatever their number, but for the rounding of sums.
"""

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from engine.errors import BadConfig


@dataclass(frozen=True, slots=True)
class Team:
    """The processes of a run.

    Attributes:
        rank: number of this one; 0 writes and reports.
        size: how many there are.
        device: of this process: cpu, cuda, or cuda:N in a team.
    """

    rank: int = 0
    size: int = 1
    device: str = "cpu"

    @property
    def leads(self) -> bool:
        """Whether this process writes the checkpoints."""
        return self.rank == 0

    @property
    def kind(self) -> str:
        """The kind of device, as autocast takes it: cpu or cuda."""
        return self.device.partition(":")[0]

    def share(self, rows: list[Any]) -> list[Any]:
        """This process's part of what all have."""
        return rows[self.rank :: self.size]

    def sum(self, values: list[float]) -> list[float]:
        """Each value summed over the team."""
        if self.size == 1:
            return values
        total = torch.tensor(values, dtype=torch.float64, device=self.device)
        dist.all_reduce(total)
        summed: list[float] = total.tolist()
        return summed

    def together(self, learner: nn.Module) -> nn.Module:
        """`learner`, whose gradients are the mean over the team after each backward."""
        if self.size == 1:
            return learner
        devices = [self.device] if self.kind == "cuda" else None
        return DistributedDataParallel(learner, device_ids=devices)

    def mean(self, loss: Tensor) -> Tensor:
        """The mean over the team of each process's part, for the report."""
        if self.size > 1:
            dist.all_reduce(loss)
            loss /= self.size
        return loss


@contextmanager
def team(device: str) -> Iterator[Team]:
    """The team that torchrun started, or this process alone.

    Args:
        device: cpu or cuda.

    Raises:
        BadConfig: CUDA is asked for and not there.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise BadConfig("no CUDA device is here", "use --device cpu, or install torch for CUDA")
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield Team(device=device)
        return
    here = device
    if device == "cuda":
        here = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
        torch.cuda.set_device(here)
    dist.init_process_group("nccl" if device == "cuda" else "gloo")
    try:
        yield Team(dist.get_rank(), dist.get_world_size(), here)
        dist.barrier()  # none leaves while another still waits for its part
    finally:
        # What holds the group in a cycle would end its threads only after the interpreter, and abort.
        gc.collect()
        dist.destroy_process_group()
