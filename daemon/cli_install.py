"""`forgebus install` and `forgebus uninstall`: the services of this machine, as root."""

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from daemon.cli_options import DONE, USAGE, CommandError

if TYPE_CHECKING:
    from daemon.config import Config
    from daemon.install_plan import Facts, Step, Wish

AUTO = "auto"

DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the steps and do none of them.")]


def install(
    profile: Annotated[
        str,
        typer.Option("--profile", help="What this machine is, such as pi_5; auto looks at it."),
    ] = AUTO,
    source: Annotated[
        Path | None,
        typer.Option(
            "--from", help="A wheel or a checkout; without it what runs now.", metavar="PATH"
        ),
    ] = None,
    wheels: Annotated[
        Path | None,
        typer.Option(
            "--wheels", help="Take all wheels from this folder: no network.", metavar="DIR"
        ),
    ] = None,
    dry_run: DryRun = False,
) -> int:
    """Install or upgrade the node as a service, as root: user, program, configuration, units, start.

    A configuration that is there, the journal and the models are kept. A second run does nothing.
    """
    from daemon.install_machine import carry_out, look
    from daemon.install_plan import RELEASES, InstallError, Release, plan_install

    if wheels is not None and not wheels.is_dir():
        raise CommandError(f"--wheels {wheels}: there is no such folder", USAGE)
    try:
        facts = look()
        wish, why = _wish(facts, profile, source, wheels)
        # To look at the steps takes no rights.
        steps = plan_install(_as_if_allowed(facts) if dry_run else facts, wish)
        made = next((at for at, step in enumerate(steps) if isinstance(step, Release)), None)
        if dry_run or (made is None and source is None):
            if why:
                print(f"profile {why}")
            done = _do(steps, dry_run=dry_run)
            if steps and not dry_run:
                print("installed: `systemctl status forgebus` and `forgebus nodes` show it")
            return done
        for step in steps[: 0 if made is None else made + 1]:
            print(step, flush=True)
            carry_out(step)
    except InstallError as error:
        raise CommandError(str(error)) from None
    # Units and what follows are the new release's affair: its own program does the rest.
    program = RELEASES / wish.release / "bin" / "forgebus"
    return subprocess.run([program, "install", "--profile", profile], check=False).returncode


def uninstall(
    purge: Annotated[
        bool, typer.Option("--purge", help="Also the journal, the configuration and the user.")
    ] = False,
    dry_run: DryRun = False,
) -> int:
    """Stop the services in order and take them away; the journal and the configuration stay."""
    from daemon.install_machine import look
    from daemon.install_plan import BUS, InstallError, plan_uninstall
    from daemon.install_units import SETTINGS, STATE

    try:
        facts = look()
        steps = plan_uninstall(_as_if_allowed(facts) if dry_run else facts, purge=purge)
        _do(steps, dry_run=dry_run)
    except InstallError as error:
        raise CommandError(str(error)) from None
    if purge and BUS in facts.folders:
        print(f"{SETTINGS.parent} stays: in {BUS} is the authority of a bus; delete it by hand")
    elif not purge and (STATE in facts.folders or SETTINGS in facts.files):
        print(f"{STATE} and {SETTINGS.parent} stay; --purge deletes them, too")
    return DONE


def taken_up_by(settings: Path) -> str:
    """The command by which the service of this machine takes up a changed configuration; "" for no service.

    A key that it was not handed so far takes `install`: the service may not read the file itself.
    """
    from daemon.config import load
    from daemon.install_plan import UNIT_FOLDER
    from daemon.install_units import NODE, SETTINGS, secrets_drop_in

    if settings != SETTINGS or not (UNIT_FOLDER / NODE).exists():
        return ""
    handed = UNIT_FOLDER / f"{NODE}.d" / "20-secrets.conf"
    there = handed.read_text(encoding="utf-8") if handed.exists() else ""
    if there != secrets_drop_in(NODE, load(settings, {})):
        return "sudo forgebus install"
    return "sudo systemctl restart forgebus"


def _do(steps: "list[Step]", *, dry_run: bool) -> int:
    from daemon.install_machine import carry_out

    for step in steps:
        print(f"would {step}" if dry_run else step, flush=True)
        if not dry_run:
            carry_out(step)
    if not steps:
        print("nothing to do: all is as it should be")
    return DONE


def _as_if_allowed(facts: "Facts") -> "Facts":
    from dataclasses import replace

    return replace(facts, root=True, systemd=True)


def _wish(
    facts: "Facts", profile: str, source: Path | None, wheels: Path | None
) -> "tuple[Wish, str]":
    """What is to be here, and why that profile. Raises InstallError, ConfigError."""
    from daemon.config import shipped
    from daemon.install_machine import own_release, release_name
    from daemon.install_plan import BUS, InstallError, Wish
    from daemon.install_units import UNITS, drop_ins, first_settings
    from daemon.reach import is_loopback
    from daemon.version import VERSION
    from doors.serving import opened

    checkout = Path(__file__).resolve().parent.parent
    if source is None and (checkout / "pyproject.toml").is_file():
        source = checkout
    name = release_name(source.resolve(), VERSION) if source is not None else own_release()
    if not name:
        raise InstallError("name what to install: forgebus install --from WHEEL, or a checkout")
    config, named, why = _config(facts, profile)
    units = shipped("systemd")
    broker = config.broker
    return Wish(
        release=name,
        source=None if source is None else source.resolve(),
        wheels=None if wheels is None else wheels.resolve(),
        units={unit: (units / unit).read_text(encoding="utf-8") for unit in UNITS},
        sysusers=(units / "forgebus.sysusers.conf").read_text(encoding="utf-8"),
        drop_ins=drop_ins(config, named=named),
        settings=first_settings(config.node.profile),
        broker=(BUS / "broker" / "mosquitto.conf").exists(),
        loopback=is_loopback(broker.host) and broker.port == 1883,
        doors=bool(opened(config)),
    ), why


def _config(facts: "Facts", profile: str) -> "tuple[Config, bool, str]":
    """As the node will read it; whether the file names its profile; the profile, and why that one."""
    import tomllib

    from daemon.cli_hardware import suited_profile
    from daemon.config import load
    from daemon.install_units import SETTINGS

    there = SETTINGS if SETTINGS in facts.files else None
    said = ""
    if there is not None:
        # Errors in it are told by `load`.
        said = str(load(there, {}).node.profile)
        if "profile" not in tomllib.loads(facts.files[there]).get("node", {}):
            said = ""
    if said and profile not in {AUTO, said}:
        raise CommandError(
            f"{there} says profile = {said!r}: change it there, the file is yours", USAGE
        )
    chosen, why = (profile, "as was said") if profile != AUTO else suited_profile()
    if not said:
        from daemon.cli_node import profile_path

        path = there or profile_path(chosen)
        loaded = load(path, {}, {"node.profile": chosen})
        return loaded, there is None, f"{chosen}: {why}"
    return load(there, {}), True, ""
