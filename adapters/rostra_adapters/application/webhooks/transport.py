"""Port to the network that webhooks are sent through."""

from collections.abc import Mapping
from typing import Protocol

import msgspec


class NotSent(Exception):
    """There is no answer; the receiver may or may not have got the request."""


class Answer(msgspec.Struct, frozen=True):
    """Answer of a receiver."""

    status: int
    body: bytes | None
    """None if it is longer than allowed."""

    @property
    def is_success(self) -> bool:
        """True for a status of 200 to 299."""
        return 200 <= self.status < 300


class Poster(Protocol):
    """Sends requests to public addresses, and to private ones in `networks`."""

    async def post(
        self,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        *,
        networks: tuple[str, ...],
        seconds: float,
        answer_bytes_max: int,
    ) -> Answer:
        """Post a body, and wait at most `seconds` for the whole answer. Raises NotSent."""
