"""Ports for servers that tests start."""

import random
import socket
from contextlib import suppress
from pathlib import Path

PORT_MIN = 10_000
_CONNECTING = Path("/proc/sys/net/ipv4/ip_local_port_range")


def connecting_ports_start() -> int:
    """Return the first port that the system gives to outgoing connections."""
    return int(_CONNECTING.read_text().split()[0]) if _CONNECTING.exists() else 32_768


def free_port() -> int:
    """Return a free port of loopback that the system gives to no outgoing connection.

    A server may bind it only seconds later, while other tests connect thousands of times.
    """
    least = connecting_ports_start()
    while True:
        port = random.randrange(PORT_MIN, least)
        with socket.socket() as one, suppress(OSError):
            one.bind(("127.0.0.1", port))
            return port
