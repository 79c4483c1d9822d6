"""What a node keeps of corrections: private, bounded, whole at every moment, gone when forgotten."""

import json
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from test_handlers_protocol import Recorder

from handlers import corrections_store
from handlers.catalog import build
from handlers.corrections_envelope import MOST_CONTENT, Envelope
from handlers.corrections_store import FILE, Correction, Right, Store, identity
from handlers.protocol import BadInput, HandlerError, Unavailable

ROOT = Path(__file__).resolve().parent.parent
MODELS = ROOT / "models"
HOME = {
    "text": "murder zorvan",
    "entities": [{"entity_id": "light.b", "name": "Zorvan", "area": "Bedroom"}],
}
RIGHT = {"intents": [{"name": "HassTurnOff", "entities": ["light.b"]}]}


def correction(text: str, by: str = "app", at: float | None = None) -> Correction:
    content = json.dumps(text).encode()
    return Correction(
        id=identity("intent_classification", content),
        at=time.time() if at is None else at,
        capability="intent_classification",
        by=by,
        task="",
        content=msgspec.Raw(content),
        right=Right(label="math"),
    )


def told(tmp_path: Path, said: object, **more: Any) -> dict[str, Any]:
    """What the handler answers to a correction."""
    raw = said if isinstance(said, bytes) else json.dumps(said).encode()
    about: dict[str, Any] = {"by": "app", "node": "alpha", "operator": True, **more}
    envelope = Envelope(
        said=msgspec.Raw(raw), folder=str(tmp_path / "learning"), keep_days=30, **about
    )
    result = build("correction", MODELS).run(msgspec.json.encode(envelope), Recorder())
    answer: dict[str, Any] = json.loads(result)
    return answer


def test_only_the_owner_can_read_what_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / "learning"
    Store(folder, 30).add(correction("two and two"))
    modes = {f.name: stat.S_IMODE(f.stat().st_mode) for f in (folder, *folder.iterdir())}
    assert modes == {"learning": 0o700, FILE: 0o600, "corrections.lock": 0o600}


def test_the_same_sentence_corrected_again_replaces_the_first(tmp_path: Path) -> None:
    store = Store(tmp_path, 30)
    first = correction("two and two")
    store.add(first)
    assert store.add(msgspec.structs.replace(first, right=Right(label="chat"))) == 1
    assert [one.right.label for one in store.read()] == ["chat"]


def test_what_is_old_goes_and_what_is_forgotten_is_nowhere(tmp_path: Path) -> None:
    store = Store(tmp_path, 30)
    store.add(correction("ancient words", at=time.time() - 31 * 86_400))
    store.add(correction("two and two"))
    store.add(correction("three and three"))
    assert [json.loads(bytes(one.content)) for one in store.read()] == [
        "two and two",
        "three and three",
    ]
    assert store.forget([correction("two and two").id]) == 1
    left = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"three and three" in left
    assert b"two and two" not in left
    assert b"ancient" not in left
    assert store.forget(()) == 1
    assert b"three" not in b"".join(file.read_bytes() for file in tmp_path.iterdir())


def test_one_who_corrects_much_pushes_out_only_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corrections_store, "MOST", 5)
    store = Store(tmp_path, 30)
    for number in range(2):
        store.add(correction(f"owner {number}", by="owner"))
    for number in range(20):
        store.add(correction(f"flood {number}", by="flood"))
    kept = store.read()
    assert len(kept) == 5
    assert sum(one.by == "owner" for one in kept) == 2


def test_many_bytes_push_out_as_many_corrections_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corrections_store, "MOST_BYTES", 1000)
    store = Store(tmp_path, 30)
    for number in range(9):
        store.add(correction(f"{number}" * 200))
    assert sum(len(bytes(one.content)) for one in store.read()) <= 1000


def test_writers_at_the_same_moment_lose_nothing(tmp_path: Path) -> None:
    program = (
        "import sys; sys.path[:0] = ['.', 'tests']\n"
        "from pathlib import Path\n"
        "from test_corrections_store import Store, correction\n"
        "for n in range(15): Store(Path(sys.argv[1]), 30).add(correction(sys.argv[2] + str(n)))\n"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path), name], cwd=ROOT)
        for name in "ab"
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    assert len(Store(tmp_path, 30).read()) == 30


