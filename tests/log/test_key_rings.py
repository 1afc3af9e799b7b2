"""What every key ring promises, wherever it keeps its keys."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest
from eventsourcing.sqlite import SQLiteDatastore

from rostra.sealing import Damaged, Erased, associated_data
from rostra_adapters.errors import WrongMasterKey
from rostra_adapters.keys import ring as key_ring
from rostra_adapters.keys.ring import MasterKeys, StoredKey, StoredKeyRing, fingerprint
from rostra_adapters.postgres import PostgresKeyRing
from rostra_adapters.postgres.keys.ring import MAKING, STORE
from rostra_adapters.stock.keys import MemoryKeyRing, SqliteKeyRing

Open = Callable[[MasterKeys], StoredKeyRing]

ANN, BOB = UUID(int=1), UUID(int=2)
MASTER = MasterKeys(secrets.token_bytes(32))
HERE = associated_data(UUID(int=7), "comment.posted", UUID(int=8), "personal")
ELSEWHERE = associated_data(UUID(int=9), "comment.posted", UUID(int=8), "personal")


@pytest.fixture
async def open_postgres(pool: asyncpg.Pool) -> Open:
    return lambda masters: PostgresKeyRing(pool, masters)


@pytest.fixture
async def open_sqlite(tmp_path: Path) -> AsyncIterator[Open]:
    datastore = SQLiteDatastore(str(tmp_path / "keys.sqlite"))
    yield lambda masters: SqliteKeyRing(datastore, masters)
    datastore.close()


@pytest.fixture(params=["postgres", "sqlite"])
def open_ring(request: pytest.FixtureRequest) -> Open:
    """Opens a ring on the same keys, as another process would."""
    opener: Open = request.getfixturevalue(f"open_{request.param}")
    return opener


@pytest.fixture(params=["postgres", "sqlite", "memory"])
def ring(request: pytest.FixtureRequest) -> StoredKeyRing:
    if request.param == "memory":
        return MemoryKeyRing()
    opener: Open = request.getfixturevalue(f"open_{request.param}")
    return opener(MASTER)


async def test_what_was_sealed_opens_in_its_place(ring: StoredKeyRing) -> None:
    await ring.make([ANN])
    sealed = ring.seal(ANN, b"words", HERE)

    assert ring.open(ANN, sealed, HERE) == b"words"
    assert b"words" not in sealed


async def test_the_sealed_bytes_have_the_documented_form(ring: StoredKeyRing) -> None:
    await ring.make([ANN])
    first, second = (ring.seal(ANN, b"words", HERE) for _ in range(2))

    assert len(first) == 1 + 8 + 12 + len(b"words") + 16
    assert first[0] == 1
    assert first[1:9] == second[1:9]  # the key's id
    assert first[9:21] != second[9:21]  # the nonce


async def test_moved_or_altered_it_is_damaged(ring: StoredKeyRing) -> None:
    await ring.make([ANN])
    sealed = ring.seal(ANN, b"words", HERE)
    altered = bytes([*sealed[:-1], sealed[-1] ^ 1])

    for bytes_, place in [(sealed, ELSEWHERE), (altered, HERE), (sealed[:20], HERE), (b"", HERE)]:
        with pytest.raises(Damaged):
            ring.open(ANN, bytes_, place)
    with pytest.raises(Damaged):
        ring.open(ANN, b"\x02" + sealed[1:], HERE)


async def test_without_its_key_it_is_erased(ring: StoredKeyRing) -> None:
    await ring.make([ANN])
    sealed = ring.seal(ANN, b"words", HERE)
    await ring.load([BOB])

    with pytest.raises(Erased):
        ring.open(BOB, sealed, HERE)
    await ring.make([BOB])
    with pytest.raises(Erased):
        ring.open(BOB, sealed, HERE)


async def test_only_loaded_keys_seal_and_open(ring: StoredKeyRing) -> None:
    with pytest.raises(LookupError):
        ring.seal(ANN, b"words", HERE)
    await ring.load([ANN])
    with pytest.raises(LookupError):
        ring.seal(ANN, b"words", HERE)
    await ring.make([ANN])
    sealed = ring.seal(ANN, b"words", HERE)
    ring.forget([ANN])
    with pytest.raises(LookupError):
        ring.open(ANN, sealed, HERE)


async def test_loading_makes_no_key_and_making_makes_one(ring: StoredKeyRing) -> None:
    await ring.make([ANN])
    sealed = ring.seal(ANN, b"words", HERE)
    ring.forget([ANN])
    await ring.make([ANN, BOB])

    assert ring.open(ANN, sealed, HERE) == b"words"


async def test_more_owners_than_are_remembered_can_be_used_at_once(
    ring: StoredKeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_ring, "KEYS_LOADED_MAX", 3)
    owners = [uuid4() for _ in range(10)]
    await ring.make(owners)
    sealed = {owner: ring.seal(owner, owner.bytes, HERE) for owner in owners}

    await ring.load([ANN])
    with pytest.raises(LookupError):
        ring.open(owners[0], sealed[owners[0]], HERE)
    await ring.load(owners)
    assert all(ring.open(owner, sealed[owner], HERE) == owner.bytes for owner in owners)


async def test_processes_that_make_the_same_key_at_once_share_it(open_ring: Open) -> None:
    rings = [open_ring(MASTER) for _ in range(8)]
    owners = [uuid4() for _ in range(20)]
    await asyncio.gather(
        *(ring.make(owners[:: (-1) ** number]) for number, ring in enumerate(rings))
    )

    for owner in owners:
        sealed = rings[0].seal(owner, b"words", HERE)
        assert [ring.open(owner, sealed, HERE) for ring in rings] == [b"words"] * len(rings)


async def test_a_new_master_key_opens_what_a_former_one_sealed(open_ring: Open) -> None:
    former, current = secrets.token_bytes(32), secrets.token_bytes(32)
    before = open_ring(MasterKeys(former))
    await before.make([ANN])
    sealed = before.seal(ANN, b"words", HERE)

    after = open_ring(MasterKeys(current, former))
    await after.make([ANN, BOB])
    assert after.open(ANN, sealed, HERE) == b"words"
    with pytest.raises(WrongMasterKey):  # not "erased": the words are still there
        await open_ring(MasterKeys(current)).load([ANN])


async def test_a_key_is_not_another_owners(pool: asyncpg.Pool) -> None:
    ring = PostgresKeyRing(pool, MASTER)
    await ring.make([ANN])
    await pool.execute("update rostra_keys.person_keys set owner = $1", BOB)

    with pytest.raises(WrongMasterKey):
        await ring.load([BOB])


async def test_a_destroyed_key_can_be_made_anew_and_opens_nothing_old(ring: StoredKeyRing) -> None:
    await ring.make([ANN, BOB])
    sealed, bobs = (ring.seal(owner, b"words", HERE) for owner in (ANN, BOB))
    await ring.destroy({ANN: 1})

    await ring.load([ANN, BOB])
    with pytest.raises(Erased):
        ring.open(ANN, sealed, HERE)
    assert ring.open(BOB, bobs, HERE) == b"words"
    assert await ring.make([ANN], {ANN: 1}) == frozenset()
    with pytest.raises(Erased):
        ring.open(ANN, sealed, HERE)
    again = ring.seal(ANN, b"again", HERE)
    await ring.destroy({ANN: 1})  # the same erasure, told again
    await ring.load([ANN])
    assert ring.open(ANN, again, HERE) == b"again"
    await ring.destroy({ANN: 2})
    await ring.load([ANN])
    with pytest.raises(Erased):
        ring.open(ANN, again, HERE)


class Slow(MemoryKeyRing):
    """Has looked for keys, and is long in telling."""

    def __init__(self) -> None:
        super().__init__()
        self.looked, self.tell = asyncio.Event(), asyncio.Event()
        self.tell.set()

    async def _find(self, owners: Sequence[UUID]) -> Iterable[StoredKey]:
        found = await super()._find(owners)
        self.looked.set()
        await self.tell.wait()
        return found


@pytest.mark.parametrize("was_loaded", [True, False])
async def test_a_key_that_goes_while_others_are_looked_for_is_not_loaded(was_loaded: bool) -> None:  # noqa: FBT001
    ring = Slow()
    await ring.make([ANN, BOB])
    sealed = ring.seal(ANN, b"words", HERE)
    ring.forget([BOB] if was_loaded else [ANN, BOB])
    ring.looked.clear()
    ring.tell.clear()
    loading = asyncio.create_task(ring.load([ANN, BOB]))
    await ring.looked.wait()
    await ring.destroy({ANN: 1})
    ring.tell.set()
    await loading
    with pytest.raises(Erased):
        ring.open(ANN, sealed, HERE)
    assert ring.seal(BOB, b"words", HERE)


async def test_in_sqlite_not_even_the_wrapped_key_is_left(tmp_path: Path) -> None:
    datastore = SQLiteDatastore(str(tmp_path / "keys.sqlite"))
    ring = SqliteKeyRing(datastore, MASTER)
    await ring.make([ANN, BOB])
    wrapped = [kept.wrapped for kept in await ring._find([ANN, BOB])]

    def found() -> list[bool]:
        files = b"".join(path.read_bytes() for path in tmp_path.iterdir())
        return [key in files for key in wrapped]

    assert found() == [True, True]
    await ring.destroy({ANN: 1})
    assert found() == [False, True]
    datastore.close()


async def test_no_key_is_made_for_who_does_not_know_of_the_erasure(ring: StoredKeyRing) -> None:
    await ring.destroy({ANN: 1})
    await ring.destroy({ANN: 1})

    assert await ring.make([ANN, BOB]) == {ANN}
    with pytest.raises(LookupError):
        ring.seal(ANN, b"words", HERE)
    assert ring.seal(BOB, b"words", HERE)
    assert await ring.make([ANN], {ANN: 1}) == frozenset()


async def test_a_key_from_before_an_erasure_is_never_used_after_it(ring: StoredKeyRing) -> None:
    """Though it was not destroyed, as after a backup of keys that is older than the log's."""
    await ring.make([ANN])
    sealed = ring.seal(ANN, b"words", HERE)

    assert await ring.make([ANN], {ANN: 1}) == frozenset()
    with pytest.raises(Erased):
        ring.open(ANN, sealed, HERE)


