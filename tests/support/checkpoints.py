"""Checkpoints of followers of the log."""

from uuid import uuid4

from rostra_adapters.application.checkpoint import Checkpoint, CheckpointedStore


async def follow_another_log(store: CheckpointedStore) -> None:
    """Move a checkpoint into a log that is gone, as after a restore."""
    assert await store.advance(await store.checkpoint(), Checkpoint(uuid4(), 0))