def test_a_damaged_file_is_told_and_can_be_begun_anew(tmp_path: Path) -> None:
    store = Store(tmp_path, 30)
    store.add(correction("two and two"))
    (tmp_path / FILE).write_bytes(b'{"id": 3\n\xff')
    with pytest.raises(Unavailable, match="damaged"):
        store.read()
    with pytest.raises(Unavailable, match="damaged"):
        store.add(correction("three"))
    store.forget(())
    assert store.add(correction("three")) == 1


def test_a_link_in_the_place_of_the_file_is_not_written_through(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("precious")
    (tmp_path / "corrections.new").symlink_to(elsewhere)
    with pytest.raises(Unavailable, match="cannot be written"):
        Store(tmp_path, 30).add(correction("two and two"))
    assert elsewhere.read_text() == "precious"


def test_a_remembered_task_is_corrected_by_its_name_alone(tmp_path: Path) -> None:
    asked = msgspec.Raw(json.dumps(HOME, indent=2).encode())
    known = {"capability": "home_control", "content": asked, "task": "app/lamp-7"}
    answer = told(tmp_path, {"task": "lamp-7"} | RIGHT, operator=False, **known)
    (kept,) = Store(tmp_path / "learning", 30).read("home_control")
    assert answer == {"stored": kept.id, "corrections": 1}
    assert (kept.by, kept.task) == ("app", "app/lamp-7")
    assert json.loads(bytes(kept.content)) == HOME


def test_wrong_means_that_nothing_should_have_been_done(tmp_path: Path) -> None:
    told(tmp_path, {"capability": "home_control", "content": HOME, "wrong": True})
    (kept,) = Store(tmp_path / "learning", 30).read()
    assert kept.right == Right()


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"null", "not what this capability takes"),
        (b"[1, 2]", "not what this capability takes"),
        (b"\xff\xfe", "through a node alone"),
        (b"[" * 100_000, "through a node alone"),
        ({"task": "x"}, "says one of"),
        ({"task": "x", "wrong": True, "label": "math"}, "says one of"),
        ({"wrong": True}, 'names a "task"'),
        ({"task": "x", "wrong": True, "surprise": 1}, "surprise"),
        ({"task": "x" * 97, "wrong": True}, "96"),
        ({"task": "x", "wrong": True}, "does not know what 'x' asked"),
        ({"content": HOME, "wrong": True}, 'needs its "capability"'),
        ({"capability": "text_generation", "content": "x", "wrong": True}, "does not learn"),
        ({"capability": "home_control", "content": {"text": ""}, "wrong": True}, "length >= 1"),
        ({"capability": "home_control", "content": HOME, "label": "math"}, "not by a label"),
        ({"capability": "intent_classification", "content": "x", "wrong": True}, 'by a "label"'),
        ({"capability": "intent_classification", "content": "x", "label": "war"}, "no label 'war'"),
        (
            {
                "capability": "home_control",
                "content": HOME | {"x": "y" * MOST_CONTENT},
                "wrong": True,
            },
            "are kept",
        ),
        (
            {"capability": "home_control", "content": HOME, "intents": [{"name": "x"}] * 11},
            "length <= 10",
        ),
    ],
)
def test_hostile_and_mistaken_corrections_are_refused_and_nothing_is_kept(
    said: object, why: str, tmp_path: Path
) -> None:
    with pytest.raises(HandlerError) as refused:
        told(tmp_path, said)
    assert why in str(refused.value)
    assert not (tmp_path / "learning").exists()


def test_content_along_is_for_operators(tmp_path: Path) -> None:
    said = {"capability": "home_control", "content": HOME} | RIGHT
    with pytest.raises(BadInput, match="only an operator of alpha"):
        told(tmp_path, said, operator=False)
    with pytest.raises(BadInput, match="by someone else"):
        told(tmp_path, said, refused="by someone else")
    assert not (tmp_path / "learning").exists()


def test_the_handler_alone_takes_no_correction() -> None:
    """Only what a node has wrapped; a task's content is never taken for it."""
    with pytest.raises(HandlerError, match="through a node alone"):
        build("correction", MODELS).run(json.dumps(RIGHT).encode(), Recorder())