async def test_another_process_seals_with_the_key_that_follows_an_erasure(open_ring: Open) -> None:
    here, there = open_ring(MASTER), open_ring(MASTER)
    await here.make([ANN])
    await there.make([ANN])
    await here.destroy({ANN: 1})  # and the other has not heard of it

    await there.make([ANN], {ANN: 1})
    sealed = there.seal(ANN, b"again", HERE)
    await here.load([ANN])
    assert here.open(ANN, sealed, HERE) == b"again"


async def test_keys_made_while_their_owner_is_erased_do_not_outlive_it(open_ring: Open) -> None:
    for _ in range(10):
        owner, rings = uuid4(), [open_ring(MASTER) for _ in range(4)]
        await asyncio.gather(rings[0].destroy({owner: 1}), *(it.make([owner]) for it in rings[1:]))
        after = open_ring(MASTER)
        await after.load([owner])
        for it in rings[1:]:
            with suppress(LookupError):  # it was too late to get one
                sealed = it.seal(owner, b"words", HERE)
                with pytest.raises(Erased):
                    after.open(owner, sealed, HERE)


async def test_who_keeps_words_is_told_whose_are_gone(ring: StoredKeyRing) -> None:
    told: list[object] = []
    ring.on_destruction(lambda owners: told.append(None if owners is None else set(owners)))
    await ring.destroy({ANN: 1, BOB: 3})
    ring.receive(None)
    assert told == [{ANN, BOB}, None]


