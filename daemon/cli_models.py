"""`forgebus models`: what is here, whether it is whole, and its way out and in: export, import."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from daemon import cli_loaded
from daemon.cli_options import DONE, FAILED, USAGE, CommandError, ConfigFile, Json, settings

app = typer.Typer(help="The models here: list, verify, install, load, evict, export, import.")
app.command()(cli_loaded.load)
app.command()(cli_loaded.evict)
app.command()(cli_loaded.install)

Out = Annotated[Path, typer.Option("--out", "-o", help="Where to.", metavar="PATH")]
Force = Annotated[bool, typer.Option("--force", help="Replace what an earlier export wrote there.")]
TokenizerFile = Annotated[
    Path | None,
    typer.Option("--tokenizer", help="Its tokenizer.json, if elsewhere.", metavar="FILE"),
]


@app.callback(invoke_without_command=True)
def models(
    context: typer.Context,
    node: cli_loaded.On = None,
    json: Json = False,
    config: ConfigFile = None,
) -> int:
    """List the models here: shape, size, whether their files are as they were shipped, what is loaded.

    What is loaded is asked of the node of this machine where it runs, or of --node. Further: presets,
    verify, install, load, evict, export, import; each has its own --help.
    """
    return DONE if context.invoked_subcommand else listed(node=node, json=json, config=config)


@app.command("list")
def listed(node: cli_loaded.On = None, json: Json = False, config: ConfigFile = None) -> int:
    """The same as `forgebus models`."""
    from daemon import show
    from daemon.plain import as_json, plain

    loaded = settings(config)
    folder = loaded.work.models_dir
    found = [_model(path) for path in sorted(folder.glob("[!.]*/config.json"))]
    told = asyncio.run(cli_loaded.loaded_on(loaded, node))
    if json:
        there = None if told is None else plain(told)
        print(as_json({"models_dir": folder, "models": found, "loaded": there}))
    elif found:
        made = show.table(
            "model", "size", "mode", "context", "sha256", "capabilities", right=("size",)
        )
        for model in found:
            verified = "verified" if model["verified"] else str(model["fault"])
            names = ", ".join(model["capabilities"])
            context = str(model["context"] or "")
            size = show.size(model["bytes"])
            show.row(made, model["model"], size, model["mode"], context, verified, names)
        show.console().print(made)
    else:
        raise CommandError(f"{folder} holds no model; reinstall forgebus or set work.models_dir")
    if told is not None and not json:
        show.console().print(cli_loaded.workers_table(told))
    damaged = [model["model"] for model in found if not model["verified"]]
    if damaged:
        raise CommandError(f"damaged: {', '.join(damaged)}; copy them again from where they came")
    return DONE


@app.command()
def presets(json: Json = False) -> int:
    """The shapes that can be trained, not the models here."""
    from daemon import cli_hardware, show
    from daemon.plain import as_json

    rows = cli_hardware.presets()
    if json:
        print(as_json({"presets": rows}))
        return DONE
    names = ("preset", "parameters", "dim", "layers", "heads", "context", "int8 RAM", "meant for")
    made = show.table(*names, right=names[1:-1])
    for row in rows:
        shape = (str(row[name]) for name in ("dim", "layers", "heads", "context"))
        parameters = f"{row['parameters']:,}"
        ram = f"{row['ram_mb']} MB"
        show.row(made, str(row["preset"]), parameters, *shape, ram, str(row["device"]))
    show.console().print(made)
    return DONE


@app.command()
def verify(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME...", help="All models here without.")
    ] = None,
    json: Json = False,
    config: ConfigFile = None,
) -> int:
    """Hold files against their sha256, then load the model and have it answer once."""
    from daemon.plain import as_json, printable

    folder = settings(config).work.models_dir
    asked = names or [path.parent.name for path in sorted(folder.glob("[!.]*/config.json"))]
    faults = {name: _fault(name, folder) for name in asked}
    if json:
        print(as_json({"verified": {name: not fault for name, fault in faults.items()}}))
    else:
        for name, fault in faults.items():
            print(printable(f"{name}: {fault or 'verified'}"))
    if wrong := [name for name, fault in faults.items() if fault]:
        raise CommandError(f"wrong: {', '.join(wrong)}")
    return DONE


@app.command()
def export(
    name: Annotated[
        str, typer.Argument(help="A model here, or the folder of a model or a training.")
    ],
    *,
    form: Annotated[str, typer.Option("--format", "-f", help="safetensors, gguf, ollama or onnx.")],
    out: Out,
    kind: Annotated[
        str | None, typer.Option("--kind", help="gguf, ollama: f16, q8_0 (default) or q4_0.")
    ] = None,
    mode: Annotated[
        str | None, typer.Option("--mode", help="onnx: none, dynamic, int8 (default) or int4.")
    ] = None,
    calibrate: Annotated[
        int,
        typer.Option(
            "--calibrate",
            help="onnx at int4: correct its rounding over so many batches of the model's own texts; "
            "16 are enough, and take minutes and torch.",
            min=0,
            metavar="BATCHES",
        ),
    ] = 0,
    tokenizer: TokenizerFile = None,
    force: Force = False,
    json: Json = False,
    config: ConfigFile = None,
) -> None:
    """Write a model for other programs: transformers, llama.cpp, Ollama, another node."""
    from engine.interchange.gguf import Kind
    from engine.interchange.models import Format, Source, export_model
    from engine.model_folder import find_model
    from engine.quantisation import Mode

    if kind is not None and form not in ("gguf", "ollama"):
        raise CommandError(f"--kind is for gguf and ollama, not for {form}", USAGE)
    if (mode is not None or calibrate) and form != "onnx":
        option = "--mode" if mode is not None else "--calibrate"
        raise CommandError(f"{option} is for onnx, not for {form}", USAGE)
    with _working(f"exporting {name}"):
        source = Source.open(find_model(name, settings(config).work.models_dir), tokenizer)
        # Checked where they are used: an unknown one is a BadConfig that names the known.
        written = export_model(
            source,
            out,
            cast("Format", form),
            kind=cast("Kind", kind or "q8_0"),
            mode=cast("Mode", mode or "int8"),
            calibration_batches=calibrate,
            force=force,
        )
    _tell(written, json=json, model=name, format=form, out=out)


@app.command("import")
def import_(
    source: Annotated[
        Path, typer.Argument(help="A folder with config.json, tokenizer.json and safetensors.")
    ],
    out: Out,
    from_torch: Annotated[
        bool,
        typer.Option(
            "--from-torch", help="Read a .pth, .pt or .bin: weights alone, by torch 2.10 or later."
        ),
    ] = False,
    tokenizer: TokenizerFile = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Make a checkpoint of a LLaMA that transformers wrote, to be exported or trained further."""
    from engine.interchange.models import import_model

    with _working(f"importing {source}"):
        written = import_model(source, out, tokenizer=tokenizer, from_torch=from_torch, force=force)
    _tell(written, json=json, source=source, out=out)


