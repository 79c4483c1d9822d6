"""`forgebus serve`: the doors for programs that speak no MQTT, in a process of their own."""

import asyncio

from daemon.cli_node import STOPPED_AT_ONCE, on_signals
from daemon.cli_options import DONE, USAGE, CommandError, ConfigFile, Host, Port, settings


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
    if why := refusal(doors_broker(loaded)):
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
