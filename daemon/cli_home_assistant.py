"""`forgebus homeassistant`: what Home Assistant was told of a node, taken back."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from daemon.cli_options import (
    DONE,
    FAILED,
    UNREACHABLE,
    USAGE,
    CommandError,
    ConfigFile,
    Host,
    Json,
    Port,
)

if TYPE_CHECKING:
    from daemon.config import BrokerConfig

app = typer.Typer(help="Home Assistant's MQTT device discovery.", no_args_is_help=True)


@app.callback()
def homeassistant() -> None:
    """What Home Assistant was told of the nodes."""


@app.command()
def remove(
    node: Annotated[
        str | None,
        typer.Argument(
            help="Its id.  [default: this machine's node]", metavar="[NODE]", show_default=False
        ),
    ] = None,
    config: ConfigFile = None,
    host: Host = None,
    port: Port = None,
    json: Json = False,
) -> int:
    """Take a node's device away, which is gone for good; one that runs would come back."""
    import re

    from bus_topics.messages import NODE_PATTERN
    from daemon import logs
    from daemon.cli_find import reached
    from daemon.home_assistant import config_topic
    from daemon.plain import as_json
    from daemon.reach import refusal

    loaded = asyncio.run(reached(config, host, port))
    name = node or loaded.node.id
    if not re.match(NODE_PATTERN, name):
        raise CommandError(f"{name!r} is no node's id", USAGE)
    if why := refusal(loaded.broker):
        raise CommandError(why, USAGE)
    logs.silence()
    topic = config_topic(loaded.home_assistant.prefix, name)
    asyncio.run(_empty(loaded.broker, loaded.broker.username or name, topic))
    print(as_json({"node": name, "topic": topic}) if json else f"removed: {topic}")
    return DONE


async def _empty(broker: "BrokerConfig", login: str, topic: str) -> None:
    from daemon.bus import NOT_AUTHORISED
    from daemon.doctor_broker import LINK_S, Probe

    probe = Probe(broker, login)
    running = asyncio.create_task(probe.bus.run())
    try:
        async with asyncio.timeout(LINK_S):
            await probe.up.wait()
        code = await probe.publish(topic, b"", expiry_s=60, retain=True)
    except TimeoutError:
        raise CommandError(
            probe.bus.trouble or f"nothing answers at {broker.host}:{broker.port}", UNREACHABLE
        ) from None
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    if code == NOT_AUTHORISED:
        raise CommandError(
            f"{login} may not write {topic}: name the node's own configuration, or the admin's,"
            " with --config",
            FAILED,
        )
    if code < 0:
        raise CommandError(f"{broker.host}:{broker.port} gave no answer", UNREACHABLE)
