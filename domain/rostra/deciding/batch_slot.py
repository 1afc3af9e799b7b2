"""Place of a batch in the pipeline of batches."""

from collections.abc import Collection
from typing import Protocol

from rostra.deciding.stream_cache import StreamCache


class BatchSlot(Protocol):
    """Place of a batch in the pipeline: it is decided while the batch before is appended."""

    cache: StreamCache
    changed_streams: set[int]
    """Numbers of the ids of the streams that this batch changed otherwise than the cache said when
    the next batch was decided. `wait_for_previous` gives them to that batch."""

    @property
    def is_ready(self) -> bool:
        """Return whether all earlier batches have finished."""

    async def wait_for_previous(self) -> Collection[int] | None:
        """Wait until earlier batches finish. Return the streams they changed, None if unknown."""

    def release(self) -> None:
        """Let the next batch decide."""


class NoEarlierBatches:
    """Place of a batch without earlier or later ones: it waits for none."""

    def __init__(self, cache: StreamCache) -> None:
        self.cache = cache
        self.changed_streams: set[int] = set()

    @property
    def is_ready(self) -> bool:
        return True

    async def wait_for_previous(self) -> Collection[int] | None:
        return ()

    def release(self) -> None:
        """Do nothing: no batch waits."""
