"""Which bus this machine would use, and what announces itself on the network: for `forgebus doctor`."""

from collections.abc import Sequence
from pathlib import Path

from daemon.discovery import LOOK_S, DiscoveryError, look
from daemon.doctor import Finding, Verdict
from daemon.known_bus import KnownBus, KnownBusError, Standing, remembered, standing
from daemon.txt_record import Found


async def examine_network(
    folder: Path, *, configured: bool, seconds: float = LOOK_S, interfaces: Sequence[str] = ()
) -> list[Finding]:
    """Where a broker is configured, nothing is looked for. `folder` is the state directory."""
    check = "remembered bus"
    try:
        known = remembered(folder)
    except KnownBusError as error:
        return [Finding(check, Verdict.WRONG, str(error), "forgebus discover --forget")]
    told = f"{known.name} at {known.address}:{known.port}" if known is not None else "none"
    if configured:
        return [Finding(check, Verdict.OK, f"{told}; a broker is configured, and that is used")]
    try:
        found = await look(seconds, interfaces)
    except DiscoveryError as error:
        return [
            Finding(check, Verdict.OK, told),
            Finding("network", Verdict.NOT_CHECKED, str(error)),
        ]
    return [Finding(check, Verdict.OK, told), *(_announced(known, one) for one in found)]


def _announced(known: KnownBus | None, one: Found) -> Finding:
    check = f"announced: {one.name}"
    match standing(known, one):
        case Standing.REMEMBERED:
            return Finding(check, Verdict.OK, f"{one.where}, the remembered one")
        case Standing.NEW:
            remedy = "forgebus discover shows it; forgebus join lets this machine in"
            return Finding(check, Verdict.OK, f"{one.where}, trusted by nobody here", remedy)
        case Standing.CHANGED:
            remedy = (
                "somebody pretends to be the bus that was trusted, or it was set up anew: compare its"
                " fingerprint there, then forgebus discover --forget"
            )
            return Finding(check, Verdict.WRONG, f"{one.where}, under another authority", remedy)
        case Standing.UNUSABLE:
            return Finding(check, Verdict.WARNING, one.fault or "another protocol version")
