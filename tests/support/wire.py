"""Requests as bytes on connections of their own, and the processor time that they cost."""

import gc
import socket
import time
from collections.abc import Mapping
from contextlib import suppress

import msgspec

SECONDS_MAX = 60.0
ROUNDS = 3


def request(
    method: str, target: str, *headers: str, body: bytes | None = None, length: int | None = None
) -> bytes:
    """Return a request of HTTP/1.1; `length` may promise more than the body has."""
    lines = [f"{method} {target} HTTP/1.1", "Host: x", *headers]
    if body is not None:
        lines.append(f"Content-Length: {len(body) if length is None else length}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b"")


class Answer(msgspec.Struct, frozen=True):
    """One answer, read whole. Status 0 where the connection ended without one."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def problem(self) -> str | None:
        """The problem's name, None where it is none."""
        if self.headers.get("content-type") != "application/problem+json":
            return None
        name: str = msgspec.json.decode(self.body)["type"]
        return name.removeprefix("/problems/")

    @property
    def closes(self) -> bool:
        """Whether the connection serves no other request."""
        length = "content-length" in self.headers or self.status in (204, 304)
        return not length or self.headers.get("connection") == "close"


NOTHING = Answer(0, {}, b"")


class Wire:
    """A connection that is used from a thread, one request after the other."""

    def __init__(self, url: str, source: str = "") -> None:
        host, port = url.removeprefix("http://").split(":")
        address = (source, 0) if source else None
        self.socket = socket.create_connection((host, int(port)), SECONDS_MAX, address)
        self.came = b""

    def close(self) -> None:
        """End the connection."""
        self.socket.close()

    def send(self, data: bytes) -> None:
        """Send bytes, as far as the other side takes them."""
        with suppress(ConnectionError):
            self.socket.sendall(data)

    def answer(self) -> Answer:
        """Read one answer."""
        head = self._upto(b"\r\n\r\n")
        if not head:
            return NOTHING
        first, *lines = head.decode("latin-1").split("\r\n")
        pairs = [line.partition(": ") for line in lines if line]
        headers = {name.lower(): value for name, _, value in pairs}
        return Answer(int(first.split()[1]), headers, self._body(headers))

    def ask(self, data: bytes) -> Answer:
        """Send a request and read its answer."""
        self.send(data)
        return self.answer()

    def rest(self) -> bytes:
        """Read until the other side ends the connection."""
        while self.read():
            pass
        return self.came

    def _body(self, headers: Mapping[str, str]) -> bytes:
        length = int(headers.get("content-length", "0"))
        while len(self.came) < length and self.read():
            pass
        body, self.came = self.came[:length], self.came[length:]
        return body

    def _upto(self, end: bytes) -> bytes:
        while end not in self.came:
            if not self.read():
                return b""
        head, _, self.came = self.came.partition(end)
        return head

    def read(self) -> bool:
        """Read what comes next; return whether anything did."""
        try:
            data = self.socket.recv(65_536)
        except ConnectionError:
            return False
        self.came += data
        return bool(data)


def cost(url: str, data: bytes, times: int) -> tuple[float, Answer]:
    """Return the processor time of a request in seconds, and its answer.

    It is the time of this process, where the service is, without that of the thread that asks:
    so call it in a thread of its own. The least of several rounds is taken.
    """
    answer = _asked(url, data, 1)
    spent = []
    gc.disable()
    try:
        for _ in range(ROUNDS):
            began, own = time.process_time(), time.thread_time()
            _asked(url, data, times)
            spent.append(time.process_time() - began - (time.thread_time() - own))
    finally:
        gc.enable()
    return min(spent) / times, answer


def _asked(url: str, data: bytes, times: int) -> Answer:
    answer, wire = NOTHING, Wire(url)
    for _ in range(times):
        answer = wire.ask(data)
        if answer.closes:
            wire.close()
            wire = Wire(url)
    wire.close()
    return answer
