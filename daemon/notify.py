"""What systemd wants to hear of a `Type=notify` service: a datagram to `$NOTIFY_SOCKET` (sd_notify(3)).

Without that variable everything here does nothing, so a node runs the same in a shell.
"""

import os
import socket


def ready() -> None:
    """The node serves; units ordered after it may start."""
    _send("READY=1")


def status(text: str) -> None:
    """One line for `systemctl status`."""
    _send("STATUS=" + " ".join(text.split()))


def watchdog() -> None:
    """Still healthy. To be called at least every `watchdog_interval_s()`."""
    _send("WATCHDOG=1")


def stopping() -> None:
    """The node has begun to stop."""
    _send("STOPPING=1")


def watchdog_interval_s() -> float | None:
    """Seconds between two `watchdog()`, half of what systemd allows; None when it does not watch us."""
    usec, pid = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID", "")
    if not usec.isdecimal() or int(usec) == 0 or pid not in {"", str(os.getpid())}:
        return None
    return int(usec) / 2e6


def _send(state: str) -> None:
    path = os.environ.get("NOTIFY_SOCKET", "")
    if not path.startswith(("/", "@")):
        return
    address = "\0" + path[1:] if path[0] == "@" else path  # "@" stands for the abstract namespace
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        try:
            sender.sendto(state.encode(), socket.MSG_DONTWAIT, address)
        except OSError:
            # A full or vanished socket is systemd's affair; a node must not end because of it.
            return
