"""Check that every sealed field of the log can be opened; name those altered or moved."""

from collections.abc import AsyncIterator, Sequence
from uuid import UUID

import msgspec

from rostra import codec, ids
from rostra.deciding.stream_states import fold
from rostra.log import EventLog, Recorded, read_pages
from rostra.sealing import Damaged, Erased, KeyRing
from rostra_adapters.application.feed.names import Names
from rostra_adapters.application.ports import Difference
from rostra_adapters.application.stream_state_reader import events_of

ROWS_READ_MAX = 2_000


class _Sealed(msgspec.Struct, frozen=True):
    row: Recorded
    event: codec.AnyEvent
    event_id: UUID
    sealed: bytes


async def unopened_words(log: EventLog, ring: KeyRing) -> AsyncIterator[Difference]:
    """Yield the sealed fields that do not open.

    They are damaged, or their key is missing although the person was not erased.
    """
    names = Names(log)
    async for rows in read_pages(log, 0, await log.head(), ROWS_READ_MAX):
        for difference in await _unopened(log, ring, names, rows):
            yield difference


async def _unopened(
    log: EventLog, ring: KeyRing, names: Names, rows: Sequence[Recorded]
) -> list[Difference]:
    found = [it for row in rows if (it := _sealed(row)) is not None]
    named = await names.of({ids.discussion_of(it.row.stream) for it in found})
    owned = [
        (it, codec.words_owner(it.event, name.site))
        for it in found
        if (name := named.get(ids.discussion_of(it.row.stream))) and name.site is not None
    ]
    await ring.load({owner for _, owner in owned})
    keyless: dict[UUID, list[_Sealed]] = {}
    differences = []
    for it, owner in owned:
        place = codec.words_place(it.row.stream, it.row.topic, it.event_id)
        try:
            codec.open_words(it.sealed, ring, owner, place)
        except Erased:
            keyless.setdefault(owner, []).append(it)
        except Damaged:
            differences.append(_difference(it, "words that are damaged"))
    for owner, fields in keyless.items():
        if not await _was_erased(log, owner):
            differences += [_difference(it, "words without their key") for it in fields]
    return differences


def _sealed(row: Recorded) -> _Sealed | None:
    try:
        event = codec.decode(row.topic, row.state) if ids.is_ours(row.stream) else None
    except msgspec.DecodeError:  # the views name it
        return None
    if event is None or row.event_id is None:
        return None
    sealed = codec.sealed_words(event)
    return None if sealed is None else _Sealed(row, event, row.event_id, sealed)


async def _was_erased(log: EventLog, owner: UUID) -> bool:
    if ids.kind_of(owner) != ids.Kind.PERSON:
        return False
    rows = (await log.read_streams([owner]))[owner]
    return bool(fold(ids.Kind.PERSON, events_of(rows)).erasures)


def _difference(it: _Sealed, found: str) -> Difference:
    row = it.row
    return Difference("log", "stored_events", str(row.position), f"those of a {row.topic}", found)
