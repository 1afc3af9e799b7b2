"""Place of a batch in the pipeline of batches."""

from collections.abc import Collection

from rostra.deciding.stream_cache import StreamCache


class BatchSlot:
    """Place of a batch in the pipeline: it is decided while the batch before is appended.

    `disturbed` holds the numbers of the ids of the streams that this batch changed otherwise than
    the cache said when the next batch was decided. `wait_for_previous` gives them to that batch.
    """

    def __init__(self, known: StreamCache) -> None:
        self.known = known
        self.disturbed: set[int] = set()

    @property
    def is_ready(self) -> bool:
        """Return whether all earlier batches have finished."""
        return True

    async def wait_for_previous(self) -> Collection[int] | None:
        """Wait until earlier batches finish. Return the streams they changed, None if unknown."""
        return ()

    def release(self) -> None:
        """Let the next batch decide."""