def model_fault(folder: Path) -> str:
    """What is wrong with a model's files, "" when nothing is. Loads no weights."""
    from engine.errors import EngineError
    from engine.model_folder import ModelFolder

    try:
        ModelFolder.open(folder)
    except EngineError as error:
        return str(error)
    return ""


def _model(path: Path) -> dict[str, Any]:
    """One model folder: what `models` tells of it. Loads no weights."""
    from engine.errors import EngineError
    from engine.model_folder import ModelFolder
    from handlers.catalog import CATALOG

    folder = path.parent
    files = [file for file in folder.iterdir() if file.is_file()]
    told: dict[str, Any] = {"mode": "", "context": 0, "layers": 0, "dim": 0}
    told |= {"verified": False, "fault": ""}
    told |= {
        "model": folder.name,
        "bytes": sum(file.stat().st_size for file in files),
        "capabilities": [name for name, e in CATALOG.items() if e.model == folder.name],
    }
    try:
        opened = ModelFolder.open(folder)
    except EngineError as error:
        return told | {"fault": str(error)}
    shape = opened.config
    return told | {
        "mode": opened.mode,
        "context": shape.context,
        "layers": shape.n_layers,
        "dim": shape.dim,
        "verified": True,
    }


def _fault(name: str, models_dir: Path) -> str:
    """What keeps a model from answering, or a checkpoint from being exported; "" for nothing."""
    from engine.checkpoint import CONFIG, WEIGHTS, load_checkpoint
    from engine.errors import EngineError
    from engine.model_folder import find_model
    from engine.runtime import Forge

    try:
        folder = find_model(name, models_dir)
        if (folder / WEIGHTS).exists() and (folder / CONFIG).exists():
            load_checkpoint(folder)
        else:
            Forge.load(folder, threads=1)
    except EngineError as error:
        return str(error)
    return ""


def _tell(written: Sequence[Any], *, json: bool, **about: object) -> None:
    """What was written, `engine.interchange.models.Written`: a line a file, or one JSON object."""
    from daemon import show
    from daemon.plain import as_json, printable

    if json:
        print(as_json({**about, "files": written}))
        return
    for file in written:
        print(printable(f"{file.path}  {show.size(file.bytes)}  sha256 {file.sha256}"))


@contextmanager
def _working(what: str) -> Iterator[None]:
    """A sign of life on a terminal, and the engine's errors as a command's."""
    from daemon import show
    from engine.errors import BadConfig, EngineError

    try:
        with show.console(stderr=True).status(show.words(what)):
            yield
    except EngineError as error:
        code = USAGE if isinstance(error, BadConfig) else FAILED
        raise CommandError(str(error), code) from None