async def test_a_new_master_key_is_wrapped_around_the_keys_that_are_there(open_ring: Open) -> None:
    former, current = secrets.token_bytes(32), secrets.token_bytes(32)
    before = open_ring(MasterKeys(former))
    owners = [uuid4() for _ in range(5)]
    await before.make([ANN, *owners])
    sealed = before.seal(owners[0], b"words", HERE)
    await before.destroy({ANN: 1})
    both = open_ring(MasterKeys(current, former))
    await both.make([BOB])

    assert await both.rewrap() == len(owners)
    assert await both.rewrap() == 0
    alone = open_ring(MasterKeys(current))
    await alone.load([ANN, BOB, *owners])
    assert alone.open(owners[0], sealed, HERE) == b"words"
    assert await alone.make([ANN]) == {ANN}


async def test_while_a_process_has_the_former_master_key_alone_it_opens_what_others_make(
    pool: asyncpg.Pool,
) -> None:
    """Services are started again one after the other."""
    former, current = secrets.token_bytes(32), secrets.token_bytes(32)
    async with AsyncExitStack() as processes:
        old = await processes.enter_async_context(PostgresKeyRing(pool, MasterKeys(former)))
        new_keys = MasterKeys(current, former)
        async with PostgresKeyRing(pool, new_keys) as new:
            assert await new.of_other_masters() == 1
            await new.make([ANN])
            sealed = new.seal(ANN, b"words", HERE)
            await old.load([ANN])
            assert old.open(ANN, sealed, HERE) == b"words"
    async with PostgresKeyRing(pool, new_keys) as new:
        await new.make([BOB])
        alone = PostgresKeyRing(pool, MasterKeys(current))
        await alone.load([BOB])
        assert await new.rewrap() == 1
        await alone.load([ANN])
        assert alone.open(ANN, sealed, HERE) == b"words"


