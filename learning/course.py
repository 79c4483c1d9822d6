"""One learning, from the corrections of a node to a model of its own that is kept or discarded.

    corrections ─┐
    old lessons ─┴▶ rows ─▶ train from the shipped weights ─▶ int8, threshold ─▶ compare ─▶ kept
                                                                                    └─▶ discarded

It always begins at the shipped weights, with all corrections that are kept: nothing adds up over many
learnings, and what was forgotten is forgotten. Half-done work lies in the learning folder and is taken
up again; it goes when the learning ends.
"""

import fcntl
import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from engine.checkpoint import load_checkpoint, save_checkpoint, write_json
from engine.errors import BadData, MissingDependency, NotWritten
from engine.model_use import read_calibration, read_use
from engine.served import load_served_weights
from handlers.corrections_envelope import CORRECTABLE
from handlers.corrections_store import Correction, Store
from handlers.learned_models import COURSE, PROVENANCE, digest, install, learned, overlay
from learning.judge import Compared, Mark, compared, fallen, marks, threshold_for
from learning.lessons import KINDS, Kind, generate
from learning.rows import learnable, rows_of, split
from learning.served_form import between, calibrate, seal, tokenizer_of, write_model

_PLAN, _LAST, _LOCK = "plan.json", "last.json", "learn.lock"
SHARES = (1.0, 0.85, 0.7, 0.5, 0.3)
"""Of the way from the shipped weights to the trained ones, that are tried."""

