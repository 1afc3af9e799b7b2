"""Ports for servers that tests start."""

import socket

from support.ports import PORT_MIN, connecting_ports_start, free_port


def test_no_outgoing_connection_is_given_a_free_port() -> None:
    """Else a server that starts late finds its port in use, now and then."""
    ports = {free_port() for _ in range(200)}
    assert len(ports) > 150
    assert all(PORT_MIN <= port < connecting_ports_start() for port in ports)


def test_a_port_in_use_is_not_free() -> None:
    taken = [socket.socket() for _ in range(20)]
    try:
        for one in taken:
            one.bind(("127.0.0.1", free_port()))
    finally:
        for one in taken:
            one.close()
