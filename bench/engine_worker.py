"""A node's real worker with a model of ours in it: how much memory it holds once it has served.

The model answers for the home, as `models/home` does: the handler, the grammar and the tokenizer are
those of a node, and of the process nothing is left out that a node's worker has.
"""

import asyncio
import json
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from daemon.config import shipped
from daemon.worker_frames import Ended, FromWorker, Run
from daemon.worker_process import WorkerProcess
from engine.checkpoint import SUMS, write_sums
from engine.errors import BadModel
from engine.model_use import CALIBRATION

CAPABILITY, MODEL = "home_control", "home"
MEMORY_LIMIT_MB = 2048
JOBS = 3
LIMIT_S = 120.0

_HOME = {
    "text": "turn off the lamp in the hall and set the bedroom to 21 degrees",
    "entities": [
        {"entity_id": "light.floor_lamp", "name": "floor lamp", "area": "hall"},
        {"entity_id": "light.lava_lamp", "name": "lava lamp", "area": "bedroom"},
        {"entity_id": "climate.bedroom", "name": "thermostat", "area": "bedroom"},
    ],
    "areas": ["hall", "bedroom"],
}


@dataclass(frozen=True, slots=True)
class Served:
    """A worker after its jobs.

    Attributes:
        ended: how each job ended.
        files: that it has mapped, libraries among them.
    """

    rss_mb: float
    ended: list[Ended]
    files: frozenset[str]


def models_with(model: Path, place: Path) -> Path:
    """A folder of models in `place` where `model` answers for the home.

    The tokenizer lies beside `model`.
    """
    models = place / "models"
    home = models / MODEL
    shutil.copytree(model, home)
    shutil.copy(shipped("models") / MODEL / CALIBRATION, home)
    write_sums(home, sorted(file.name for file in home.iterdir() if file.name != SUMS))
    shutil.copy(model.parent / "tokenizer.json", models)
    return models


def serve(models: Path, threads: int = 1) -> Served:
    """Start a worker, have it do some jobs, look at it, end it.

    Raises:
        TimeoutError: it does not answer.
        BadModel: it cannot load the model.
    """
    return asyncio.run(_serve(models, threads))


async def _serve(models: Path, threads: int) -> Served:
    said: asyncio.Queue[FromWorker] = asyncio.Queue()
    worker = WorkerProcess(models, MEMORY_LIMIT_MB, threads, said.put_nowait)
    life = asyncio.create_task(worker.live())
    try:
        async with asyncio.timeout(LIMIT_S):
            ended = [await _job(worker, said, f"job {number}") for number in range(JOBS)]
        maps = psutil.Process(worker.pid).memory_maps()
        return Served(round(worker.memory_mb(), 1), ended, frozenset(each.path for each in maps))
    finally:
        life.cancel()
        with suppress(asyncio.CancelledError):
            await life


async def _job(worker: WorkerProcess, said: asyncio.Queue[FromWorker], key: str) -> Ended:
    worker.send(Run(key, CAPABILITY, json.dumps(_HOME).encode(), max_tokens=80))
    while True:
        frame = await said.get()
        if isinstance(frame, Ended):
            if not frame.loaded:
                raise BadModel(f"the worker serves nothing ({frame.error})", "see to that first")
            return frame
