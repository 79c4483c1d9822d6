"""`forgebus doctor`, `bench` and `demo`: what needs no node on the bus."""

import asyncio
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from daemon.cli_options import (
    DONE,
    USAGE,
    CommandError,
    ConfigFile,
    Host,
    Json,
    Login,
    Port,
    commands_broker,
    settings,
)

if TYPE_CHECKING:
    from daemon.doctor import Finding

BENCHMARKS = (
    *("allocation", "auction", "batch", "devices", "engine", "idle", "models", "modes", "scale"),
    *("sharing", "soak", "training", "wear"),
)


def doctor(
    security: Annotated[
        bool, typer.Option("--security", help="Who gets in at the broker, and what each may do.")
    ] = False,
    json: Json = False,
    config: ConfigFile = None,
    host: Host = None,
    port: Port = None,
    login: Login = None,
) -> int:
    """Check the broker, the machine and the models; say what is wrong and what to do about it."""
    from msgspec import structs

    from daemon import doctor as checks
    from daemon import logs
    from daemon.cli_find import with_remembered
    from daemon.cli_hardware import examine_fused, examine_hardware
    from daemon.cli_models import model_fault
    from daemon.config import names_broker
    from daemon.doctor_network import examine_network
    from daemon.plain import as_json

    logs.silence()
    loaded = settings(config, host, port)
    configured = host is not None or port is not None or names_broker(config, os.environ)
    folder = loaded.node.state_dir
    if not configured:
        loaded = with_remembered(loaded)
    loaded = structs.replace(loaded, broker=commands_broker(loaded))
    if security:
        from daemon.doctor_security import examine_security

        findings = asyncio.run(examine_security(loaded, login or loaded.broker.username or "cli"))
    else:
        findings = asyncio.run(checks.examine(loaded, login, model_fault))
        findings += asyncio.run(examine_network(folder, configured=configured))
        findings += examine_hardware(loaded.node.state_dir) + examine_fused()
    wrong = [finding.check for finding in findings if finding.verdict is checks.Verdict.WRONG]
    if json:
        print(as_json({"ok": not wrong, "findings": findings}))
    else:
        _print_findings(findings)
    if wrong:
        raise CommandError(f"{len(wrong)} wrong: {', '.join(wrong)}; the remedies stand above")
    return DONE


def bench(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="Which one; all of them without.")] = None,
) -> int:
    """Run a benchmark; what follows its name goes to it, such as --json."""
    known = _benchmarks()
    if name is None:
        return max((main(context.args) for main in known.values()), default=DONE)
    if name not in known:
        raise CommandError(f"no benchmark {name!r}; there are {', '.join(known) or 'none'}", USAGE)
    return known[name](context.args)


def demo(json: Json = False) -> int:
    """Show it all: a broker, three nodes, three tasks, and a node that dies in the middle of a fourth."""
    from daemon.demo import run

    return asyncio.run(run(json=json))


def _print_findings(findings: "Sequence[Finding]") -> None:
    from daemon import show

    style = {"ok": "green", "warning": "yellow", "wrong": "bold red", "not checked": "dim"}
    made = show.table("check", "", "found", "remedy")
    for finding in findings:
        verdict = finding.verdict.value
        told = show.words(verdict, style[verdict])
        show.row(made, finding.check, told, finding.found, finding.remedy)
    show.console().print(made)


def _benchmarks() -> "dict[str, Callable[[Sequence[str]], int]]":
    """The benchmarks that are installed, by name."""
    import importlib
    import importlib.util

    if importlib.util.find_spec("bench") is None:
        raise CommandError("the benchmarks are not installed; they are in bench/ of the sources")
    here = [name for name in BENCHMARKS if importlib.util.find_spec(f"bench.{name}") is not None]
    return {name: importlib.import_module(f"bench.{name}").main for name in here}