_MOST_LOWER = 0.05
"""The most by which a threshold may be below the shipped one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How much a learning takes upon itself.

    Attributes:
        steps: of the optimiser.
        rows: packed rows a step.
        context: positions of a packed row.
        rate: peak learning rate.
        lessons: rows of the generator, so that nothing is forgotten.
        reserved: cases of each reserved set, and of the one that fits the threshold.
        copies: rows a correction.
        threads: of torch.
    """

    steps: int = 80
    rows: int = 8
    context: int = 256
    rate: float = 2e-4
    lessons: int = 4000
    reserved: int = 500
    copies: int = 40
    threads: int = 1


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node keeps what it learns, where the shipped models are, and the generators."""

    learning: Path
    shipped: Path
    generators: Path


@dataclass(frozen=True, slots=True)
class Learnt:
    """How a learning ended: `kept`, or why not; `figures` as plain JSON."""

    kept: bool
    why: tuple[str, ...]
    figures: dict[str, Any]


class Interrupted(Exception):  # noqa: N818 - named for what happened
    """Asked to stop; the same learning goes on from here."""


class NothingNew(Exception):  # noqa: N818 - named for what is so
    """These corrections were learnt, or discarded, at the last learning; its text says which."""


def learn(
    name: str,
    place: Place,
    store: Store,
    effort: Effort,
    *,
    say: Callable[[str], None] = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
) -> Learnt:
    """Learn the corrections of the model `name` (home or router), and keep what is no worse.

    Raises:
        BadData: nothing to learn from, or another learning is under way here.
        NothingNew: there is no correction that the last learning had not.
        Interrupted: `stop` said so.
        MissingDependency: torch is not installed.
        EngineError: as training and export raise.
    """
    _need_training()
    course = _Course.begin(name, place, store, effort, say)
    folder = place.learning / f"{COURSE}{name}"
    with _alone(place.learning):
        course.lay_out(folder)
        started = time.monotonic()
        say(f"{len(course.trained)} corrections and {effort.lessons} lessons")
        course.write_lessons(folder, stop)
        course.train(folder, stop)
        made = course.choose(folder)
        result = course.compare(folder, made)
        result.figures["seconds"] = round(time.monotonic() - started, 1)
        if result.kept:
            course.keep(made, result)
        last = {"plan": course.fingerprint, "kept": result.kept, "why": result.why}
        write_json(place.learning / f"{name}-{_LAST}", last | result.figures)
        shutil.rmtree(folder)
    return result


@dataclass(frozen=True, slots=True)
class _Course:
    name: str
    kind: Kind
    place: Place
    effort: Effort
    say: Callable[[str], None]
    trained: list[Correction]
    held_out: list[Correction]
    parent: str
    fingerprint: dict[str, Any]

    @classmethod
    def begin(
        cls, name: str, place: Place, store: Store, effort: Effort, say: Callable[[str], None]
    ) -> "_Course":
        """Read the corrections and see that there is something to do; nothing is written."""
        capability = next(c for c, model in CORRECTABLE.items() if model == name)
        found = store.read(capability)
        usable = learnable(found)
        if not usable:
            raise BadData(
                f"no correction of {capability} is kept that the model could learn",
                "tell some with `forgebus correct TASK`",
            )
        if len(usable) < len(found):
            say(f"{len(found) - len(usable)} corrections no longer fit what the model reads")
        parent = digest(place.shipped / name)
        told = [[one.id, _sha(one)] for one in usable]
        fingerprint = {"parent": parent, "corrections": told, "effort": asdict(effort)}
        last = _read(place.learning / f"{name}-{_LAST}")
        if last.get("plan") == fingerprint:
            how = "kept" if last.get("kept") else "discarded"
            raise NothingNew(f"no correction is new since the last learning, which was {how}")
        trained, held_out = split(usable)
        return cls(name, KINDS[name], place, effort, say, trained, held_out, parent, fingerprint)

    def lay_out(self, folder: Path) -> None:
        """The folder of this course; one of another is begun anew."""
        if _read(folder / _PLAN) == self.fingerprint:
            self.say("going on where it was interrupted")
            return
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700, parents=True)
        write_json(folder / _PLAN, self.fingerprint)

    def write_lessons(self, folder: Path, stop: Callable[[], bool]) -> None:
        """The generator's rows and reserved sets, and the corrections among the rows."""
        lessons = folder / "lessons"
        if not lessons.exists():
            generate(self.kind, self.place.generators, folder, self.effort, stop)
        _stop_if(stop)
        self.kind.check(self.place.shipped / self.name, lessons)
        rows = folder / "train.jsonl"
        if not rows.exists():
            ours = [row for one in self.trained for row in rows_of(one, self.effort.copies, 1)]
            theirs = (lessons / "train.jsonl").read_text("utf-8").splitlines(keepends=True)
            with rows.open("w", encoding="utf-8") as file:
                file.writelines(theirs)
                file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in ours)

    def train(self, folder: Path, stop: Callable[[], bool]) -> None:
        """From the shipped weights; the corrections are few among the old lessons."""
        from engine.training.loop import train
        from engine.training.plan import TrainPlan

        shipped, effort = self.place.shipped / self.name, self.effort
        every = max(1, effort.steps // 4)
        parent = folder / "parent"
        if not parent.exists():
            half = folder / "parent.new"
            save_checkpoint(half, load_served_weights(shipped))
            half.rename(parent)
        plan = TrainPlan(
            config=load_checkpoint(parent).config,
            data=(folder / "train.jsonl",),
            tokenizer=tokenizer_of(shipped),
            out=folder / "run",
            kind=self.kind.rows,
            labels=read_use(shipped).labels,
            initial=parent,
            steps=effort.steps,
            rows=effort.rows,
            context=effort.context,
            rate=effort.rate,
            validation=0.0,  # the last weights are kept, and judged as a node would be
            every=every,
            threads=effort.threads,
        )
        done = train(
            plan,
            resume=True,
            report=lambda at: None if at.step % every else self.say(str(at)),
            stop=stop,
            more={"licence": "corrections of this node; generated"},
        )
        if not done.finished:
            raise Interrupted

    def choose(self, folder: Path) -> Path:
        """The model that is to be judged; sealed.

        As far on the way from the shipped weights to the trained ones as costs nothing on the
        fitting cases, else the nearest to the shipped ones. What is reserved has no part in this.
        """
        shipped = self.place.shipped / self.name
        before, after = load_checkpoint(folder / "parent"), load_checkpoint(folder / "run")
        fitting = self.kind.cases(folder / "fitting")
        known = self._marks(shipped, fitting)
        answers = sum(mark.helped or mark.harmed for mark in known)
        for share in SHARES:
            made = folder / f"{self.name}-{share:g}"
            write_model(between(before, after, share), shipped, made)
            self._set_threshold(made, fitting, answers)
            _, fell = fallen(known, self._marks(made, fitting))
            self.say(f"{share:.0%} of the way: {'; '.join(fell) or 'nothing fell'}")
            if not fell:
                break
        return made

    def _set_threshold(self, made: Path, fitting: list[Any], answers: int) -> None:
        """The one at which it answers as often as the shipped model."""
        shipped = read_calibration(self.place.shipped / self.name)
        outcomes = list(self.kind.answered(made, fitting))
        threshold = threshold_for(outcomes, answers, shipped.threshold - _MOST_LOWER)
        calibrate(made, replace(shipped, threshold=threshold))

    def compare(self, folder: Path, made: Path) -> Learnt:
        """Against the shipped model on what is reserved, against today's on the corrections."""
        shipped = self.place.shipped / self.name
        reserved = self.kind.cases(folder / "lessons")
        figures, why = fallen(self._marks(shipped, reserved), self._marks(made, reserved))
        today = overlay(self.place.learning, self.place.shipped) / self.name
        said = self._on_corrections(today.resolve(), made, self.trained)
        unsaid = self._on_corrections(today.resolve(), made, self.held_out)
        if (
            said.after <= said.before
            and learned(self.place.learning, self.place.shipped, self.name) is None
        ):
            why.append(
                f"nothing was learnt: {said.after} of {said.n} corrections are right after it"
            )
        if said.after < said.before or unsaid.after < unsaid.before:
            why.append("fewer corrections are right than today")
        told: dict[str, Any] = {name: one.told() for name, one in figures.items()}
        told |= {"corrections": said.told(), "corrections held out": unsaid.told()}
        told["threshold"] = read_calibration(made).threshold
        return Learnt(not why, tuple(why), told)

    def keep(self, made: Path, result: Learnt) -> None:
        """Seal it with where it comes from, and let it stand for the shipped one."""
        write_json(made / PROVENANCE, {"parent": self.parent, **result.figures})
        seal(made)
        try:
            install(self.place.learning, self.place.shipped, self.name, made)
        except OSError as fault:
            raise NotWritten(
                f"the learnt model cannot be installed ({fault.strerror})", "make room"
            ) from fault

    def _marks(self, model: Path, cases: list[Any]) -> list[Mark]:
        threshold = read_calibration(model).threshold
        return marks(self.kind.answered(model, cases), threshold)

    def _on_corrections(self, today: Path, made: Path, found: list[Correction]) -> Compared:
        cases = [self.kind.case(one) for one in found]
        before, after = self._marks(today, cases), self._marks(made, cases)
        return compared([mark.done for mark in before], [mark.done for mark in after])


def _sha(one: Correction) -> str:
    """What tells one right answer from another."""
    return hashlib.sha256(msgspec.json.encode(one.right)).hexdigest()[:12]


def _need_training() -> None:
    """Before anything is done: what learning needs is not on every node."""
    try:
        import engine.training.loop  # noqa: F401 - as `train` will
    except ImportError as fault:
        raise MissingDependency(
            f"learning needs {fault.name}", "run `pip install forgebus[train]`"
        ) from fault


@contextmanager
def _alone(learning: Path) -> Iterator[None]:
    """One learning at a time in a folder; the lock goes with the process."""
    with (learning / _LOCK).open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BadData("another learning is under way here", "wait for its end") from None
        yield


def _stop_if(stop: Callable[[], bool]) -> None:
    if stop():
        raise Interrupted


def _read(file: Path) -> dict[str, Any]:
    """A JSON object of ours; {} where there is none."""
    try:
        told = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}
