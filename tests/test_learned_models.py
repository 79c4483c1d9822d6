"""A node's own models: links that are replaced in one step, over shipped folders that nobody writes."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from engine.checkpoint import write_sums
from engine.runtime import Forge
from handlers.learned_models import PROVENANCE, digest, install, learned, overlay, revert

MODELS = Path(__file__).resolve().parent.parent / "models"


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    """Two models as they are shipped, and the tokenizer beside them."""
    folder = tmp_path / "shipped"
    folder.mkdir()
    shutil.copyfile(MODELS / "tokenizer.json", folder / "tokenizer.json")
    for name in ("router", "home"):
        (folder / name).mkdir()
        (folder / name / "config.json").write_text(f'{{"name": "{name}"}}')
        write_sums(folder / name, ["config.json"])
    return folder


def made(tmp_path: Path, shipped: Path, words: str) -> Path:
    """A learnt model for `home`, sealed, with its provenance."""
    folder = tmp_path / "made"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"words": words}))
    (folder / PROVENANCE).write_text(json.dumps({"parent": digest(shipped / "home")}))
    write_sums(folder, ["config.json", PROVENANCE])
    return folder


def served(tmp_path: Path, name: str = "home") -> str:
    return (tmp_path / "learning" / "models" / name / "config.json").read_text()


def everything(folder: Path) -> dict[str, str]:
    files = [file for file in folder.rglob("*") if file.is_file()]
    return {str(f): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


def test_without_a_learnt_model_a_node_has_the_shipped_ones(tmp_path: Path, shipped: Path) -> None:
    models = overlay(tmp_path / "learning", shipped)
    assert sorted(link.name for link in models.iterdir()) == ["home", "router", "tokenizer.json"]
    assert served(tmp_path) == '{"name": "home"}'
    assert learned(tmp_path / "learning", shipped, "home") is None
    assert not revert(tmp_path / "learning", shipped, "home")


def test_a_learnt_model_stands_in_until_it_is_reverted(tmp_path: Path, shipped: Path) -> None:
    before = everything(shipped)
    learning = tmp_path / "learning"
    overlay(learning, shipped)
    install(learning, shipped, "home", made(tmp_path, shipped, "first"))
    overlay(learning, shipped)  # a node starts
    assert "first" in served(tmp_path)
    assert served(tmp_path, "router") == '{"name": "router"}'
    assert learned(learning, shipped, "home") == {"parent": digest(shipped / "home")}
    assert revert(learning, shipped, "home")
    assert served(tmp_path) == '{"name": "home"}'
    assert everything(shipped) == before


def test_a_state_directory_may_be_moved(tmp_path: Path, shipped: Path) -> None:
    overlay(tmp_path / "elsewhere", shipped)
    install(tmp_path / "elsewhere", shipped, "home", made(tmp_path, shipped, "first"))
    (tmp_path / "elsewhere").rename(tmp_path / "learning")
    overlay(tmp_path / "learning", shipped)
    assert "first" in served(tmp_path)


def test_the_version_before_is_kept_and_older_ones_go(tmp_path: Path, shipped: Path) -> None:
    learning = tmp_path / "learning"
    overlay(learning, shipped)
    for words in ("first", "second", "third"):
        install(learning, shipped, "home", made(tmp_path, shipped, words))
    assert "third" in served(tmp_path)
    texts = [f.read_text() for f in (learning / "versions").glob("*/config.json")]
    assert sorted(texts) == ['{"words": "second"}', '{"words": "third"}']


@pytest.mark.parametrize("harm", ["a newer model is shipped", "a file is damaged", "it is gone"])
def test_a_model_that_fits_no_more_gives_way_to_the_shipped_one(
    harm: str, tmp_path: Path, shipped: Path
) -> None:
    learning = tmp_path / "learning"
    overlay(learning, shipped)
    target = install(learning, shipped, "home", made(tmp_path, shipped, "first"))
    match harm:
        case "a newer model is shipped":
            (shipped / "home" / "config.json").write_text('{"name": "newer"}')
            write_sums(shipped / "home", ["config.json"])
        case "a file is damaged":
            (target / "config.json").write_text("{}")
        case _:
            shutil.rmtree(target)
    overlay(learning, shipped)
    assert "name" in served(tmp_path)
    assert learned(learning, shipped, "home") is None


def test_what_is_shipped_later_is_there_and_what_is_no_more_is_not(
    tmp_path: Path, shipped: Path
) -> None:
    learning = tmp_path / "learning"
    overlay(learning, shipped)
    shutil.copytree(shipped / "router", shipped / "math")
    shutil.rmtree(shipped / "router")
    models = overlay(learning, shipped)
    assert sorted(link.name for link in models.iterdir()) == ["home", "math", "tokenizer.json"]


def test_the_engine_loads_a_model_through_its_link(tmp_path: Path) -> None:
    """The shipped router by its link, and a copy of it as if it had been learnt."""
    learning = tmp_path / "learning"
    models = overlay(learning, MODELS)
    assert Forge.load(models / "router", threads=1).config.dim
    copy = tmp_path / "copy"
    shutil.copytree(MODELS / "router", copy)
    shutil.copyfile(MODELS / "tokenizer.json", copy / "tokenizer.json")
    (copy / PROVENANCE).write_text(json.dumps({"parent": digest(MODELS / "router")}))
    write_sums(copy, sorted(f.name for f in copy.iterdir() if f.name != "SHA256SUMS"))
    install(learning, MODELS, "router", copy)
    assert learned(learning, MODELS, "router") is not None
    assert Forge.load(models / "router", threads=1).config.dim
