"""`forgebus serve`: the doors for programs that speak no MQTT, in a process of their own."""

import asyncio
from typing import TYPE_CHECKING

from daemon.cli_node import STOPPED_AT_ONCE, on_signals
from daemon.cli_options import DONE, USAGE, CommandError, ConfigFile, Host, Port, settings

if TYPE_CHECKING:
    from daemon.config import Config


def serve(config: ConfigFile = None, host: Host = None, port: Port = None) -> int:
    """Open the doors that the configuration names, until SIGTERM or Ctrl-C: [openai] and [wyoming]."""
    from daemon import logs
    from daemon.reach import refusal
    from doors.serving import doors_broker, opened, serve

    loaded = settings(config, host, port)
    if not opened(loaded):
        raise CommandError(
            "no door is open: set listen in [openai] or [wyoming], such as"
            ' listen = "127.0.0.1:8750"',
            USAGE,
        )
    logs.set_up(loaded.node.log_level, loaded.node.log_format)
    if why := _of_another(loaded) or refusal(doors_broker(loaded)):
        raise CommandError(why, USAGE)

    async def open_until_stopped() -> int:
        stopping = asyncio.Event()
        at_once = on_signals(stopping.set)
        try:
            await serve(loaded, stopping)
        except asyncio.CancelledError:
            if not at_once.is_set():
                raise
            return STOPPED_AT_ONCE
        return DONE

    return asyncio.run(open_until_stopped())


def _of_another(config: "Config") -> str:
    """Why the doors have no certificate of their own; with the node's they would end its connection. Or ""."""
    from daemon.reach import by_certificate

    broker, doors = config.broker, config.doors
    if not by_certificate(broker) or doors.tls_cert is not None or doors.login == broker.username:
        return ""
    return (
        f"the certificate in [broker] says that this is {broker.username or 'somebody'}, and one login has one"
        f" connection: `forgebus enroll {doors.login} --app --out FOLDER`, then name login.crt and login.key of it"
        " in [doors] tls_cert and tls_key"
    )