async def test_a_former_master_key_that_nobody_has_any_more_wraps_nothing(
    pool: asyncpg.Pool,
) -> None:
    """Of a process that still knows the one before it, when the next is being replaced."""
    first, second, third = (secrets.token_bytes(32) for _ in range(3))
    async with (
        PostgresKeyRing(pool, MasterKeys(second, first)) as old,
        PostgresKeyRing(pool, MasterKeys(third, second)) as new,
    ):
        await old.make([ANN])
        await new.make([BOB])
    later = PostgresKeyRing(pool, MasterKeys(third, second))
    await later.load([ANN, BOB])
    assert await later.rewrap() == 2


async def test_a_key_that_is_being_made_is_not_left_with_the_former_master_key(
    pool: asyncpg.Pool,
) -> None:
    former, current = secrets.token_bytes(32), secrets.token_bytes(32)
    both = PostgresKeyRing(pool, MasterKeys(current, former))
    kept = both._wrapped_afresh(both._new(ANN, 0), fingerprint(former))
    async with pool.acquire() as connection:
        making = connection.transaction()
        await making.start()
        await connection.execute(MAKING)
        row = ([kept.owner], [kept.key_id], [kept.wrapped], [kept.master], [0])
        await connection.execute(STORE, *row)
        rewrapping = asyncio.create_task(both.rewrap())
        waits = "select count(*) from pg_locks where not granted and mode = 'ShareLock'"
        while not await pool.fetchval(waits):  # noqa: ASYNC110  # others' doing
            await asyncio.sleep(0.01)
        await making.commit()
    assert await rewrapping == 1
    alone = PostgresKeyRing(pool, MasterKeys(current))
    await alone.load([ANN])


def test_a_master_key_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        MasterKeys(b"short")
