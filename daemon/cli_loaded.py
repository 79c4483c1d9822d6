"""`forgebus models load`, `evict` and `install`, and what a node on the bus has loaded."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemon.cli_options import (
    FAILED,
    REJECTED,
    UNREACHABLE,
    USAGE,
    CommandError,
    ConfigFile,
    Host,
    Json,
    Login,
    Port,
    commands_broker,
    on_the_bus,
    settings,
)

if TYPE_CHECKING:
    from bus_topics import messages as m
    from daemon.config import Config
    from daemon.mesh import Mesh

LOADING_S, LOOK_EVERY_S = 120.0, 0.2

Names = Annotated[list[str], typer.Argument(metavar="NAME...", help="Models, or capabilities.")]
On = Annotated[
    str | None,
    typer.Option("--node", help="Of this node; by default that of this machine.", metavar="NODE"),
]


def load(
    names: Names,
    node: On = None,
    json: Json = False,
    config: ConfigFile = None,
    host: Host = None,
    port: Port = None,
    login: Login = None,
) -> None:
    """Have a running node load models before a task needs them, and keep them."""
    where = (config, host, port, login)
    asyncio.run(_change(where, node, load=names, evict=(), json=json))


def evict(
    names: Names,
    node: On = None,
    json: Json = False,
    config: ConfigFile = None,
    host: Host = None,
    port: Port = None,
    login: Login = None,
) -> None:
    """Have a running node give models' memory back, once what runs on them is done."""
    where = (config, host, port, login)
    asyncio.run(_change(where, node, load=(), evict=names, json=json))


def install(
    folder: Annotated[Path, typer.Argument(help="A sealed model folder, as export --mode writes.")],
    name: Annotated[
        str | None, typer.Option("--name", help="Its name here; by default the folder's.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the model of that name.")] = False,
    config: ConfigFile = None,
) -> None:
    """Check a model, have it answer once, and put it among the models here in one step.

    A running node notices within seconds: what it runs ends on the old one.
    """
    import shutil

    from daemon.plain import printable
    from engine.errors import EngineError
    from engine.model_folder import ModelFolder
    from engine.runtime import Forge
    from engine.tokenizer import Tokenizer
    from engine.whole import whole_folder

    models = settings(config).work.models_dir
    target = models / (name or folder.resolve().name)
    if target.parent != models or target.name.startswith("."):
        raise CommandError(f"{name!r} is no name for a model here", USAGE)
    try:
        # It has to go with the tokenizer here, not with one that lies beside it where it comes from.
        opened = ModelFolder.open(folder)
        Forge.load(folder, tokenizer=Tokenizer.load(models), threads=1)
        with whole_folder(target, force=force, ours=lambda _: True) as made:
            for file in sorted(opened.path.iterdir()):
                shutil.copy(file, made)
            ModelFolder.open(made)
    except EngineError as fault:
        raise CommandError(str(fault), FAILED) from None
    print(printable(f"{target}: installed"))


async def loaded_on(config: "Config", node: str | None) -> "m.Loaded | None":
    """What a node has loaded; None where no broker, no such node or no word of it is to be had.

    Raises CommandError when a node that was named does not answer.
    """
    from daemon.asking import MeshError
    from daemon.broker import answers
    from daemon.mesh import Mesh
    from daemon.reach import speaks_tls

    broker = commands_broker(config)
    if not speaks_tls(broker) and not await answers(broker.host, broker.port):
        if node is not None:
            raise CommandError(f"no broker answers at {broker.host}:{broker.port}", UNREACHABLE)
        return None
    from daemon import logs

    logs.silence()
    try:
        async with Mesh(login=broker.username or "cli", broker=broker) as mesh:
            chosen = node or config.node.id
            views = await mesh.nodes()
            if node is None and not any(v.id == chosen and v.online for v in views):
                return None
            return await mesh.models(chosen)
    except MeshError as error:
        if node is None:
            return None
        raise CommandError(str(error), UNREACHABLE) from None


def workers_table(told: "m.Loaded") -> Any:
    """Its processes, a row each."""
    from daemon import show

    made = show.table(
        "process of", "has loaded", "runs", "RSS", "PSS", right=("runs", "RSS", "PSS")
    )
    for worker in told.workers:
        names = ", ".join(worker.capabilities) or "nothing"
        sizes = (f"{worker.rss_mb:.0f} MB", f"{worker.pss_mb:.0f} MB")
        show.row(made, told.node, names, str(worker.attempts), *sizes)
    return made


_Where = tuple[Path | None, str | None, int | None, str | None]


async def _change(
    where: _Where, node: str | None, *, load: Sequence[str], evict: Sequence[str], json: bool
) -> None:
    from daemon import show
    from daemon.asking import MeshError, Rejected
    from daemon.plain import as_json

    chosen = node or settings(*where[:3]).node.id
    async with on_the_bus(*where) as mesh:
        wanted = await _capabilities(mesh, chosen, load)
        unwanted = await _capabilities(mesh, chosen, evict)
        try:
            told = await mesh.models(chosen, wanted, unwanted)
            async with asyncio.timeout(LOADING_S):
                while set(wanted) & set(told.loading):
                    await asyncio.sleep(LOOK_EVERY_S)
                    told = await mesh.models(chosen)
        except Rejected as rejected:
            raise CommandError(rejected.rejection.reason, REJECTED) from None
        except MeshError as error:
            raise CommandError(str(error), UNREACHABLE) from None
        except TimeoutError:
            raise CommandError(f"{chosen} is still loading after {LOADING_S:g} s") from None
    if json:
        print(as_json(told))
    elif told.workers:
        show.console().print(workers_table(told))
    else:
        print(f"{chosen} has nothing loaded")
    faults = [
        f"{each.capability}: {each.reason}" for each in told.failed if each.capability in wanted
    ]
    if faults:
        raise CommandError("; ".join(faults))


async def _capabilities(mesh: "Mesh", node: str, names: Sequence[str]) -> list[str]:
    """What these models serve on that node, as its card says; a capability stands for itself."""
    views = {view.id: view for view in await mesh.nodes()}
    view = views.get(node)
    if view is None or view.card is None or not view.online:
        live = ", ".join(sorted(v.id for v in views.values() if v.online)) or "none"
        raise CommandError(
            f"{node} is not on the bus (there: {live}); start it with `forgebus run`, or give --node",
            UNREACHABLE,
        )
    skills = view.card.skills
    found: list[str] = []
    for name in names:
        fitting = [skill.capability for skill in skills if name in (skill.model, skill.capability)]
        if not fitting:
            has = ", ".join(skill.model or skill.capability for skill in skills)
            raise CommandError(f"{node} does not offer {name!r}; it has {has}", USAGE)
        found += fitting
    return found
