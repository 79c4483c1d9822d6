"""`forgebus learn`: from the corrections that this machine's node keeps to a model of its own."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from daemon.cli_options import DONE, FAILED, USAGE, CommandError, ConfigFile, Json, settings

if TYPE_CHECKING:
    from daemon.config import Config

INTERRUPTED = 130


def learn(
    name: Annotated[Literal["home", "router"], typer.Argument(help="The model that is to learn.")],
    *,
    revert: Annotated[
        bool, typer.Option("--revert", help="Serve the shipped model again; corrections stay.")
    ] = False,
    steps: Annotated[
        int | None, typer.Option("--steps", help="Of the optimiser.", min=1, max=100_000)
    ] = None,
    rate: Annotated[
        float | None, typer.Option("--rate", help="Peak learning rate.", min=1e-6, max=0.1)
    ] = None,
    threads: Annotated[int, typer.Option("--threads", help="That may be used.", min=1, max=64)] = 1,
    json: Json = False,
    config: ConfigFile = None,
) -> int:
    """Train on this node's corrections; keep the model only where it is no worse than before.

    The same command goes on where it was interrupted. It changes no shipped file.
    """
    from engine.errors import BadConfig, EngineError
    from handlers.protocol import Unavailable

    found = settings(config)
    if not found.learning.corrections:
        raise CommandError(
            "learning is off here; switch it on with corrections = true in [learning]", USAGE
        )
    try:
        if revert:
            return _revert(found, name, json=json)
        effort = {"steps": steps, "rate": rate, "threads": threads}
        return _learn(found, name, {k: v for k, v in effort.items() if v is not None}, json=json)
    except EngineError as fault:
        code = USAGE if isinstance(fault, BadConfig) else FAILED
        raise CommandError(str(fault), code) from None
    except Unavailable as fault:
        raise CommandError(str(fault)) from None
    except OSError as fault:
        raise CommandError(f"{fault.filename} cannot be written: {fault.strerror}") from None


def _learn(found: "Config", name: str, effort: dict[str, Any], *, json: bool) -> int:
    from daemon import show
    from daemon.config import shipped
    from daemon.plain import as_json
    from engine.interrupt import asked_to_stop
    from handlers.corrections_store import Store
    from handlers.learned_models import FOLDER
    from learning.course import Effort, Interrupted, NothingNew, Place, learn

    place = Place(found.node.state_dir / FOLDER, found.work.models_dir, shipped("data"))
    store = Store(place.learning, found.learning.keep_days)
    told = show.console(stderr=True)
    try:
        with asked_to_stop() as stop:
            result = learn(
                name,
                place,
                store,
                Effort(**effort),
                say=lambda line: told.print(show.words(line)),
                stop=stop,
            )
    except Interrupted:
        raise CommandError("interrupted; the same command goes on from here", INTERRUPTED) from None
    except NothingNew as told_so:
        print(as_json({"model": name, "kept": None}) if json else str(told_so))
        return DONE
    if json:
        print(as_json({"model": name, "kept": result.kept, "why": result.why, **result.figures}))
    else:
        _print(result.figures, kept=result.kept)
    if not result.kept:
        raise CommandError(f"discarded, {name} stays as it is: {'; '.join(result.why)}")
    return DONE


def _print(figures: dict[str, Any], *, kept: bool) -> None:
    from daemon import show

    made = show.table("of", "cases", "before", "after", right=("cases", "before", "after"))
    for name, figure in figures.items():
        if isinstance(figure, dict):
            show.row(made, name, *(str(figure[key]) for key in ("n", "before", "after")))
    show.console().print(made)
    if kept:
        print("kept; a running node takes it up within seconds")


def _revert(found: "Config", name: str, *, json: bool) -> int:
    from daemon.plain import as_json
    from handlers.learned_models import FOLDER, revert

    was = revert(found.node.state_dir / FOLDER, found.work.models_dir, name)
    if json:
        print(as_json({"model": name, "reverted": was}))
    else:
        print(f"{name} is {'again ' if was else ''}the shipped one")
    return DONE
